#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""discover_sim.py KIND [--port N]: one peer that says what it is, on loopback: modbus (pymodbus, with an identity; units 1 and 7),
s7 (Snap7's server), ads (the test server of pyads), mtconnect (a document as an agent gives it). Prints READY ADDRESS."""
import argparse
import asyncio
import http.server
import socket
import threading
import time
from ports import free_port

PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<MTConnectDevices xmlns="urn:mtconnect.org:MTConnectDevices:2.0"><Header creationTime="2026-01-05T06:00:00Z" instanceId="7"
 sender="agent" version="2.0.0.12" bufferSize="131072" assetBufferSize="8096" assetCount="0"/>
<Devices><Agent id="agent_1" name="Agent" uuid="6d1c9ca2"><DataItems/></Agent>
<Device id="d1" name="OKUMA &amp; co" uuid="OKUMA.123456"><Description manufacturer="OKUMA" model='MULTUS' serialNumber="123456">A lathe</Description>
<DataItems><DataItem category="EVENT" id="a" type="AVAILABILITY"/></DataItems>
<Components><Controller id="c" name="ctl"><Description manufacturer="other">x</Description></Controller></Components></Device>
<Device id="d2" uuid="MAZAK.7"><DataItems/></Device></Devices></MTConnectDevices>"""


def ready(port):
    print(f"READY 127.0.0.1:{port}", flush=True)


async def modbus(port):
    from pymodbus import ModbusDeviceIdentification
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    who = ModbusDeviceIdentification(info_name={"VendorName": "Acme Meters", "ProductCode": "EM-340", "MajorMinorRevision": "2.17",
                                                "ProductName": "Energy meter", "UserApplicationName": "Hall 2"})
    units = [SimDevice(unit, [SimData(0, count=10, values=0, datatype=DataType.REGISTERS)], identity=who)
             if "identity" in SimDevice.__dataclass_fields__ else SimDevice(unit, [SimData(0, count=10, values=0, datatype=DataType.REGISTERS)])
             for unit in (1, 7)]
    server = ModbusTcpServer(units, identity=who, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    ready(port)
    await asyncio.Event().wait()


def s7(port):
    import snap7
    server = snap7.server.Server(log=False)
    server.start_to("127.0.0.1", port) if hasattr(server, "start_to") else server.start(tcp_port=port)
    ready(port)
    time.sleep(3600)


def ads(port):
    from pyads.testserver import AdsTestServer, BasicHandler
    server = AdsTestServer(handler=BasicHandler(), ip_address="127.0.0.1", port=port, logging=False)
    server.start()
    ready(port)
    time.sleep(3600)


class Agent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/probe"
        body = (PROBE if found else "no").encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def mtconnect(port):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Agent)
    ready(port)
    server.serve_forever()


def shdr(port):
    """An adapter: says its values to everyone who connects, answers PING."""
    listener = socket.create_server(("127.0.0.1", port))
    ready(port)

    def talk(link):
        with link:
            link.sendall(b"2026-11-24T10:02:31.500Z|avail|AVAILABLE\n")
            try:
                while link.recv(100):
                    link.sendall(b"* PONG 10000\n")
            except OSError:
                pass
    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["modbus", "s7", "ads", "mtconnect", "shdr"])
    parser.add_argument("--port", type=int, default=0)
    a = parser.parse_args()
    port = a.port or free_port()
    if a.kind == "modbus":
        asyncio.run(modbus(port))
    else:
        globals()[a.kind](port)


main()
