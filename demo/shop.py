#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shop.py METER_PORT BROKER_PORT [--shop PLAN]: what stands beside the machines of the demo
shop, on loopback: the hall's energy meter (Modbus, an Eastron SDM630 as its registers have it)
and a hardening oven on a Sparkplug edge node, over the broker at BROKER_PORT. Prints a line
READY for each."""

import asyncio
import random
import struct
import threading
import time

import pysparkplug as psp
from pymodbus import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

import shop_model as shop
from shop_names import OVEN_STATE

# ---- the meter ----


def registers(all_of, at):
    watt = all_of.meter_watts(at)
    thirds = [watt * f for f in (0.35, 0.33, 0.32)]
    volts = [230 + random.uniform(-2, 2) for _ in thirds]
    values = {
        0: volts[0],
        2: volts[1],
        4: volts[2],
        12: thirds[0],
        14: thirds[1],
        16: thirds[2],
        52: watt,
        62: 0.94,
        70: 50.0,
        72: all_of.meter_kwh(at),
        74: 0.0,
    }
    for i in range(3):
        values[6 + 2 * i] = thirds[i] / volts[i]
    return {
        at + i: word
        for at, v in values.items()
        for i, word in enumerate(struct.unpack(">HH", struct.pack(">f", v)))
    }


async def meter(port, all_of):
    async def answer(function, start, address, count, current, new):
        if new is None:
            for at, word in registers(all_of, time.time()).items():
                if start <= at < start + len(current):
                    current[at - start] = word

    identity = ModbusDeviceIdentification(
        info_name={
            "VendorName": "Eastron",
            "ProductCode": "SDM630-M",
            "MajorMinorRevision": "1.2",
            "ProductName": "SDM630",
            "ModelName": "SDM630-Modbus",
        }
    )
    device = SimDevice(
        1, [SimData(0, count=76, values=0, datatype=DataType.REGISTERS)], action=answer
    )
    server = ModbusTcpServer([device], address=("127.0.0.1", port), identity=identity)
    await server.serve_forever(background=True)
    print(f"READY modbus://127.0.0.1:{port}/1", flush=True)
    await asyncio.Event().wait()


# ---- the oven ----


def metric(name, datatype, value):
    return psp.Metric(
        timestamp=psp.get_current_timestamp(),
        name=name,
        datatype=getattr(psp.DataType, datatype),
        value=value,
    )


def metrics(n):
    """The oven as it is now."""
    hot = 850 if n.program == "HARDEN-850" else 220
    degrees = hot - 40 * (n.into_part < 15) if n.state == "running" else hot - 90
    return [
        metric("Chamber/Temperature", "DOUBLE", round(degrees + random.uniform(-1.5, 1.5), 1)),
        metric("Setpoint", "DOUBLE", float(hot)),
        metric("State", "STRING", OVEN_STATE[n.state]),
        metric("PartCount", "INT64", n.good),
        metric("ScrapCount", "INT64", n.scrap),
        metric("Program", "STRING", n.program),
        metric("Load", "DOUBLE", n.load),
        metric("Power", "DOUBLE", float(n.watts)),
        metric("Energy", "DOUBLE", n.kwh),
        metric("Door/Open", "BOOLEAN", n.state != "running"),
    ]


def oven(port, timeline, ready):
    while (
        True
    ):  # a session until somebody asks for a rebirth, which this library answers with a new one
        wanted = threading.Event()

        def command(edge, message):
            if any(m.name == "Node Control/Rebirth" and m.value for m in message.payload.metrics):
                wanted.set()

        edge = psp.EdgeNode(
            "hall1",
            "Gateway",
            [metric("Properties/Hardware Make", "STRING", "Demo Gateways")],
            cmd_callback=command,
        )
        edge.register(psp.Device("Oven-01", metrics(timeline.now(time.time()))))
        edge.connect("127.0.0.1", port=port)
        if not ready.is_set():
            print("READY sparkplug", flush=True)
            ready.set()
        while not wanted.wait(1):
            edge.update_device("Oven-01", metrics(timeline.now(time.time())))
        edge.disconnect()


def main():
    a = shop.arguments(
        "what stands beside the machines of the demo shop",
        ("meter", {"type": int}),
        ("broker", {"type": int}),
    )
    plan = shop.Plan.read(a.shop)
    own = shop.Shop(plan).machines["Oven-01"]  # of its own thread
    threading.Thread(target=oven, args=(a.broker, own, threading.Event()), daemon=True).start()
    asyncio.run(meter(a.meter, shop.Shop(plan)))


try:
    main()
except KeyboardInterrupt:
    pass
