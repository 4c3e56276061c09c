#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""factory.py [PORT] [--mills PORT PORT] [--shop PLAN]: the machines of the demo shop that speak
OPC UA, each a server on loopback: a milling machine at PORT, a laser cutter at PORT + 1, and
with --mills two more milling machines.

What they do is the shop's model: states, programs, parts, loads and energy go on where its past
ends. Around that each has what a machine has: temperatures follow the loads, tools change, and now
and then a sensor fails or doubts. Each identifies itself as OPC 40001 Machinery asks; the milling
machines are laid out as OPC 40501 Machine Tools says. Prints a line READY URL per machine."""

import asyncio
import logging
import math
import random
import time
from datetime import datetime, timezone

from asyncua import Server, ua

import shop_model as shop
from shop_names import (
    CHANNEL_STATE,
    ITEM_STATE,
    ITEM_WORDS,
    MACHINERY,
    OPERATION_MODE,
    PROGRAM_STATE,
)

DI, MACHINERY_NS = "http://opcfoundation.org/UA/DI/", "http://opcfoundation.org/UA/Machinery/"
MACHINE_TOOL = "http://opcfoundation.org/UA/MachineTool/"
UNITS = {  # UN/CEFACT common code: text
    "CEL": "°C",
    "P1": "%",
    "RPM": "rpm",
    "MMT": "mm",
    "AMP": "A",
    "WTT": "W",
    "KWT": "kW",
    "KWH": "kWh",
    "BAR": "bar",
    "C16": "mm/s",
    "H79": "mm/min",
    "MTR": "m",
    "SEC": "s",
    "LTR": "l",
}
MODES = ["Manual", "Automatic", "Setup", "AutoWithManualIntervention", "Service", "Other"]
CHANNEL_MODES = [
    "Automatic",
    "MdaMdi",
    "JogManual",
    "JogIncrement",
    "TeachingHandle",
    "Remote",
    "Reference",
    "Other",
]
NOISE = random.Random(7)


def unit_id(code):
    """OPC UA Part 8: the characters of the common code, packed into an integer."""
    number = 0
    for character in code:
        number = number << 8 | ord(character)
    return number


def noisy(value, spread, digits):
    return round(value + NOISE.gauss(0, spread), digits)


def typed(kind, value):
    return ua.Variant(value, getattr(ua.VariantType, kind))


def double(value=0.0):
    return typed("Double", value)


def single(value=0.0):
    return typed("Float", value)


def words(text):
    return typed("LocalizedText", ua.LocalizedText(text, "en"))


class Machine:
    """One server: nameplate, signals, and a way to set them with quality and time."""

    def __init__(self, port, timeline, nameplate):
        self.port, self.timeline, self.nameplate = port, timeline, nameplate
        self.name = timeline.machine.name
        self.nodes, self.last, self.folders = {}, {}, {}

    def now(self):
        return self.timeline.now(time.time())

    async def open(self):
        self.server = Server()
        await self.server.init()
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/")
        self.server.set_server_name(self.name)
        await self.server.set_application_uri(f"urn:demo:{self.name}")
        di = await self.server.register_namespace(DI)
        machinery = await self.server.register_namespace(MACHINERY_NS)
        self.ns = await self.server.register_namespace(f"urn:demo:{self.name}")
        machines = await self.server.nodes.objects.add_object(
            ua.NodeId(1001, machinery), ua.QualifiedName("Machines", machinery)
        )
        self.root = await machines.add_object(
            ua.NodeId(self.name, self.ns), ua.QualifiedName(self.name, self.ns)
        )
        plate = await self.root.add_object(
            ua.NodeId("Identification", self.ns), ua.QualifiedName("Identification", di)
        )
        for key, value in self.nameplate.items():
            ns = machinery if key in ("YearOfConstruction", "Location") else di
            await plate.add_property(
                ua.NodeId(f"Identification.{key}", self.ns), ua.QualifiedName(key, ns), value
            )

    async def add(
        self,
        path,
        value,
        unit=None,
        low=None,
        high=None,
        enum=None,
        text="",
        writable=False,
        ns=None,
    ):
        parent, ns = self.root, ns or self.ns
        *folders, name = path.split("/")
        for depth, folder in enumerate(folders):
            key = "/".join(folders[: depth + 1])
            if key not in self.folders:
                self.folders[key] = await parent.add_folder(
                    ua.NodeId(key, self.ns), ua.QualifiedName(folder, ns)
                )
            parent = self.folders[key]
        node = await parent.add_variable(
            ua.NodeId(path, self.ns), ua.QualifiedName(name, ns), value
        )
        if text:
            await node.write_attribute(
                ua.AttributeIds.Description,
                ua.DataValue(
                    ua.Variant(ua.LocalizedText(text, "en"), ua.VariantType.LocalizedText)
                ),
            )
        if unit:
            await node.add_property(
                0,
                "EngineeringUnits",
                ua.EUInformation(
                    "http://www.opcfoundation.org/UA/units/un/cefact",
                    unit_id(unit),
                    ua.LocalizedText(UNITS[unit]),
                    ua.LocalizedText(UNITS[unit]),
                ),
            )
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
        await self.server.write_attribute_value(
            node.nodeid,
            ua.DataValue(
                ua.Variant(value, kind),
                StatusCode=ua.StatusCode(status),
                SourceTimestamp=datetime.now(timezone.utc),
            ),
        )


def nameplate(maker, language, model, serial, code, hardware, software, year, device, location):
    return {
        "Manufacturer": ua.LocalizedText(maker, language),
        "Model": ua.LocalizedText(model, "en"),
        "SerialNumber": serial,
        "ProductInstanceUri": f"https://example.com/pi/{serial}",
        "ProductCode": code,
        "HardwareRevision": hardware,
        "SoftwareRevision": software,
        "YearOfConstruction": ua.Variant(year, ua.VariantType.UInt16),
        "DeviceClass": device,
        "Location": location,
    }


# ---- what OPC 40501 asks of a machine tool ----


async def add_machine_tool(m):
    ns, n = await m.server.register_namespace(MACHINE_TOOL), m.now()
    add = lambda path, value, **more: m.add(path, value, ns=ns, **more)
    await add(
        "Monitoring/Channel1/ChannelState",
        typed("Int32", CHANNEL_STATE[n.state]),
        enum=["Active", "Interrupted", "Reset"],
    )
    await add("Monitoring/Channel1/ChannelMode", typed("Int32", 0), enum=CHANNEL_MODES)
    await add(
        "Monitoring/MachineTool/OperationMode", typed("Int32", OPERATION_MODE[n.state]), enum=MODES
    )
    await add("Production/ActiveProgram/Name", typed("String", n.program))
    await add("Production/ActiveProgram/State/CurrentState", words(PROGRAM_STATE[n.state]))
    await add("Production/Statistics/PartsProducedInLifetime", typed("UInt32", n.good + n.scrap))


async def show_machine_tool(m, n):
    await m.set("Monitoring/Channel1/ChannelState", CHANNEL_STATE[n.state])
    await m.set("Monitoring/Channel1/ChannelMode", 2 if n.state == "setup" else 0)
    await m.set("Monitoring/MachineTool/OperationMode", OPERATION_MODE[n.state])
    await m.set("Production/ActiveProgram/Name", n.program)
    await m.set(
        "Production/ActiveProgram/State/CurrentState",
        ua.LocalizedText(PROGRAM_STATE[n.state], "en"),
    )
    await m.set("Production/Statistics/PartsProducedInLifetime", n.good + n.scrap)


# ---- Mill-01: with much beside it ----


async def make_mill(port, timeline):
    m = Machine(
        port,
        timeline,
        nameplate(
            "Beispiel Maschinenbau",
            "de",
            "FZ 500",
            "BM-4711",
            "FZ500-5AX",
            "B",
            "3.2.1",
            2019,
            "Milling machine",
            "Hall 1/1",
        ),
    )
    await m.open()
    n = m.now()
    await m.add(
        "State", typed("Int32", ITEM_STATE[n.state]), enum=ITEM_WORDS, text="machinery item state"
    )
    await m.add(
        "OperationMode", typed("Int32", 1), enum=["None", "Processing", "Setup", "Maintenance"]
    )
    await m.add("Program/Name", typed("String", n.program), text="running NC program")
    await m.add("Program/Block", typed("Int64", 0))
    await m.add("Program/FeedOverride", double(100.0), "P1", 0, 150, writable=True)
    await m.add("Spindle/Speed", double(), "RPM", 0, 12000, text="spindle speed, actual")
    await m.add("Spindle/Load", double(), "P1", 0, 120)
    await m.add("Spindle/Temperature", double(24.0), "CEL", 0, 90, text="front bearing")
    await m.add("Spindle/Vibration", double(), "C16", 0, 20)
    await m.add(
        "Spindle/Spectrum",
        ua.Variant([0.0] * 32, ua.VariantType.Float, is_array=True),
        text="vibration, 32 bands",
    )
    for axis in "XYZ":
        await m.add(f"Axes/{axis}/Position", double(), "MMT", 0, 500)
        await m.add(f"Axes/{axis}/Current", single(), "AMP", 0, 20)
    await m.add("Coolant/Temperature", double(22.0), "CEL", 0, 60)
    await m.add("Coolant/Level", double(86.0), "LTR", 0, 120)
    await m.add("Hydraulics/Pressure", single(180.0), "BAR", 0, 250)
    await m.add("Tool/Number", typed("UInt64", 1))
    await m.add("Door/Closed", typed("Boolean", True))
    await m.add("Alarm/Active", typed("Boolean", False))
    await m.add("Alarm/Text", typed("String", ""))
    await m.add("Parts/Good", typed("Int64", n.good))
    await m.add("Parts/Scrap", typed("Int64", n.scrap))
    await m.add("Energy/Power", double(n.watts / 1000), "KWT", 0, 40)
    await m.add("Energy/Total", double(n.kwh), "KWH")
    await add_machine_tool(m)
    return m


async def run_mill(m):
    spindle_heat, coolant_heat = 24.0, 22.0
    while True:
        n, now = m.now(), time.monotonic()
        t, cutting, broken = n.into_part, n.state == "running", n.state == "fault"
        phase = t % 26
        changing = cutting and phase < 3
        load = (
            0.0
            if not cutting or changing
            else n.load + 12 * math.sin(t / 4) + (9 if 9 < phase < 13 else 0)
        )
        speed = 0.0 if not cutting else 800.0 if changing else 8000 + 60 * math.sin(t * 2)
        spindle_heat += (24 + load * 0.55 - spindle_heat) * 0.004
        coolant_heat += (21 + load * 0.12 - coolant_heat) * 0.003
        await m.set("State", ITEM_STATE[n.state])
        await m.set("OperationMode", 2 if n.state == "setup" else 1)
        await m.set("Program/Name", n.program)
        await m.set("Program/Block", int(t * 9) if cutting else 0)
        await m.set("Spindle/Speed", noisy(speed, 4, 0) if speed else 0.0)
        await m.set("Spindle/Load", max(0.0, noisy(load, 0.9, 1)))
        bad = int(now) % 173 < 4
        await m.set(
            "Spindle/Temperature",
            noisy(spindle_heat, 0.03, 1),
            ua.StatusCodes.UncertainSensorNotAccurate if int(now) % 97 < 5 else 0,
        )
        await m.set(
            "Spindle/Vibration",
            max(0.0, noisy(0.3 + load * 0.02, 0.05, 3)),
            ua.StatusCodes.BadSensorFailure if bad else 0,
        )
        for i, axis in enumerate("XYZ"):
            moving = cutting and not changing
            await m.set(
                f"Axes/{axis}/Position",
                (
                    round(250 + 200 * math.sin(t * (0.5 + 0.13 * i) + i), 3)
                    if moving
                    else m.last.get(f"Axes/{axis}/Position", (250.0,))[0]
                ),
            )
            await m.set(
                f"Axes/{axis}/Current",
                max(0.1, noisy(2.5 + load * 0.06, 0.1, 2)) if moving else 0.5,
            )
        await m.set("Coolant/Temperature", noisy(coolant_heat, 0.02, 1))
        await m.set("Coolant/Level", round(86 - (now % 7200) / 400, 1))
        await m.set("Hydraulics/Pressure", noisy(180, 0.6, 1))
        await m.set("Tool/Number", 1 + int(t / 26) % 8 if cutting else 1)
        await m.set("Door/Closed", cutting)
        await m.set("Alarm/Active", broken)
        await m.set("Alarm/Text", "700142 spindle: chip conveyor blocked" if broken else "")
        await m.set("Parts/Good", n.good)
        await m.set("Parts/Scrap", n.scrap)
        await m.set("Energy/Power", n.watts / 1000)
        await m.set("Energy/Total", n.kwh)
        await show_machine_tool(m, n)
        if int(now * 5) % 10 == 0:
            await m.set(
                "Spindle/Spectrum",
                [
                    round(abs(NOISE.gauss(0.02, 0.01)) + (load / 200 if b == 7 else 0), 4)
                    for b in range(32)
                ],
            )
        await asyncio.sleep(0.2)


# ---- Laser-01 ----


async def make_laser(port, timeline):
    m = Machine(
        port,
        timeline,
        nameplate(
            "Voorbeeld Laser BV",
            "nl",
            "L3015",
            "VL-20177",
            "L3015-6KW",
            "2.4",
            "11.0.8",
            2022,
            "Laser cutting machine",
            "Hall 1/2",
        ),
    )
    await m.open()
    n = m.now()
    await m.add("State", typed("Int32", ITEM_STATE[n.state]), enum=ITEM_WORDS)
    await m.add("Job/Name", typed("String", n.program))
    await m.add("Job/Progress", double(), "P1", 0, 100)
    await m.add("Laser/Power", double(), "KWT", 0, 6)
    await m.add("Laser/Load", double(), "P1", 0, 100)
    await m.add("Laser/Temperature", double(20.0), "CEL", 0, 60)
    await m.add("Head/X", double(), "MMT", 0, 3000)
    await m.add("Head/Y", double(), "MMT", 0, 1500)
    await m.add("Head/Speed", double(), "H79", 0, 60000)
    await m.add("Gas/Pressure", single(14.0), "BAR", 0, 25)
    await m.add(
        "Gas/Cylinders",
        ua.Variant([True, True, False, True], ua.VariantType.Boolean, is_array=True),
    )
    await m.add("Table/Loaded", typed("Boolean", False))
    await m.add("Counters/Sheets", typed("UInt64", n.good))
    await m.add("Counters/Scrap", typed("UInt64", n.scrap))
    await m.add("Counters/BeamSeconds", typed("Int64", 88_400_000), "SEC")
    await m.add("Energy/Power", double(n.watts / 1000), "KWT", 0, 30)
    await m.add("Energy/Total", double(n.kwh), "KWH")
    await m.add("LastService", typed("DateTime", datetime(2026, 9, 14, 7, 30, tzinfo=timezone.utc)))
    return m


async def run_laser(m):
    heat, beam, cycles = 20.0, 88_400_000.0, {p.name: p.cycle for p in m.timeline.machine.programs}
    while True:
        n, now = m.now(), time.monotonic()
        t, cutting = n.into_part, n.state == "running"
        power = n.load * 0.06 + 0.3 * math.sin(t) if cutting else 0.0
        heat += (20 + power * 3.5 - heat) * 0.01
        beam += 0.5 * cutting
        await m.set("State", ITEM_STATE[n.state])
        await m.set("Job/Name", n.program)
        await m.set(
            "Job/Progress", min(100.0, round(100 * t / cycles[n.program], 1)) if cutting else 0.0
        )
        await m.set("Laser/Power", max(0.0, noisy(power, 0.02, 2)) if cutting else 0.0)
        await m.set("Laser/Load", n.load)
        await m.set(
            "Laser/Temperature",
            noisy(heat, 0.04, 1),
            ua.StatusCodes.UncertainLastUsableValue if int(now) % 211 < 6 else 0,
        )
        if cutting:
            await m.set("Head/X", round(1500 + 1400 * math.sin(t / 5), 2))
            await m.set("Head/Y", round(750 + 700 * math.cos(t / 3.1), 2))
        await m.set("Head/Speed", noisy(18000, 120, 0) if cutting else 0.0)
        await m.set(
            "Gas/Pressure",
            noisy(14, 0.08, 2),
            ua.StatusCodes.BadSensorFailure if int(now) % 301 < 5 else 0,
        )
        await m.set("Table/Loaded", cutting)
        await m.set("Counters/Sheets", n.good)
        await m.set("Counters/Scrap", n.scrap)
        await m.set("Counters/BeamSeconds", int(beam))
        await m.set("Energy/Power", n.watts / 1000)
        await m.set("Energy/Total", n.kwh)
        await asyncio.sleep(0.5)


# ---- Mill-02 and Mill-03: what OPC 40501 and OPC 40001 say, and little else ----

PLATES = {
    "Mill-02": (
        "Voorbeeld Verspaning BV",
        "nl",
        "VM 800",
        "VV-0817",
        "VM800",
        "3",
        "6.14",
        2017,
        "Milling machine",
        "Hall 1/3",
    ),
    "Mill-03": (
        "Exemple Usinage SA",
        "fr",
        "CU 1200",
        "EU-93311",
        "CU1200-5",
        "C",
        "2.0.11",
        2023,
        "Milling machine",
        "Hall 1/4",
    ),
}


async def make_tool(port, timeline):
    m = Machine(port, timeline, nameplate(*PLATES[timeline.machine.name]))
    await m.open()
    n = m.now()
    await add_machine_tool(m)
    await m.add("Monitoring/Channel1/FeedOverride", double(100.0), "P1", 0, 150, writable=True)
    await m.add(
        "MachineryBuildingBlocks/MachineryItemState/CurrentState", words(MACHINERY[n.state])
    )
    await m.add("Production/Statistics/PartsGoodInLifetime", typed("UInt32", n.good))
    await m.add("Production/Statistics/PartsScrapInLifetime", typed("UInt32", n.scrap))
    await m.add("Monitoring/Spindle1/Load", double(n.load), "P1", 0, 120)
    await m.add("Monitoring/Spindle1/Speed", double(), "RPM", 0, 9000)
    await m.add("Electrical/ActivePower", double(n.watts), "WTT", 0, 40000)
    await m.add("Electrical/ActiveEnergy", double(n.kwh), "KWH")
    return m


async def run_tool(m):
    while True:
        n = m.now()
        await show_machine_tool(m, n)
        await m.set(
            "MachineryBuildingBlocks/MachineryItemState/CurrentState",
            ua.LocalizedText(MACHINERY[n.state], "en"),
        )
        await m.set("Production/Statistics/PartsGoodInLifetime", n.good)
        await m.set("Production/Statistics/PartsScrapInLifetime", n.scrap)
        await m.set("Monitoring/Spindle1/Load", n.load)
        await m.set(
            "Monitoring/Spindle1/Speed", noisy(5200, 30, 0) if n.state == "running" else 0.0
        )
        await m.set("Electrical/ActivePower", float(n.watts))
        await m.set("Electrical/ActiveEnergy", n.kwh)
        await asyncio.sleep(1)


async def main():
    logging.basicConfig(level=logging.ERROR)
    a = shop.arguments(
        "the machines of the demo shop that speak OPC UA",
        ("port", {"type": int, "nargs": "?", "default": 48400}),
        ("--mills", {"type": int, "nargs": 2, "default": [], "metavar": "PORT"}),
    )
    of = shop.Shop(shop.Plan.read(a.shop)).machines
    machines = [
        (await make_mill(a.port, of["Mill-01"]), run_mill),
        (await make_laser(a.port + 1, of["Laser-01"]), run_laser),
    ]
    for name, port in zip(PLATES, a.mills):
        machines.append((await make_tool(port, of[name]), run_tool))
    for m, _ in machines:
        await m.server.start()
        print(f"READY opc.tcp://127.0.0.1:{m.port}/", flush=True)
    try:
        await asyncio.gather(*(run(m) for m, run in machines))
    finally:
        for m, _ in machines:
            await m.server.stop()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
