#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""factory.py [PORT]: a small factory of two machines, each an OPC UA server on loopback (PORT and PORT + 1).

A milling machine runs programs of some two minutes with tool changes; a laser cutter cuts sheets. Loads follow the program,
temperatures follow the loads, parts are counted when a program ends, energy adds up, and now and then a sensor fails or
doubts. Each machine identifies itself as OPC 40001 Machinery asks. Prints a line READY URL per machine."""
import asyncio
import logging
import math
import random
import sys
import time
from datetime import datetime, timezone

from asyncua import Server, ua

DI, MACHINERY = "http://opcfoundation.org/UA/DI/", "http://opcfoundation.org/UA/Machinery/"
UNITS = {  # UN/CEFACT common code: text
    "CEL": "°C", "P1": "%", "RPM": "rpm", "MMT": "mm", "AMP": "A", "KWT": "kW", "KWH": "kWh", "BAR": "bar",
    "C16": "mm/s", "H79": "mm/min", "MTR": "m", "SEC": "s", "LTR": "l",
}
STATES = ["NotAvailable", "OutOfService", "NotExecuting", "Executing"]


def unit_id(code):
    """OPC UA Part 8: the characters of the common code, packed into an integer."""
    number = 0
    for character in code:
        number = number << 8 | ord(character)
    return number


class Machine:
    """One server: nameplate, signals, and a way to set them with quality and time."""

    def __init__(self, port, name, nameplate):
        self.port, self.name, self.nameplate = port, name, nameplate
        self.nodes, self.last = {}, {}
        self.energy, self.parts, self.scrap, self.seconds = 18250.0, 41873, 112, 88_400_000

    async def open(self):
        self.server = Server()
        await self.server.init()
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/")
        self.server.set_server_name(self.name)
        await self.server.set_application_uri(f"urn:demo:{self.name}")
        di = await self.server.register_namespace(DI)
        machinery = await self.server.register_namespace(MACHINERY)
        self.ns = await self.server.register_namespace(f"urn:demo:{self.name}")
        machines = await self.server.nodes.objects.add_object(
            ua.NodeId(1001, machinery), ua.QualifiedName("Machines", machinery))
        self.root = await machines.add_object(ua.NodeId(self.name, self.ns), ua.QualifiedName(self.name, self.ns))
        plate = await self.root.add_object(ua.NodeId("Identification", self.ns), ua.QualifiedName("Identification", di))
        for key, value in self.nameplate.items():
            ns = machinery if key in ("YearOfConstruction", "Location") else di
            await plate.add_property(ua.NodeId(f"Identification.{key}", self.ns), ua.QualifiedName(key, ns), value)
        self.folders = {}

    async def add(self, path, value, unit=None, low=None, high=None, enum=None, text="", writable=False):
        parent = self.root
        *folders, name = path.split("/")
        for depth, folder in enumerate(folders):
            key = "/".join(folders[:depth + 1])
            if key not in self.folders:
                self.folders[key] = await parent.add_folder(ua.NodeId(key, self.ns), ua.QualifiedName(folder, self.ns))
            parent = self.folders[key]
        node = await parent.add_variable(ua.NodeId(path, self.ns), ua.QualifiedName(name, self.ns), value)
        if text:
            await node.write_attribute(ua.AttributeIds.Description, ua.DataValue(ua.Variant(
                ua.LocalizedText(text, "en"), ua.VariantType.LocalizedText)))
        if unit:
            await node.add_property(0, "EngineeringUnits", ua.EUInformation(
                "http://www.opcfoundation.org/UA/units/un/cefact", unit_id(unit), ua.LocalizedText(UNITS[unit]),
                ua.LocalizedText(UNITS[unit])))
        if low is not None:
            await node.add_property(0, "EURange", ua.Range(float(low), float(high)))
        if enum:
            await node.add_property(0, "EnumStrings", [ua.LocalizedText(e) for e in enum])
        if writable:
            await node.set_writable()
        self.nodes[path] = (node, value.VariantType)

    async def set(self, path, value, status=0):
        """Writes only what changed."""
        if self.last.get(path) == (value, status):
            return
        self.last[path] = (value, status)
        node, kind = self.nodes[path]
        await self.server.write_attribute_value(node.nodeid, ua.DataValue(
            ua.Variant(value, kind), StatusCode=ua.StatusCode(status), SourceTimestamp=datetime.now(timezone.utc)))


def double(v=0.0):
    return ua.Variant(v, ua.VariantType.Double)


def single(v=0.0):
    return ua.Variant(v, ua.VariantType.Float)


NOISE = random.Random(7)


def noisy(value, spread, digits):
    return round(value + NOISE.gauss(0, spread), digits)


async def make_mill(port):
    m = Machine(port, "Mill-01", {
        "Manufacturer": ua.LocalizedText("Beispiel Maschinenbau", "de"), "Model": ua.LocalizedText("FZ 500", "en"),
        "SerialNumber": "BM-4711", "ProductInstanceUri": "https://example.com/pi/BM-4711", "ProductCode": "FZ500-5AX",
        "HardwareRevision": "B", "SoftwareRevision": "3.2.1", "YearOfConstruction": ua.Variant(2019, ua.VariantType.UInt16),
        "DeviceClass": "Milling machine", "Location": "Hall 1/1"})
    await m.open()
    await m.add("State", ua.Variant(2, ua.VariantType.Int32), enum=STATES, text="machinery item state")
    await m.add("OperationMode", ua.Variant(1, ua.VariantType.Int32), enum=["None", "Processing", "Setup", "Maintenance"])
    await m.add("Program/Name", ua.Variant("O1000.NC", ua.VariantType.String), text="running NC program")
    await m.add("Program/Block", ua.Variant(0, ua.VariantType.Int64))
    await m.add("Program/FeedOverride", double(100.0), "P1", 0, 150, writable=True)
    await m.add("Spindle/Speed", double(), "RPM", 0, 12000, text="spindle speed, actual")
    await m.add("Spindle/Load", double(), "P1", 0, 120)
    await m.add("Spindle/Temperature", double(24.0), "CEL", 0, 90, text="front bearing")
    await m.add("Spindle/Vibration", double(), "C16", 0, 20)
    await m.add("Spindle/Spectrum", ua.Variant([0.0] * 32, ua.VariantType.Float, is_array=True), text="vibration, 32 bands")
    for axis in "XYZ":
        await m.add(f"Axes/{axis}/Position", double(), "MMT", 0, 500)
        await m.add(f"Axes/{axis}/Current", single(), "AMP", 0, 20)
    await m.add("Coolant/Temperature", double(22.0), "CEL", 0, 60)
    await m.add("Coolant/Level", double(86.0), "LTR", 0, 120)
    await m.add("Hydraulics/Pressure", single(180.0), "BAR", 0, 250)
    await m.add("Tool/Number", ua.Variant(1, ua.VariantType.UInt64))
    await m.add("Door/Closed", ua.Variant(True, ua.VariantType.Boolean))
    await m.add("Alarm/Active", ua.Variant(False, ua.VariantType.Boolean))
    await m.add("Alarm/Text", ua.Variant("", ua.VariantType.String))
    await m.add("Parts/Good", ua.Variant(m.parts, ua.VariantType.Int64))
    await m.add("Parts/Scrap", ua.Variant(m.scrap, ua.VariantType.Int64))
    await m.add("Energy/Power", double(), "KWT", 0, 40)
    await m.add("Energy/Total", double(m.energy), "KWH")
    return m


async def run_mill(m):
    cycle, pause, spindle_heat, coolant_heat, fault_until = 130.0, 20.0, 24.0, 22.0, 0.0
    begun, done = time.monotonic() - 40, False
    while True:
        now = time.monotonic()
        t = now - begun
        if t > cycle + pause:
            begun, done, t = now, False, 0.0
        cutting = t < cycle and now > fault_until
        phase = t % 26
        changing = cutting and phase < 3
        load = 0.0 if not cutting or changing else 38 + 22 * math.sin(t / 4) + (18 if 9 < phase < 13 else 0)
        speed = 0.0 if not cutting else 800.0 if changing else 8000 + 60 * math.sin(t * 2)
        spindle_heat += (24 + load * 0.55 - spindle_heat) * 0.004
        coolant_heat += (21 + load * 0.12 - coolant_heat) * 0.003
        power = 1.9 + load * 0.31
        m.energy += power * 0.2 / 3600
        if t >= cycle and not done:
            done = True
            good = NOISE.random() > 0.03
            m.parts, m.scrap = m.parts + good, m.scrap + (not good)
        if cutting and NOISE.random() < 0.0003:
            fault_until = now + 15
        await m.set("State", 3 if cutting else 2)
        await m.set("Program/Name", f"O{1000 + int(begun / 450) % 5}.NC")
        await m.set("Program/Block", int(t * 9) if cutting else 0)
        await m.set("Spindle/Speed", noisy(speed, 4, 0) if speed else 0.0)
        await m.set("Spindle/Load", max(0.0, noisy(load, 0.9, 1)))
        bad = int(now) % 173 < 4
        await m.set("Spindle/Temperature", noisy(spindle_heat, 0.03, 1),
                    ua.StatusCodes.UncertainSensorNotAccurate if int(now) % 97 < 5 else 0)
        await m.set("Spindle/Vibration", max(0.0, noisy(0.3 + load * 0.02, 0.05, 3)),
                    ua.StatusCodes.BadSensorFailure if bad else 0)
        for i, axis in enumerate("XYZ"):
            moving = cutting and not changing
            await m.set(f"Axes/{axis}/Position", round(250 + 200 * math.sin(t * (0.5 + 0.13 * i) + i), 3) if moving
                        else m.last.get(f"Axes/{axis}/Position", (250.0,))[0])
            await m.set(f"Axes/{axis}/Current", float(f"{max(0.1, noisy(2.5 + load * 0.06, 0.1, 2)):.2f}") if moving else 0.5)
        await m.set("Coolant/Temperature", noisy(coolant_heat, 0.02, 1))
        await m.set("Coolant/Level", round(86 - (now % 7200) / 400, 1))
        await m.set("Hydraulics/Pressure", float(noisy(180, 0.6, 1)))
        await m.set("Tool/Number", 1 + int(t / 26) % 8 if cutting else 1)
        await m.set("Door/Closed", cutting or t < cycle + 2)
        await m.set("Alarm/Active", now < fault_until)
        await m.set("Alarm/Text", "700142 spindle: chip conveyor blocked" if now < fault_until else "")
        await m.set("Parts/Good", m.parts)
        await m.set("Parts/Scrap", m.scrap)
        await m.set("Energy/Power", noisy(power, 0.05, 2))
        await m.set("Energy/Total", round(m.energy, 3))
        if int(now * 5) % 10 == 0:
            await m.set("Spindle/Spectrum", [round(abs(NOISE.gauss(0.02, 0.01)) + (load / 200 if b == 7 else 0), 4)
                                             for b in range(32)])
        await asyncio.sleep(0.2)


async def make_laser(port):
    m = Machine(port, "Laser-02", {
        "Manufacturer": ua.LocalizedText("Voorbeeld Laser BV", "nl"), "Model": ua.LocalizedText("L3015", "en"),
        "SerialNumber": "VL-20177", "ProductInstanceUri": "https://example.com/pi/VL-20177", "ProductCode": "L3015-6KW",
        "HardwareRevision": "2.4", "SoftwareRevision": "11.0.8", "YearOfConstruction": ua.Variant(2022, ua.VariantType.UInt16),
        "DeviceClass": "Laser cutting machine", "Location": "Hall 1/2"})
    m.energy, m.parts = 40211.0, 9120
    await m.open()
    await m.add("State", ua.Variant(2, ua.VariantType.Int32), enum=STATES)
    await m.add("Job/Name", ua.Variant("SHEET-0", ua.VariantType.String))
    await m.add("Job/Progress", double(), "P1", 0, 100)
    await m.add("Laser/Power", double(), "KWT", 0, 6)
    await m.add("Laser/Temperature", double(20.0), "CEL", 0, 60)
    await m.add("Head/X", double(), "MMT", 0, 3000)
    await m.add("Head/Y", double(), "MMT", 0, 1500)
    await m.add("Head/Speed", double(), "H79", 0, 60000)
    await m.add("Gas/Pressure", single(14.0), "BAR", 0, 25)
    await m.add("Gas/Cylinders", ua.Variant([True, True, False, True], ua.VariantType.Boolean, is_array=True))
    await m.add("Table/Loaded", ua.Variant(False, ua.VariantType.Boolean))
    await m.add("Counters/Sheets", ua.Variant(m.parts, ua.VariantType.UInt64))
    await m.add("Counters/BeamSeconds", ua.Variant(m.seconds, ua.VariantType.Int64), "SEC")
    await m.add("Energy/Total", double(m.energy), "KWH")
    await m.add("LastService", ua.Variant(datetime(2026, 9, 14, 7, 30, tzinfo=timezone.utc), ua.VariantType.DateTime))
    return m


async def run_laser(m):
    heat = 20.0
    while True:
        now = time.monotonic()
        t = now % 75
        cutting = 6 < t < 66
        power = 4.2 + 0.8 * math.sin(t) if cutting else 0.0
        heat += (20 + power * 3.5 - heat) * 0.01
        m.energy += (2.2 + power * 2.8) * 0.5 / 3600
        sheet = int(now / 75)
        await m.set("State", 3 if cutting else 2)
        await m.set("Job/Name", f"SHEET-{sheet % 1000}")
        await m.set("Job/Progress", round((t - 6) / 0.6, 1) if cutting else 0.0)
        await m.set("Laser/Power", max(0.0, noisy(power, 0.02, 2)) if cutting else 0.0)
        await m.set("Laser/Temperature", noisy(heat, 0.04, 1), ua.StatusCodes.UncertainLastUsableValue if int(now) % 211 < 6 else 0)
        if cutting:
            await m.set("Head/X", round(1500 + 1400 * math.sin(t / 5), 2))
            await m.set("Head/Y", round(750 + 700 * math.cos(t / 3.1), 2))
        await m.set("Head/Speed", noisy(18000, 120, 0) if cutting else 0.0)
        await m.set("Gas/Pressure", float(noisy(14, 0.08, 2)), ua.StatusCodes.BadSensorFailure if int(now) % 301 < 5 else 0)
        await m.set("Table/Loaded", t > 3)
        await m.set("Counters/Sheets", m.parts + sheet % 100000)
        await m.set("Counters/BeamSeconds", m.seconds + int(now))
        await m.set("Energy/Total", round(m.energy, 2))
        await asyncio.sleep(0.5)


async def main():
    logging.basicConfig(level=logging.ERROR)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 48400
    mill, laser = await make_mill(port), await make_laser(port + 1)
    async with mill.server, laser.server:
        print(f"READY opc.tcp://127.0.0.1:{port}/", flush=True)
        print(f"READY opc.tcp://127.0.0.1:{port + 1}/", flush=True)
        await asyncio.gather(run_mill(mill), run_laser(laser))


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
