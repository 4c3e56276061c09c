# SPDX-License-Identifier: Apache-2.0
"""A TCP relay in front of a server: a network cable that can be pulled without the server noticing anything else."""
import socket
import threading


class Relay:
    def __init__(self, url):
        host, port = url.split("//")[1].split("/")[0].split(":")
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"opc.tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.pairs = []
        self.plugged = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.plugged:
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pull(self):
        """Cuts what runs and lets nothing in."""
        self.plugged = False
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def plug(self):
        self.plugged = True

    def close(self):
        self.pull()
        self.listener.close()
