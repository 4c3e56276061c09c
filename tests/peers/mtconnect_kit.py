# SPDX-License-Identifier: Apache-2.0
"""What the tests of MTConnect share: a small machine, lines of its adapter, agents that answer as they are told."""
import re
import ssl
import subprocess
import threading
import urllib.request
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ITEMS = """<DataItem id="x" type="POSITION" subType="ACTUAL" category="SAMPLE" name="Xact" units="MILLIMETER"/>
  <DataItem id="load" type="LOAD" category="SAMPLE" name="Xload" units="PERCENT"/>
  <DataItem id="vib" type="DISPLACEMENT" category="SAMPLE" name="vib" representation="TIME_SERIES" units="MILLIMETER"/>"""
CONTROLLER = """<DataItem id="estop" type="EMERGENCY_STOP" category="EVENT" name="estop"/>
  <DataItem id="system" type="SYSTEM" category="CONDITION" name="system"/>
  <DataItem id="logic" type="LOGIC_PROGRAM" category="CONDITION"/>
  <DataItem id="msg" type="MESSAGE" category="EVENT" name="msg"/>"""
PATH_ITEMS = """<DataItem id="exec" type="EXECUTION" category="EVENT" name="execution"/>
  <DataItem id="mode" type="CONTROLLER_MODE" category="EVENT" name="mode"/>
  <DataItem id="prog" type="PROGRAM" category="EVENT" name="program"/>
  <DataItem id="parts" type="PART_COUNT" subType="GOOD" category="EVENT"/>
  <DataItem id="tool" type="TOOL_NUMBER" category="EVENT" name="tool"/>
  <DataItem id="fovr" type="PATH_FEEDRATE_OVERRIDE" subType="PROGRAMMED" category="EVENT" name="Fovr" units="PERCENT"/>
  <DataItem id="pos" type="PATH_POSITION" category="SAMPLE" name="pos" units="MILLIMETER_3D"/>
  <DataItem id="power" type="WATTAGE" category="SAMPLE" name="power" units="WATT"/>"""
MILL = f"""<Device id="d" name="Mill" uuid="urn:mill:77"><Description manufacturer="Beispiel" model="F5" serialNumber="0077"
  station="Hall 1">a mill</Description><DataItems><DataItem id="avail" type="AVAILABILITY" category="EVENT"/></DataItems>
  <Components><Axes id="axes" name="Axes"><Components><Linear id="lx" name="X"><DataItems>{ITEMS}</DataItems></Linear></Components></Axes>
  <Controller id="ctl" name="Controller"><DataItems>{CONTROLLER}</DataItems><Components><Path id="path"><DataItems>{PATH_ITEMS}</DataItems>
  </Path></Components></Controller></Components></Device>"""


def devices(*device, namespace="urn:mtconnect.org:MTConnectDevices:2.7"):
    return (f'<?xml version="1.0"?><MTConnectDevices xmlns="{namespace}"><Header instanceId="1" version="2.7" bufferSize="16384" '
            f'sender="test" creationTime="2026-01-01T00:00:00Z"/><Devices>{"".join(device)}</Devices></MTConnectDevices>')


START = "avail|AVAILABLE|Xact|1.5|Xload|20|vib|0.1 0.2 0.3|estop|ARMED|execution|READY|mode|AUTOMATIC|program|O100|parts|7|tool|12|" \
        "Fovr|100|pos|1 2 3|power|1500|msg|Door open"


class Mill:
    """The simulator on that machine; it observes what the test says."""

    def __init__(self, servers, folder, port):
        (folder / "Mill.xml").write_text(devices(MILL))
        self.server = servers("mtconnect_sim", "--devices", folder / "Mill.xml", "--device", "Mill", "--port", port)
        self.url = f"mtconnect+http://127.0.0.1:{port}"
        self.say(START, "system|NORMAL||||", "logic|NORMAL||||")

    def say(self, *lines):
        for line in lines:
            self.server.say(line)


def fetch(port, what):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{what}", timeout=20) as reply:
        return reply.read()


def next_sequence(port):
    return int(re.search(rb'nextSequence="(\d+)"', fetch(port, "current")).group(1))


def observations(port, since=None):
    """{data item: [(time, text), ...]} of what is in the agent's buffer: all, or from this number on."""
    found = {}
    where = f"sample?count=1000000&from={since}" if since else "sample?count=1000000"
    for e in ET.fromstring(fetch(port, where)).iter():
        if "dataItemId" in e.attrib:
            found.setdefault(e.get("dataItemId"), []).append((e.get("timestamp"), e.text or ""))
    return found


def stamp(text):
    """A time with six decimals, however many it has."""
    whole, _, part = text.rstrip("Z").partition(".")
    return f"{whole}.{part:0<6.6}"


def kept(node, path, *options):
    """{time: value} of a signal's history."""
    return {stamp(point[0]): point[1] for point in node.history(path, *options)}


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", folder / "agent.key", "-out", folder / "agent.pem"],
                   check=True, capture_output=True)
    return folder / "agent.pem", folder / "agent.key"


class Scripted:
    """An agent that answers as it is told: answers[word] is bytes, (status, type, bytes), or a function of handler and query.
    `tls` is a certificate and its key."""

    def __init__(self, tls=None, **answers):
        self.answers = answers
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                path, _, query = self.path.partition("?")
                word = path.rstrip("/").split("/")[-1]
                outer.asked.append(self.path)
                answer = outer.answers.get(word, (404, "text/plain", b"no"))
                if callable(answer):
                    answer = answer(self, dict(re.findall(r"(\w+)=([^&]*)", query)))
                if answer is None:
                    return
                status, kind, data = answer if isinstance(answer, tuple) else (200, "text/xml", answer)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"mtconnect+http{'s' if tls else ''}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def streams(body, next_sequence=10, instance=1, version="1.3"):
    return (f'<?xml version="1.0"?><m:MTConnectStreams xmlns:m="urn:mtconnect.org:MTConnectStreams:{version}"><m:Header '
            f'instanceId="{instance}" nextSequence="{next_sequence}" firstSequence="1" lastSequence="{next_sequence - 1}" '
            f'bufferSize="100" version="{version}" sender="t" creationTime="2026-01-01T00:00:00Z"/><m:Streams><m:DeviceStream '
            f'name="Mill" uuid="u"><m:ComponentStream component="Device" componentId="d">{body}</m:ComponentStream>'
            f'</m:DeviceStream></m:Streams></m:MTConnectStreams>').encode()
