#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mtconnect_sim: a small MTConnect agent (standard library only) replaying a recorded SHDR file on loopback.
  --devices Devices.xml  --shdr okuma.txt  --device OKUMA  --speed 10 (replay factor; loops)  --port 5000  --buffer 16384
Serves /probe, /current, /sample?from=&count=[&interval=MS&heartbeat=MS] (multipart/x-mixed-replace chunks) and MTConnectErrors.
A line on its standard input, "key|value" as an adapter sends it, is observed now; without --shdr nothing else is.
SIGUSR1: new instanceId and empty buffer, as after an agent restart. Prints READY."""
import argparse, collections, re, signal, sys, threading, time, urllib.parse as U, xml.etree.ElementTree as E
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape, quoteattr as qa
p = argparse.ArgumentParser(); A = p.add_argument
A("--devices", required=True); A("--shdr", default=""); A("--device", default="OKUMA"); A("--port", type=int, default=5000)
A("--speed", type=float, default=10.0); A("--buffer", type=int, default=16384); a = p.parse_args()
V = "2.7"; NS = "{urn:mtconnect.org:MTConnectDevices:%s}" % V
tree = E.parse(a.devices).getroot(); devs = tree.find(NS + "Devices")
for d in list(devs):
    if d.get("name") != a.device: devs.remove(d)
dev = devs[0]; items = {}; byname = {}
def walk(comp, tag):
    for di in comp.findall(f"{NS}DataItems/{NS}DataItem"):
        it = dict(di.attrib); it["comp"] = (tag, comp.get("id"), comp.get("name")); items[it["id"]] = it
        byname[it["id"]] = byname[it.get("name") or it["id"]] = it["id"]
        s = di.find(NS + "Source")
        if s is not None and s.text: byname.setdefault(s.text, it["id"])
    for c in comp.findall(f"{NS}Components/*"): walk(c, c.tag.split("}")[1])
walk(dev, "Device")
pascal = lambda t: "".join(w if w in ("PH", "VOLTAGE_DC") else w.capitalize() for w in t.split("_"))
cv = threading.Condition(); buf = collections.deque(maxlen=a.buffer); cur = {}; st = {"seq": 1, "inst": int(time.time())}
def put(did, val, ts):
    with cv: o = (st["seq"], did, val, ts); st["seq"] += 1; buf.append(o); cur[did] = o
now = lambda: datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
def reset(*_):
    with cv: st.update(seq=1, inst=st["inst"] + 1); buf.clear(); cur.clear()
    for d in items: put(d, "UNAVAILABLE", now())
    with cv: cv.notify_all()
def observe(f):
    d = byname.get(f[0])
    if d and items[d]["category"] == "CONDITION": return put(d, tuple((f[1:] + [""] * 5)[:5]), now())
    for k, v in zip(f[::2], f[1::2]):
        if (d := byname.get(k)) and items[d]["category"] != "CONDITION": put(d, v or "UNAVAILABLE", now())
def listen():
    for ln in sys.stdin:
        observe(ln.rstrip("\n").split("|"))
        with cv: cv.notify_all()
        print("OK", flush=True)
def replay():
    rows = []
    for ln in open(a.shdr, errors="replace"):
        f = ln.rstrip("\n").split("|")
        if re.match(r"\d{4}-\d\d-\d\dT", f[0]) and len(f) > 2 and not f[1].startswith("@"):
            rows.append((datetime.fromisoformat(f[0][:26].rstrip("Z")).timestamp(), f[1:]))
    rows = [r for r in rows if r[0] >= rows[-1][0] - 2000]   # the continuous part of the recording
    while True:
        t0, w0 = rows[0][0], time.monotonic()
        for t, f in rows:
            dt = w0 + (t - t0) / a.speed - time.monotonic()
            if dt > 0:
                with cv: cv.notify_all()
                time.sleep(dt)
            observe(f)
def obs(o):
    s, d, v, ts = o; it = items[d]; at = f'dataItemId={qa(d)} timestamp="{ts}" sequence="{s}"'
    if it.get("name"): at += f' name={qa(it["name"])}'
    if it.get("subType"): at += f' subType={qa(it["subType"])}'
    if it["category"] == "CONDITION":
        lv, code, sev, qual, txt = v if isinstance(v, tuple) else (v, "", "", "", ""); at = at.replace(' subType=', ' subType=') + f' type={qa(it["type"])}'
        if code: at += f' nativeCode={qa(code)}'
        if sev: at += f' nativeSeverity={qa(sev)}'
        if qual.upper() in ("LOW", "HIGH"): at += f' qualifier="{qual.upper()}"'
        return "Condition", f'<{lv.capitalize()} {at}>{escape(txt)}</{lv.capitalize()}>'
    tag = pascal(it["type"].split(":")[-1])
    if it.get("representation") == "TIME_SERIES": tag += "TimeSeries"
    if it.get("representation") in ("DATA_SET", "TABLE"): tag += pascal(it["representation"]); at += ' count="0"'; v = v if v == "UNAVAILABLE" else ""
    return {"SAMPLE": "Samples", "EVENT": "Events"}[it["category"]], f"<{tag} {at}>{escape(v)}</{tag}>"
def header(nxt=None):
    first = buf[0][0] if buf else 1
    return (f'<Header creationTime="{now()[:19]}Z" sender="localhost" instanceId="{st["inst"]}" version="{V}" deviceModelChangeTime="2022-08-08T00:00:00Z" bufferSize="{a.buffer}"'
            + (f' nextSequence="{nxt}" firstSequence="{first}" lastSequence="{st["seq"] - 1}"' if nxt is not None else ' assetBufferSize="1024" assetCount="0"') + "/>")
def streams(os_, nxt):
    g = {}
    for o in os_: c, x = obs(o); g.setdefault(items[o[1]]["comp"], {}).setdefault(c, []).append(x)
    b = "".join(f'<ComponentStream component={qa(c[0])} componentId={qa(c[1])}' + (f" name={qa(c[2])}" if c[2] else "") + ">"
                + "".join(f"<{k}>{''.join(m[k])}</{k}>" for k in ("Samples", "Events", "Condition") if k in m) + "</ComponentStream>" for c, m in g.items())
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<MTConnectStreams xmlns="urn:mtconnect.org:MTConnectStreams:{V}">{header(nxt)}<Streams>'
            f'<DeviceStream name={qa(dev.get("name"))} uuid={qa(dev.get("uuid"))}>{b}</DeviceStream></Streams></MTConnectStreams>').encode()
def error(code, text): return (f'<?xml version="1.0" encoding="UTF-8"?>\n<MTConnectError xmlns="urn:mtconnect.org:MTConnectError:1.7"><Header creationTime="{now()[:19]}Z" sender="localhost" '
            f'instanceId="{st["inst"]}" version="1.7" bufferSize="{a.buffer}"/><Errors><Error errorCode="{code}">{escape(text)}</Error></Errors></MTConnectError>').encode()
def sample(frm, cnt):
    with cv:
        first, end = (buf[0][0] if buf else st["seq"]), st["seq"]
        if frm < first or frm > end: return None, frm
        sl = [o for o in list(buf)[frm - first:frm - first + cnt]]; nxt = sl[-1][0] + 1 if sl else frm
        return streams(sl, nxt), nxt
class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def send(self, body, code=200):
        self.send_response(code); self.send_header("Content-Type", "text/xml"); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        u = U.urlsplit(self.path); q = {k: v[0] for k, v in U.parse_qs(u.query).items()}; cmd = u.path.rstrip("/").split("/")[-1]
        if cmd in ("", "probe"):
            E.register_namespace("", NS[1:-1]); E.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")
            return self.send((f'<?xml version="1.0" encoding="UTF-8"?>\n<MTConnectDevices xmlns="{NS[1:-1]}">{header()}' + E.tostring(devs, encoding="unicode") + "</MTConnectDevices>").encode())
        if cmd == "current":
            with cv: x = streams(sorted(cur.values()), st["seq"])
            return self.send(x)
        if cmd != "sample": return self.send(error("UNSUPPORTED", "unknown request"), 404)
        frm, cnt = int(q.get("from", buf[0][0] if buf else 1)), int(q.get("count", 100)); x, nxt = sample(frm, cnt)
        if x is None: return self.send(error("OUT_OF_RANGE", "'from' is outside the buffer"), 404)
        if "interval" not in q: return self.send(x)
        iv, hb, B = int(q["interval"]) / 1e3, int(q.get("heartbeat", 10000)) / 1e3, "simmtc%d" % time.time_ns()
        self.send_response(200); self.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={B}"); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        inst, last = st["inst"], time.monotonic()
        try:
            while st["inst"] == inst:
                if x is None: x = error("OUT_OF_RANGE", "fell behind the buffer"); inst = -1
                part = f"--{B}\r\nContent-type: text/xml\r\nContent-length: {len(x)}\r\n\r\n".encode() + x + b"\r\n"
                self.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n"); self.wfile.flush(); time.sleep(iv); last = time.monotonic()
                with cv: cv.wait_for(lambda: st["seq"] > nxt or st["inst"] != inst, max(0.001, hb - (time.monotonic() - last)))
                x, nxt = sample(nxt, cnt)
        except OSError: pass
        self.close_connection = True
reset(); signal.signal(signal.SIGUSR1, reset); threading.Thread(target=listen, daemon=True).start()
if a.shdr: threading.Thread(target=replay, daemon=True).start()
srv = ThreadingHTTPServer(("127.0.0.1", a.port), H); srv.daemon_threads = True
print(f"READY http://127.0.0.1:{a.port}/ dataitems={len(items)}", flush=True); srv.serve_forever()
