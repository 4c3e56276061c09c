#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shop.py METER_PORT BROKER_PORT: what stands beside the machines of factory.py, on loopback: the hall's energy meter (Modbus, an Eastron
SDM630 as its registers have it) and a hardening oven on a Sparkplug edge node, over the broker at BROKER_PORT. Prints a line READY for each."""
import asyncio
import math
import random
import struct
import sys
import threading
import time

import pysparkplug as psp
from pymodbus import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

energy = 48211.0


def load_of_the_hall(at):
    """kW: a day shift with its breaks, and what runs at night."""
    hour = at / 3600 % 24
    day = 1 if 6 <= hour < 22 and at // 86400 % 7 < 5 else 0.15
    breaks = 0.5 if any(b <= hour < b + 0.4 for b in (9, 12, 15, 18)) else 1
    return 6 + 38 * day * breaks * (1 + 0.15 * math.sin(at / 210)) + random.uniform(0, 2)


def registers():
    watt = 1000 * load_of_the_hall(time.time())
    thirds = [watt * f for f in (0.35, 0.33, 0.32)]
    volts = [230 + random.uniform(-2, 2) for _ in thirds]
    values = {0: volts[0], 2: volts[1], 4: volts[2], 12: thirds[0], 14: thirds[1], 16: thirds[2], 52: watt, 62: 0.94, 70: 50.0, 72: energy, 74: 0.0}
    for i in range(3):
        values[6 + 2 * i] = thirds[i] / volts[i]
    return {at + i: word for at, v in values.items() for i, word in enumerate(struct.unpack(">HH", struct.pack(">f", v)))}


async def meter(port):
    async def answer(function, start, address, count, current, new):
        if new is None:
            for at, word in registers().items():
                if start <= at < start + len(current):
                    current[at - start] = word

    identity = ModbusDeviceIdentification(info_name={"VendorName": "Eastron", "ProductCode": "SDM630-M", "MajorMinorRevision": "1.2",
                                                     "ProductName": "SDM630", "ModelName": "SDM630-Modbus"})
    device = SimDevice(1, [SimData(0, count=76, values=0, datatype=DataType.REGISTERS)], action=answer)
    server = ModbusTcpServer([device], address=("127.0.0.1", port), identity=identity)
    await server.serve_forever(background=True)
    print(f"READY modbus://127.0.0.1:{port}/1", flush=True)
    global energy
    while True:
        await asyncio.sleep(10)
        energy += load_of_the_hall(time.time()) / 360


def oven(port):
    def metrics(since):
        phase = since % 240
        heating, holding = phase < 60, 60 <= phase < 180
        temperature = 60 + 790 * min(1, phase / 60) if heating else 850 if holding else 850 - 790 * (phase - 180) / 60
        now = psp.get_current_timestamp()

        def one(name, datatype, value):
            return psp.Metric(timestamp=now, name=name, datatype=datatype, value=value)
        return [one("Chamber/Temperature", psp.DataType.DOUBLE, round(temperature + random.uniform(-1.5, 1.5), 1)),
                one("Setpoint", psp.DataType.DOUBLE, 850.0), one("State", psp.DataType.STRING, "Running" if heating or holding else "Idle"),
                one("PartCount", psp.DataType.INT32, int(since // 240) * 12), one("Program", psp.DataType.STRING, "HARDEN-850"),
                one("Door/Open", psp.DataType.BOOLEAN, phase > 230)]

    began = time.time()
    while True:  # a session until somebody asks for a rebirth, which this library answers with a new one
        wanted = threading.Event()

        def command(edge, message):
            if any(m.name == "Node Control/Rebirth" and m.value for m in message.payload.metrics):
                wanted.set()

        edge = psp.EdgeNode("hall1", "Gateway", [psp.Metric(timestamp=psp.get_current_timestamp(), name="Properties/Hardware Make",
                                                            datatype=psp.DataType.STRING, value="Demo Gateways")], cmd_callback=command)
        edge.register(psp.Device("Oven-1", metrics(time.time() - began)))
        edge.connect("127.0.0.1", port=port)
        if not ready.is_set():
            print("READY sparkplug", flush=True)
            ready.set()
        while not wanted.wait(1):
            edge.update_device("Oven-1", metrics(time.time() - began))
        edge.disconnect()


ready = threading.Event()
threading.Thread(target=oven, args=(int(sys.argv[2]),), daemon=True).start()
asyncio.run(meter(int(sys.argv[1])))
