# SPDX-License-Identifier: Apache-2.0
"""Programs that end with the one that started them, however that one ends (Linux)."""

import ctypes
import signal
import subprocess

PR_SET_PDEATHSIG = 1


def start(command, **options):
    libc = ctypes.CDLL(None)
    return subprocess.Popen(
        [str(c) for c in command],
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        **options
    )
