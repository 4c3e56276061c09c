# SPDX-License-Identifier: Apache-2.0
"""mosquitto that keeps its sessions over a restart, with or without TLS and a user; and plain clients of paho."""
import subprocess

import mqtt_broker
import paho.mqtt.client as paho


class Broker(mqtt_broker.Broker):
    def __init__(self, folder, port, user=None, tls=None):
        """user: (name, password); tls: folder with ca.pem, server.pem, server.key."""
        self.user, self.tls = user, tls
        lines = ["persistence true", f"persistence_location {folder}/", "autosave_interval 1"]
        if user:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, *user], check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        if tls:
            lines += [f"cafile {tls}/ca.pem", f"certfile {tls}/server.pem", f"keyfile {tls}/server.key"]
        super().__init__(folder, *lines, port=port, anonymous=not user)

    def client(self, name=""):
        client = paho.Client(name)
        if self.user:
            client.username_pw_set(*self.user)
        if self.tls:
            client.tls_set(f"{self.tls}/ca.pem")
        client.connect("127.0.0.1" if not self.tls else "localhost", self.port)
        client.loop_start()
        return client

    def publish(self, *messages, qos=1, retain=False):
        """messages: (topic, payload)."""
        client = self.client()
        for topic, payload in messages:
            client.publish(topic, payload, qos, retain).wait_for_publish(10)
        client.loop_stop()
        client.disconnect()


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
