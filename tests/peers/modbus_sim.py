# SPDX-License-Identifier: Apache-2.0
"""modbus_sim [--port N | --line DEVICE] [--rtu] [--control FILE]: pymodbus as three units. FILE, read at each request, holds JSON such as
{"delay": 0.5} or {"delay": 0.5, "units": [2]} or {"exceptions": {"2": 11, "1/60": 4}}, by unit or by unit and a place that is read. Places that are not listed answer exception 2, other units exception 4 or nothing.

unit 1 holding: 0 float32 231.5 ABCD, 2 CDAB, 4 BADC, 6 DCBA; 8 int32 -123456 ABCD, 10 CDAB, 12 BADC, 14 DCBA; 16 uint64 2^63+5
ABCD; 20 float64 -0.1 DCBA; 24 int16 -275; 25 uint16 0b101101; 26..33 string "EM-340-SIM"; 50 uint16 counts up; 60 uint16 7, 62 uint16
8 (61 is not there); input: 5 uint16 4711; coils: 3 on; discrete inputs: 7 on. unit 2 holding: 100 uint16 22. unit 3 has one register."""
import argparse
import asyncio
import json
import struct
import time

from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--line")
parser.add_argument("--rtu", action="store_true")
parser.add_argument("--control")
parser.add_argument("--anonymous", action="store_true")
parser.add_argument("--vendor", default="Koppel Test Works")
parser.add_argument("--product", default="EM340")
parser.add_argument("--revision", default="2.7")
options = parser.parse_args()
began = time.time()


def words(data):
    return list(struct.unpack(f">{len(data) // 2}H", data))


def swapped(registers):
    return [(w >> 8 | w << 8) & 0xffff for w in registers]


f, i = words(struct.pack(">f", 231.5)), words(struct.pack(">i", -123456))
holding = [*f, *f[::-1], *swapped(f), *swapped(f[::-1]), *i, *i[::-1], *swapped(i), *swapped(i[::-1]),
           *words(struct.pack(">Q", 2**63 + 5)), *swapped(words(struct.pack(">d", -0.1))[::-1]), -275 & 0xffff, 0b101101,
           *words(b"EM-340-SIM".ljust(16, b"\0"))]


def registers(at, values):
    return SimData(at, values=values, datatype=DataType.REGISTERS)


def bits(at, values):
    return SimData(at, values=values, datatype=DataType.BITS)


def action(unit):
    async def act(function, start, address, count, current, new):
        if options.control:
            with open(options.control, encoding="utf-8") as file:
                wish = json.load(file)
            if unit in wish.get("units", [1, 2, 3]):
                await asyncio.sleep(wish.get("delay", 0))
            for key, code in wish.get("exceptions", {}).items():
                of, _, place = key.partition("/")
                if int(of) == unit and (not place or address <= int(place) < address + count):
                    return ExcCodes(code)
        if new is None and function == 3 and unit == 1 and start <= 50 < start + len(current):
            current[50 - start] = int((time.time() - began) * 10) & 0xffff
        return None
    return act


identity = None if options.anonymous else ModbusDeviceIdentification(info_name={
    "VendorName": options.vendor, "ProductCode": "KTW-340", "MajorMinorRevision": options.revision, "ProductName": options.product, "ModelName": "EM340-X"})
units = [
    SimDevice(1, ([bits(0, [False, False, False, True])], [bits(0, [False] * 7 + [True])],
                  [registers(0, holding), registers(50, [0]), registers(60, [7]), registers(62, [8])],
                  [registers(0, [0, 0, 0, 0, 0, 4711])]), action=action(1)),
    SimDevice(2, [registers(100, [22])], action=action(2)),
    SimDevice(3, [registers(0, [1])], action=action(3)),
]


async def main():
    if options.line:
        server = ModbusSerialServer(units, port=options.line, parity="N", baudrate=19200, framer=FramerType.RTU, identity=identity)
    else:
        server = ModbusTcpServer(units, identity=identity, address=("127.0.0.1", options.port),
                                 framer=FramerType.RTU if options.rtu else FramerType.SOCKET)
    await server.serve_forever(background=True)
    at = options.line or "127.0.0.1:%d" % options.port
    print(f"READY {at}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
