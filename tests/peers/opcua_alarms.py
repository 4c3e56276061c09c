#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opcua_alarms.py [--port N] [--only-object] [--no-refresh]: an OPC UA server that sends events (asyncua), on loopback.

Objects/Machines/Lathe is the source of all; the server's own object sends them, with --only-object the lathe itself does.
Prints READY URL; each line on stdin is done and answered with OK:
  alarm NAME active|inactive|forgotten SEVERITY TEXT      an alarm condition; forgotten: inactive and no longer retained
  event SEVERITY TEXT                                     a plain event"""
import argparse
import asyncio
import logging
import sys

from asyncua import Server, ua
from ports import free_port


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--only-object", action="store_true")
    parser.add_argument("--no-refresh", action="store_true")
    a = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    server = Server()
    server.iserver.bind_condition_methods = not a.no_refresh
    await server.init()
    url = f"opc.tcp://127.0.0.1:{a.port or free_port()}/"
    server.set_endpoint(url)
    ns = await server.register_namespace("urn:koppel:alarms")
    machines = await server.nodes.objects.add_folder(ua.NodeId("Machines", ns), ua.QualifiedName("Machines", ns))
    lathe = await machines.add_object(ua.NodeId("Lathe", ns), ua.QualifiedName("Lathe", ns))
    await lathe.add_variable(ua.NodeId("Speed", ns), ua.QualifiedName("Speed", ns), 1.0)
    sender = lathe if a.only_object else server.nodes.server
    generators = {}

    async def generator(name, kind):
        if name not in generators:
            g = generators[name] = await server.get_event_generator(kind, sender)
            g.event.SourceNode, g.event.SourceName = lathe.nodeid, "Lathe"
            if kind == ua.ObjectIds.AlarmConditionType:
                g.event.NodeId = ua.NodeId(f"Lathe.{name}", ns)
                g.event.ConditionName = name
                g.event.BranchId = ua.NodeId()
                setattr(g.event, "AckedState/Id", False)
        return generators[name]

    async def do(words):
        if words[0] == "alarm":
            _, name, state, severity, *text = words
            g = await generator(name, ua.ObjectIds.AlarmConditionType)
            g.event.Retain = state != "forgotten"
            setattr(g.event, "ActiveState/Id", state == "active")
        else:
            _, severity, *text = words
            g = await generator("", ua.ObjectIds.BaseEventType)
        g.event.Severity = int(severity)
        await g.trigger(message=" ".join(text))

    async with server:
        await generator("", ua.ObjectIds.BaseEventType)  # now, so that the sender can be listened to
        print(f"READY {url}", flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode():
            await do(line.split())
            print("OK", flush=True)


asyncio.run(main())
