#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opcua_machine.py: two machines as OPC UA for Machinery lays them out, with a server's own structures and enumerations.

  --port N           0 or absent: any free one
  --shift            registers another namespace first, so that all indexes move
Prints READY URL."""
import argparse
import asyncio
import logging

from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field
from ports import free_port

IDENTIFICATION = {
    "Manufacturer": ua.LocalizedText("Beispiel Maschinenbau", "de"), "Model": ua.LocalizedText("FZ 500", "en"),
    "ProductCode": "FZ500-5AX", "SerialNumber": "0012345", "HardwareRevision": "B", "SoftwareRevision": "3.2.1",
    "ProductInstanceUri": "https://example.com/pi/0012345", "DeviceClass": "Milling machine",
    "YearOfConstruction": ua.Variant(2019, ua.VariantType.UInt16), "Location": "Hall 1",
}
CEFACT = "http://www.opcfoundation.org/UA/units/un/cefact"


async def machine(server, machines, machinery, ns, name, types):
    mill = await machines.add_object(ua.NodeId(name, ns), ua.QualifiedName(name, ns))
    plate = await mill.add_object(ua.NodeId(name + ".id", ns), ua.QualifiedName("Identification", machinery))
    for key, value in IDENTIFICATION.items():
        await plate.add_property(ua.NodeId(f"{name}.id.{key}", ns), ua.QualifiedName(key, machinery), value)
    blocks = await mill.add_object(ua.NodeId(name + ".bb", ns), ua.QualifiedName("MachineryBuildingBlocks", machinery))
    state = await blocks.add_object(ua.NodeId(name + ".state", ns), ua.QualifiedName("MachineryItemState", machinery))
    current = await state.add_variable(ua.NodeId(name + ".state.current", ns), ua.QualifiedName("CurrentState", 0),
                                       ua.LocalizedText("Executing"))
    await current.add_property(ua.NodeId(name + ".state.current.id", ns), ua.QualifiedName("Id", 0), ua.NodeId(1, ns))
    monitoring = await mill.add_folder(ua.NodeId(name + ".mon", ns), ua.QualifiedName("Monitoring", ns))
    temperature = await monitoring.add_variable(ua.NodeId(name + ".t", ns), ua.QualifiedName("Temperature", ns), 21.5)
    await temperature.add_property(ua.NodeId(name + ".t.range", ns), ua.QualifiedName("EURange", 0), ua.Range(-20, 120))
    await temperature.add_property(ua.NodeId(name + ".t.unit", ns), ua.QualifiedName("EngineeringUnits", 0),
                                   ua.EUInformation(CEFACT, 4408652, ua.LocalizedText("°C"), ua.LocalizedText("degree Celsius")))
    await temperature.write_attribute(ua.AttributeIds.Description, ua.DataValue(ua.LocalizedText("of the spindle")))
    mode = await monitoring.add_variable(ua.NodeId(name + ".mode", ns), ua.QualifiedName("MachineMode", ns), types.Mode.Hand,
                                         datatype=types.mode_node.nodeid)
    await mode.set_writable()
    await monitoring.add_variable(ua.NodeId(name + ".job", ns), ua.QualifiedName("Job", ns), types.job())
    await monitoring.add_variable(ua.NodeId(name + ".big", ns), ua.QualifiedName("Count", ns),
                                  ua.Variant(2**62 + 5, ua.VariantType.UInt64))


class Types:
    async def make(self, server, ns):
        tool, _ = await new_struct(server, ns, "KpTool", [new_struct_field("Number", ua.VariantType.UInt16),
                                                          new_struct_field("Length", ua.VariantType.Double)])
        # named so that it comes before what it is made of
        self.job_node, _ = await new_struct(server, ns, "KpAJob", [new_struct_field("Name", ua.VariantType.String),
                                                                   new_struct_field("Tool", tool),
                                                                   new_struct_field("Parts", ua.VariantType.Int32, array=True)])
        self.mode_node = await new_enum(server, ns, "KpMode", ["Off", "Auto", "Hand"])
        await server.load_data_type_definitions()
        self.Mode = ua.KpMode
        return self

    def job(self):
        job = ua.KpAJob()
        job.Name, job.Tool, job.Parts = "Flange \"7\"", ua.KpTool(), [1, 2]
        job.Tool.Number, job.Tool.Length = 12, 81.5
        return job


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--shift", action="store_true")
    a = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    server = Server()
    await server.init()
    url = f"opc.tcp://127.0.0.1:{a.port or free_port()}/"
    server.set_endpoint(url)
    await server.set_application_uri("urn:koppel:machine")
    if a.shift:
        await server.register_namespace("urn:koppel:something-else")
    machinery = await server.register_namespace("http://opcfoundation.org/UA/Machinery/")
    ns = await server.register_namespace("urn:koppel:machine:nodes")
    types = await Types().make(server, ns)
    machines = await server.nodes.objects.add_folder(ua.NodeId(1001, machinery), ua.QualifiedName("Machines", machinery))
    for name in ("Mill-01", "Mill-02"):
        await machine(server, machines, machinery, ns, name, types)
    async with server:
        print(f"READY {url}", flush=True)
        while True:
            await asyncio.sleep(1)


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
