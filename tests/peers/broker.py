# SPDX-License-Identifier: Apache-2.0
"""mosquitto as a test needs it: on a free port of loopback, with or without TLS and a user, started again on the same port."""
import subprocess

import paho.mqtt.client as paho
from conftest import wait_for


class Broker:
    def __init__(self, folder, port, user=None, tls=None):
        """user: (name, password); tls: folder with ca.pem, server.pem, server.key."""
        self.port, self.user, self.tls, self.process = port, user, tls, None
        lines = ["per_listener_settings false", f"listener {port} 127.0.0.1", "persistence true",
                 f"persistence_location {folder}/", "autosave_interval 1", "user root", f"allow_anonymous {'false' if user else 'true'}"]
        if user:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, *user], check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        if tls:
            lines += [f"cafile {tls}/ca.pem", f"certfile {tls}/server.pem", f"keyfile {tls}/server.key"]
        self.config = folder / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen(["mosquitto", "-c", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, 10, "the broker")

    def client(self, name=""):
        client = paho.Client(name)
        if self.user:
            client.username_pw_set(*self.user)
        if self.tls:
            client.tls_set(f"{self.tls}/ca.pem")
        client.connect("127.0.0.1" if not self.tls else "localhost", self.port)
        client.loop_start()
        return client

    def answers(self):
        try:
            client = self.client()
            client.loop_stop()
            client.disconnect()
            return True
        except OSError:
            return False

    def publish(self, *messages, qos=1, retain=False):
        """messages: (topic, payload)."""
        client = self.client()
        for topic, payload in messages:
            client.publish(topic, payload, qos, retain).wait_for_publish(10)
        client.loop_stop()
        client.disconnect()

    def kill(self):
        self.process.kill()
        self.process.wait()


def certificates(folder):
    """An authority, and a certificate of it for localhost."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test CA")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "30",
            "-extfile", "ext")
    return folder
