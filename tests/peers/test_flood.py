# SPDX-License-Identifier: Apache-2.0
"""A node under attack from its own machine: it goes on answering, and its memory stays bounded."""
import threading
import time

import pytest

from conftest import wait_for
from web_client import Api, close_all, connect_many, dial, dripping, open_files, refuses_oversized, sanitized, statm_kib


@pytest.fixture
def api(node):
    return Api(node)


def test_1000_silent_connections_give_way_to_those_who_ask(node, api):
    files = open_files(node.process)
    flood = connect_many(node.port, 1000)
    try:
        assert node.cli("status").returncode == 0  # over the Unix socket: not touched at all
        began = time.monotonic()
        assert api.ok("GET", "status")["node"] == "test"  # a new connection over TCP, behind all of them
        assert time.monotonic() - began < 20
    finally:
        close_all(flood)
    wait_for(lambda: open_files(node.process) <= files + 20, 20, "connections closed")


def test_requests_sent_a_byte_at_a_time_are_cut_off(node, api):
    flood = connect_many(node.port, 900, b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    with dripping(flood):
        memory = statm_kib(node.process)
        assert node.cli("status").returncode == 0
        assert api.ok("GET", "status")["node"] == "test"
        time.sleep(8)
        closed = 0
        for s in flood[:100]:
            try:
                s.setblocking(False)
                closed += s.recv(1000) == b""
            except BlockingIOError:
                pass
            except OSError:
                closed += 1
        assert closed == 100
        assert sanitized(node.process) or statm_kib(node.process) - memory < 64 * 1024


def test_replies_never_read_do_not_hold_up_others(node, api):
    ask = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\n\r\n".encode() * 50
    deaf = connect_many(node.port, 200, ask)
    try:
        for _ in range(20):
            assert api.ok("GET", "status")["node"] == "test"
    finally:
        close_all(deaf)


def test_oversized_headers_targets_and_bodies_are_refused(node, api):
    refuses_oversized(lambda: dial(node), node.token, ConnectionError, lambda: api.ok("GET", "status")["node"] == "test")


@pytest.mark.parametrize("noise", [b"\0" * 5000, b"\r\n" * 5000, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500, b"\xff" * 70000],
                         ids=["zeros", "newlines", "tls", "ones"])
def test_noise_on_the_port_harms_nobody(node, api, noise):
    with dial(node) as s:
        try:
            s.sendall(noise)
        except ConnectionError:
            pass
        assert api.ok("GET", "status")["node"] == "test"


def test_a_body_in_chunks_has_the_same_limit(node, api):
    memory = statm_kib(node.process)
    with dial(node) as s:
        s.sendall(f"POST /api/v1/apply?dryRun=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"10000\r\n" + b"#" * 65536 + b"\r\n"
        for _ in range(100):  # 6.5 MB
            s.sendall(piece)
        s.sendall(b"0\r\n\r\n")
        assert b" 413 " in s.recv(300).split(b"\r\n")[0]
    assert sanitized(node.process) or statm_kib(node.process) - memory < 32 * 1024


def test_more_requests_at_once_than_workers_are_all_answered_or_told_to_come_back(node):
    codes = []

    def ask():
        r = Api(node).get("signals")
        codes.append(r.status_code)
        if r.status_code == 503:
            assert r.headers["Retry-After"]
    threads = [threading.Thread(target=ask) for _ in range(300)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(codes) == 300 and set(codes) <= {200, 503} and codes.count(200) > 200
