#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plant.py PROTOCOL PORT COUNT RATE: COUNT values, each of which changes RATE times a second, at 127.0.0.1:PORT, by a server
nobody here wrote: modbus (pymodbus, holding registers from 0), s7 (snap7, words of DB10), mqtt (published to the broker at PORT
as bench/vN), sparkplug (an edge node at the broker, encoded by pysparkplug), shdr (lines of key|value). Needs the Python
packages of the tests. Prints READY."""
import asyncio
import ctypes
import socket
import struct
import sys
import threading
import time

protocol, port, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
began = time.monotonic()


def turn():
    return int((time.monotonic() - began) * rate)


def ready():
    print("READY", flush=True)


def each_turn(do):
    """do(number of the turn), RATE times a second."""
    number = 0
    while True:
        do(number)
        number += 1
        time.sleep(max(0, began + number / rate - time.monotonic()))


def modbus():
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    async def act(function, start, address, n, current, new):
        if new is None:
            current[address - start:address - start + n] = [(turn() + i) & 0xffff for i in range(address, address + n)]

    async def main():
        device = SimDevice(1, [SimData(0, values=[0] * count, datatype=DataType.REGISTERS)], action=act)
        await ModbusTcpServer([device], address=("127.0.0.1", port)).serve_forever(background=True)
        ready()
        await asyncio.Event().wait()

    asyncio.run(main())


def s7():
    from snap7.server import Server
    from snap7.type import SrvArea
    data = bytearray(2 * count)
    server = Server(log=False)
    server.register_area(SrvArea.DB, 10, (ctypes.c_uint8 * len(data)).from_buffer(data))
    server.start(port)
    ready()
    each_turn(lambda number: struct.pack_into(f">{count}H", data, 0, *((number + i) & 0x7fff for i in range(count))))


def publisher():
    import paho.mqtt.client as paho
    client = paho.Client("bench-plant")
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def mqtt():
    client = publisher()
    ready()
    each_turn(lambda number: [client.publish(f"bench/v{i}", number + i) for i in range(count)])


def sparkplug():
    import pysparkplug as psp
    client = publisher()
    names = [f"v{i}" for i in range(count)]

    def metrics(number):
        at = psp.get_current_timestamp()
        return [psp.Metric(timestamp=at, name=name, datatype=psp.DataType.INT64, value=number + i) for i, name in enumerate(names)]

    def say(number):
        at = psp.get_current_timestamp()
        if number == 0:
            own = [psp.Metric(timestamp=at, name="bdSeq", datatype=psp.DataType.INT64, value=0),
                   psp.Metric(timestamp=at, name="Node Control/Rebirth", datatype=psp.DataType.BOOLEAN, value=False)]
            client.publish("spBv1.0/bench/NBIRTH/plant", psp.NBirth(at, 0, [*own, *metrics(0)]).encode())
        else:
            client.publish("spBv1.0/bench/NDATA/plant", psp.NData(at, number % 256, metrics(number)).encode())

    asked = threading.Event()
    client.on_message = lambda *_: asked.set()
    client.subscribe("spBv1.0/bench/NCMD/plant", 1)
    ready()
    lonely = 1
    while not asked.wait(1):  # a host that has just come asks a node that it does not know for its birth
        say(lonely)
        lonely += 1
    global began
    began = time.monotonic()
    each_turn(say)


def shdr():
    peers = []
    listener = socket.create_server(("127.0.0.1", port))

    def accept():
        while True:
            peers.append(listener.accept()[0])

    def say(number):
        line = "|" + "|".join(f"v{i}|{number + i}" for i in range(count)) + "\n"
        for peer in list(peers):
            try:
                peer.sendall(line.encode())
            except OSError:
                peers.remove(peer)

    threading.Thread(target=accept, daemon=True).start()
    ready()
    each_turn(say)


{"modbus": modbus, "s7": s7, "mqtt": mqtt, "sparkplug": sparkplug, "shdr": shdr}[protocol]()
