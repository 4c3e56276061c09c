# SPDX-License-Identifier: Apache-2.0
"""ads_sim.py PORT [options]: the ADS test server of pyads, with what it lacks: uploads of symbols and types, notifications over the
connection, results for what is not there.

  --plain        no uploads, no types by name: a controller that does not tell what it has
  --notify N     takes N notifications only (0: none)
  --no-sum       no questions for many at once
  --count N      further variables GVL.n0 ... of type DINT
  --state FILE   the AMS state of the PLC stands in it (5 = run), perhaps with "version N" of the symbols and "handles N": others are void
MAIN.nCount counts ten times a second; MAIN.nGone is listed but cannot be read. Prints READY HOST:PORT."""
import argparse
import struct
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from pyads import constants as c
from pyads.testserver import AdsTestServer, AdvancedHandler
from pyads.testserver.advanced_handler import PLCVariable
from pyads.testserver.handler import AmsResponseData

NO_SERVICE, NO_GROUP, NO_ACCESS, BAD_SIZE, NO_SYMBOL, OLD_HANDLE, NO_MORE = 0x701, 0x702, 0x704, 0x705, 0x710, 0x711, 0x716
READ_ONLY = 0x20


class Refused(Exception):
    pass


def text(value, size):
    return value.encode("cp1252").ljust(size, b"\0")


# name, type, code, bytes, flags, comment
VARIABLES = [
    ("MAIN.bOn", "BOOL", c.ADST_BIT, b"\1", 0, "runs"),
    ("MAIN.nSint", "SINT", c.ADST_INT8, struct.pack("<b", -5), 0, ""),
    ("MAIN.nInt", "INT", c.ADST_INT16, struct.pack("<h", -1234), 0, ""),
    ("MAIN.nDint", "DINT", c.ADST_INT32, struct.pack("<i", -100000), 0, ""),
    ("MAIN.nLint", "LINT", c.ADST_INT64, struct.pack("<q", -2**62), 0, ""),
    ("MAIN.nUsint", "USINT", c.ADST_UINT8, b"\xfa", 0, ""),
    ("MAIN.nWord", "WORD", c.ADST_UINT16, struct.pack("<H", 0xBEEF), 0, ""),
    ("MAIN.nUdint", "UDINT", c.ADST_UINT32, struct.pack("<I", 4_000_000_000), 0, ""),
    ("MAIN.nUlint", "ULINT", c.ADST_UINT64, struct.pack("<Q", 2**63 + 5), 0, ""),
    ("MAIN.rReal", "REAL", c.ADST_REAL32, struct.pack("<f", 21.5), 0, "temperature"),
    ("MAIN.rLreal", "LREAL", c.ADST_REAL64, struct.pack("<d", 0.1), READ_ONLY, ""),
    ("MAIN.sName", "STRING(20)", c.ADST_STRING, text("Öl 20 €", 21), 0, ""),
    ("MAIN.wsName", "WSTRING(10)", c.ADST_WSTRING, "Ωµ".encode("utf-16-le").ljust(22, b"\0"), 0, ""),
    ("MAIN.tTime", "TIME", c.ADST_UINT32, struct.pack("<I", 1500), 0, ""),
    ("MAIN.dtStart", "DATE_AND_TIME", c.ADST_UINT32, struct.pack("<I", 1795514400), 0, ""),
    ("MAIN.aInts", "ARRAY [0..3] OF INT", c.ADST_INT16, struct.pack("<4h", 1, -2, 3, -4), 0, ""),
    ("MAIN.eMode", "E_Mode", c.ADST_INT16, struct.pack("<h", 2), 0, ""),
    ("MAIN.nCount", "UDINT", c.ADST_UINT32, struct.pack("<I", 0), 0, "parts"),
]
PUMP = [("rSpeed", "REAL", c.ADST_REAL32, struct.pack("<f", 1480.0)), ("aTemps", "ARRAY [1..2] OF INT", c.ADST_INT16, struct.pack("<2h", 40, 41)),
        ("stMotor", "ST_Motor", 65, None)]
MOTOR = [("nStarts", "UDINT", c.ADST_UINT32, struct.pack("<I", 17))]


def entry(head, *texts):
    words = [t.encode("cp1252") for t in texts]
    body = head + struct.pack("<HHH", *map(len, words))
    return body, b"".join(w + b"\0" for w in words)


def symbol_entry(name, kind, code, size, flags, comment):
    body, words = entry(struct.pack("<IIIII", 0x4040, 0, size, code, flags), name, kind, comment)
    return struct.pack("<I", 4 + len(body) + len(words)) + body + words


def type_entry(name, kind, code, size, offset, members=(), array=(), flags=0, behind=b""):
    body, words = entry(struct.pack("<IIIIIII", 1, 0, 0, size, offset, code, (2 if offset else 1) | flags), name, kind, "")
    body += struct.pack("<HH", len(array), len(members))
    rest = words + b"".join(struct.pack("<iI", low, n) for low, n in array) + b"".join(members) + behind
    return struct.pack("<I", 4 + len(body) + len(rest)) + body + rest


def types():
    motor = [type_entry(*MOTOR[0][:3], 4, 0)]
    pump = [type_entry("rSpeed", "REAL", c.ADST_REAL32, 4, 0), type_entry("aTemps", "ARRAY [1..2] OF INT", c.ADST_INT16, 4, 4),
            type_entry("stMotor", "ST_Motor", 65, 4, 8)]
    names = {-1: "Fault", 2: "Auto"}
    texts = b"".join(bytes([len(t)]) + t.encode() + b"\0" + struct.pack("<h", v) for v, t in names.items())
    mode = bytes(16) + struct.pack("<H", 1) + b"\4\6qual\0strict\0" + struct.pack("<H", len(names)) + texts  # guid, attributes, names
    return (type_entry("E_Mode", "INT", c.ADST_INT16, 2, 0, flags=0x80 | 0x1000 | 0x2000, behind=mode) + type_entry("ST_Motor", "", 65, 4, 0, motor) + type_entry("ST_Pump", "", 65, 12, 0, pump)
            + type_entry("ARRAY [1..2] OF ST_Pump", "ST_Pump", 65, 24, 0, (), [(1, 2)]))


class Handler(AdvancedHandler):
    def __init__(self, options):
        super().__init__()
        self.options = options
        self.symbols = []
        self.notes = {}  # number: (socket, request, variable, last)
        self.next_note = 1
        self.handles = self.state()[2]
        self.lock = threading.Lock()

    def add(self, name, kind, code, data, flags=0, comment="", listed=True):
        self.add_variable(PLCVariable(name, data, code, kind))
        if listed:
            self.symbols.append(symbol_entry(name, kind, code, len(data), flags, comment))

    def state(self):
        words = self.options.state.read_text().split() if self.options.state and self.options.state.exists() else []
        said = dict(zip(words[1::2], map(int, words[2::2])))
        version = said.get("version", 1)
        return int(words[0]) if words else 5, version, said.get("handles", version)

    def variable(self, group, offset):
        if group == c.ADSIGRP_SYM_VALBYHND:
            if offset >> 24 != self.state()[2]:
                raise Refused(OLD_HANDLE)
            return self.get_variable_by_handle(offset & 0xffffff)
        if group >= 0xF000:
            raise Refused(NO_GROUP)
        return self.get_variable_by_indices(group, offset)

    def upload(self, group):
        if self.options.plain:
            raise Refused(NO_SERVICE)
        symbols = b"".join(self.symbols)
        if group == c.ADSIGRP_SYM_UPLOADINFO2:
            return struct.pack("<6I", len(self.symbols), len(symbols), 4, len(types()), 0, 0)
        return symbols if group == c.ADSIGRP_SYM_UPLOAD else types()

    def read(self, data):
        group, offset, size = struct.unpack("<III", data[:12])
        if group in (c.ADSIGRP_SYM_UPLOADINFO2, c.ADSIGRP_SYM_UPLOAD, 0xF00E):
            value = self.upload(group)
        elif group == c.ADSIGRP_SYM_VERSION:
            value = bytes([self.state()[1]])
        else:
            value = self.variable(group, offset).value
            if len(value) != size:
                raise Refused(BAD_SIZE)
        return struct.pack("<I", len(value)) + value

    def write(self, data):
        group, offset, size = struct.unpack("<III", data[:12])
        if group == c.ADSIGRP_SYM_RELEASEHND:
            return b""
        variable = self.variable(group, offset)
        if len(variable.value) != size:
            raise Refused(BAD_SIZE)
        variable.value = data[12:12 + size]
        self.tell()
        return b""

    def read_write(self, data):
        group, offset, size, n = struct.unpack("<IIII", data[:16])
        told = data[16:16 + n]
        if group == c.ADSIGRP_SYM_HNDBYNAME:
            value = struct.pack("<I", self.get_variable_by_name(told.decode()).handle | self.state()[2] << 24)
        elif group == c.ADSIGRP_SYM_INFOBYNAMEEX and not self.options.plain:
            value = self.get_variable_by_name(told.decode()).get_packed_info()
        elif group == c.ADSIGRP_SUMUP_READ and not self.options.no_sum:
            value = self.sum_read(told, offset)
        else:
            raise Refused(NO_GROUP)
        return struct.pack("<I", len(value)) + value

    def sum_read(self, told, n):
        results, values = b"", b""
        for group, offset, size in struct.iter_unpack("<III", told[:12 * n]):
            try:
                value = self.variable(group, offset).value
                results += struct.pack("<I", 0 if len(value) == size else BAD_SIZE)
                values += value[:size].ljust(size, b"\0")
            except (KeyError, Refused):
                results += struct.pack("<I", NO_SYMBOL)
                values += bytes(size)
        return results + values

    def add_note(self, request):
        group, offset, size, mode, _, _ = struct.unpack("<6I", request.ams_header.data[:24])
        variable = self.variable(group, offset)
        if len(self.notes) >= self.options.notify:
            raise Refused(NO_MORE)
        assert mode == c.ADSTRANS_SERVERONCHA
        if size != len(variable.value):
            raise Refused(BAD_SIZE)
        number, self.next_note = self.next_note, self.next_note + 1
        self.notes[number] = [threading.current_thread().client, request, variable, None]
        return struct.pack("<I", number)

    def tell(self):
        """Sends what has changed, each connection's in one frame."""
        with self.lock:
            if self.state()[2] != self.handles:
                self.handles, self.notes = self.state()[2], {}
            by_link = {}
            for number, note in list(self.notes.items()):
                if note[3] != note[2].value:
                    note[3] = note[2].value
                    by_link.setdefault(note[0], (note[1], []))[1].append((number, note[2].value))
            for link, (request, samples) in by_link.items():
                now = int(datetime.now(timezone.utc).timestamp() * 10**7) + 116444736000000000
                stamp = struct.pack("<QI", now, len(samples)) + b"".join(struct.pack("<II", n, len(v)) + v for n, v in samples)
                data = struct.pack("<II", len(stamp) + 4, 1) + stamp
                h = request.ams_header
                ams = (h.source_net_id + h.source_port + h.target_net_id + h.target_port
                       + struct.pack("<HHIII", c.ADSCOMMAND_DEVICENOTE, 4, len(data), 0, 0) + data)
                try:
                    link.sendall(struct.pack("<HI", 0, len(ams)) + ams)
                except OSError:
                    self.notes = {k: v for k, v in self.notes.items() if v[0] is not link}

    def handle_request(self, request):
        command = struct.unpack("<H", request.ams_header.command_id)[0]
        data = request.ams_header.data
        own = {c.ADSCOMMAND_READ: lambda: self.read(data), c.ADSCOMMAND_WRITE: lambda: self.write(data),
               c.ADSCOMMAND_READWRITE: lambda: self.read_write(data), c.ADSCOMMAND_ADDDEVICENOTE: lambda: self.add_note(request),
               c.ADSCOMMAND_DELDEVICENOTE: lambda: self.notes.pop(struct.unpack("<I", data[:4])[0], None) and b"" or b"",
               c.ADSCOMMAND_READSTATE: lambda: struct.pack("<HH", self.state()[0], 0)}
        if command not in own:
            return super().handle_request(request)
        try:
            content = struct.pack("<I", 0) + own[command]()
        except (KeyError, Refused) as e:
            content = struct.pack("<I", e.args[0] if isinstance(e, Refused) else NO_SYMBOL)
            content += bytes(4) if command in (c.ADSCOMMAND_READ, c.ADSCOMMAND_READWRITE, c.ADSCOMMAND_ADDDEVICENOTE) else b""
        state = struct.pack("<H", struct.unpack("<H", request.ams_header.state_flags)[0] | 1)
        return AmsResponseData(state, bytes(4), content)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--notify", type=int, default=10000)
    parser.add_argument("--no-sum", action="store_true")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--state", type=Path)
    options = parser.parse_args()
    handler = Handler(options)
    for v in VARIABLES:
        handler.add(*v)
    for i in range(options.count):
        handler.add(f"GVL.n{i}", "DINT", c.ADST_INT32, struct.pack("<i", i))
    handler.symbols.append(symbol_entry("MAIN.nGone", "INT", c.ADST_INT16, 2, 0, ""))
    handler.symbols.append(symbol_entry("GVL.aPumps", "ARRAY [1..2] OF ST_Pump", 65, 24, 0, "pumps"))
    for i in (1, 2):
        for name, kind, code, data in PUMP[:2]:
            handler.add(f"GVL.aPumps[{i}].{name}", kind, code, data, listed=False)
        handler.add(f"GVL.aPumps[{i}].stMotor.nStarts", *MOTOR[0][1:], listed=False)
    server = AdsTestServer(handler=handler, ip_address="127.0.0.1", port=options.port, logging=False)
    server.start()
    print(f"READY 127.0.0.1:{options.port}", flush=True)
    count = handler.get_variable_by_name("MAIN.nCount")
    while True:
        time.sleep(0.1)
        count.value = struct.pack("<I", struct.unpack("<I", count.value)[0] + 1)
        handler.tell()


main()
