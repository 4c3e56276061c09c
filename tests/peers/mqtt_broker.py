# SPDX-License-Identifier: Apache-2.0
"""mosquitto as a peer: a broker on a free port of 127.0.0.1 with the settings a test wants; and paho as whoever publishes."""
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import paho.mqtt.client as paho
from conftest import wait_for
from ports import free_port

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Broker:
    def __init__(self, folder, *lines, port=None, anonymous=True):
        self.dir = Path(folder)
        self.dir.mkdir(exist_ok=True)
        self.dir.chmod(0o777)
        self.port = port or free_port()
        self.log = self.dir / "broker.log"
        listener = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'true' if anonymous else 'false'}"]
        rest = ["max_queued_messages 100000", "log_type all", "user root", "set_tcp_nodelay true"]
        (self.dir / "broker.conf").write_text("\n".join([*listener, *rest, *lines]) + "\n")
        self.process = None
        self.start()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", self.dir / "broker.conf"], stdout=log, stderr=log)
        wait_for(self.listens, 10, "the broker")

    def listens(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def client(self, name="", **options):
        return Client(self.port, name, **options)


class Client:
    """Publishes and waits until the broker has it; keeps what it hears."""

    def __init__(self, port, name="", user=None, will=None, tls=None):
        self.paho = paho.Client(name, protocol=paho.MQTTv311)
        self.heard = []
        self.up = threading.Event()
        self.paho.on_connect = lambda *_: self.up.set()
        self.paho.on_disconnect = lambda *_: self.up.clear()
        self.paho.reconnect_delay_set(1, 1)
        self.paho.on_message = lambda c, u, m: self.heard.append((m.topic, m.payload, m.retain))
        self.paho.max_inflight_messages_set(1000)
        if user:
            self.paho.username_pw_set(*user)
        if tls:
            self.paho.tls_set(*tls)
        if will:
            self.paho.will_set(*will)
        self.paho.connect("127.0.0.1", port)
        self.paho.loop_start()
        assert self.up.wait(10)

    def send(self, topic, payload, qos=1, retain=False):
        assert self.up.wait(10)
        info = self.paho.publish(topic, payload, qos, retain)
        info.wait_for_publish(10)
        assert info.is_published()

    def hear(self, *topics):
        done = threading.Event()
        self.paho.on_subscribe = lambda *_: done.set()
        self.paho.subscribe([(t, 1) for t in topics])
        assert done.wait(10)

    def stop(self):
        self.paho.disconnect()
        self.paho.loop_stop()
