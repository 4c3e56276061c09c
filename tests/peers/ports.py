# SPDX-License-Identifier: Apache-2.0
"""A port for a server that has to be told one. It lies below those the system gives to clients (from 32768), so nobody
else gets it between the choice and its use, however many tests run at a time."""
import random
import socket


def free_port():
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
