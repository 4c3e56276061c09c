#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""press.py PORT [--shop PLAN]: the press of the demo shop, a PLC that speaks S7 on loopback.
What stands where in its data block 20 is press.csv, the map to couple it with. Prints READY URL.
"""

import ctypes
import math
import struct
import time

from snap7.server import Server
from snap7.type import SrvArea

import shop_model as shop
from shop_names import PRESS_STATE

BLOCK, SIZE = 20, 54


def put(data, n):
    """The press as it is now, as its program lays it out."""
    stroke = 180 * (1 - math.cos(n.into_part * 2.1)) if n.state == "running" else 0.0
    text = n.program.encode()[:20]
    struct.pack_into(">hBB20s", data, 0, PRESS_STATE[n.state], 20, len(text), text)
    struct.pack_into(">iiff", data, 24, n.good, n.scrap, n.load, n.watts)
    struct.pack_into(">dfB", data, 40, n.kwh, stroke, n.state != "setup")


def main():
    a = shop.arguments("the press of the demo shop", ("port", {"type": int}))
    timeline = shop.Shop(shop.Plan.read(a.shop)).machines["Press-01"]
    block = (ctypes.c_uint8 * SIZE)()
    put(block, timeline.now(time.time()))
    server = Server(log=False)
    server.register_area(SrvArea.DB, BLOCK, block)
    server.start_to("127.0.0.1", a.port)
    print(f"READY s7://127.0.0.1:{a.port}", flush=True)
    while True:
        time.sleep(0.2)
        server.lock_area(SrvArea.DB, BLOCK)
        put(block, timeline.now(time.time()))
        server.unlock_area(SrvArea.DB, BLOCK)


try:
    main()
except KeyboardInterrupt:
    pass
