# SPDX-License-Identifier: Apache-2.0
"""s7_sim PORT [--pdu N]: the S7 server of snap7 (a CPU 315 with PUT/GET open). DB10, 200 bytes: 0 real 21.5; 4 int -7; 6 dint -100000; 10 word 0xBEEF;
12.3 bool on; 14 lreal 0.1; 22 string[20] "O1004.NC"; 44 date and time 2026-11-24 10:02:31.250; 52 dtl of the same; 64 usint 250; 65 sint -3;
66 udint 4000000000; 70 time 1500 ms; 74 ulint 2^63+5; 82 date 2026-11-24; 84 time of day 10:00; 100 int counts up. DB12, 600 bytes: 0 string[254] of 250 "x", 300 int 5.
M20 word 77; I0.1 on. Nothing else is there. SIGUSR1: the CPU goes to STOP. --pdu N: messages of at most N bytes."""
import argparse
import ctypes
import signal
import struct
import time

from snap7.server import Server
from snap7.type import Parameter, SrvArea

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--pdu", type=int)
a = parser.parse_args()

data = bytearray(200)
struct.pack_into(">f", data, 0, 21.5)
struct.pack_into(">h", data, 4, -7)
struct.pack_into(">i", data, 6, -100000)
struct.pack_into(">H", data, 10, 0xBEEF)
data[12] = 1 << 3
struct.pack_into(">d", data, 14, 0.1)
data[22:44] = bytes([20, 8]) + b"O1004.NC".ljust(20, b"\0")
data[44:52] = bytes([0x26, 0x11, 0x24, 0x10, 0x02, 0x31, 0x25, 0x03])
data[52:64] = struct.pack(">HBBBBBBI", 2026, 11, 24, 3, 10, 2, 31, 250_000_000)
data[64], data[65] = 250, 256 - 3
struct.pack_into(">I", data, 66, 4_000_000_000)
struct.pack_into(">i", data, 70, 1500)
struct.pack_into(">Q", data, 74, 2**63 + 5)
struct.pack_into(">HI", data, 82, 13476, 36_000_000)
long = bytearray(600)
long[0:252] = bytes([254, 250]) + b"x" * 250
struct.pack_into(">h", long, 300, 5)
block = (ctypes.c_uint8 * len(data)).from_buffer(data)
flags, inputs = (ctypes.c_uint8 * 64)(), (ctypes.c_uint8 * 16)()
flags[21] = 77
inputs[0] = 2
server = Server(log=False)
if a.pdu:
    server.set_param(Parameter.PDURequest, a.pdu)
server.register_area(SrvArea.DB, 10, block)
server.register_area(SrvArea.DB, 12, (ctypes.c_uint8 * len(long)).from_buffer(long))
server.register_area(SrvArea.MK, 0, flags)
server.register_area(SrvArea.PE, 0, inputs)
server.start_to("127.0.0.1", a.port) if hasattr(server, "start_to") else server.start(a.port)
signal.signal(signal.SIGUSR1, lambda *_: server.set_cpu_status(4))
print(f"READY 127.0.0.1:{a.port}", flush=True)
began = time.time()
while True:
    time.sleep(0.05)
    struct.pack_into(">h", data, 100, int((time.time() - began) * 10) % 30000)
