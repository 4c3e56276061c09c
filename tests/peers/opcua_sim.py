#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""opcua_sim.py: an OPC UA server for tests (asyncua), on loopback.

  --port N         0 or absent: any free one
  --variables N    doubles v0, v1 ... under Objects/Line
  --rate HZ        each is written that often, with values 0.0, 1.0, 2.0 ...; 0: only by the test
  --secure DIR     self-signed certificate made in DIR; endpoints None and Basic256Sha256 Sign, SignAndEncrypt
  --only-secure    no endpoint None
  --user NAME:PW   only that user may log in
  --history        keeps history of all variables
  --state FILE     the counter goes on from this file after a restart
Prints READY URL. The last value written is in FILE, where one is given."""
import argparse
import asyncio
import logging
import time
from datetime import datetime, timezone
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager
from ports import free_port


class OneUser(UserManager):
    def __init__(self, name, password):
        self.name, self.password = name, password

    def get_user(self, iserver, username=None, password=None, certificate=None):
        good = (username, password) == (self.name, self.password)
        return User(role=UserRole.User, name=username) if good else None


async def secure(server, folder, only):
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
    folder.mkdir(parents=True, exist_ok=True)
    await setup_self_signed_certificate(folder / "key.pem", folder / "cert.der", "urn:koppel:test", "127.0.0.1",
                                        [Usage.CLIENT_AUTH, Usage.SERVER_AUTH], {"organizationName": "test"})
    await server.load_certificate(str(folder / "cert.der"))
    await server.load_private_key(str(folder / "key.pem"))
    policies = [ua.SecurityPolicyType.Basic256Sha256_Sign, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
    server.set_security_policy(policies if only else [ua.SecurityPolicyType.NoSecurity, *policies])


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--variables", type=int, default=5)
    parser.add_argument("--rate", type=float, default=5)
    parser.add_argument("--secure", type=Path)
    parser.add_argument("--only-secure", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--history", action="store_true")
    parser.add_argument("--state", type=Path)
    a = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    server = Server(user_manager=OneUser(*a.user.split(":", 1)) if a.user else None)
    await server.init()
    url = f"opc.tcp://127.0.0.1:{a.port or free_port()}/"
    server.set_endpoint(url)
    await server.set_application_uri("urn:koppel:test")
    if a.secure:
        await secure(server, a.secure, a.only_secure)
    ns = await server.register_namespace("urn:koppel:test")
    line = await server.nodes.objects.add_object(ua.NodeId("Line", ns), ua.QualifiedName("Line", ns))
    count = int(a.state.read_text()) if a.state and a.state.exists() else 0
    nodes = []
    for i in range(a.variables):
        node = await line.add_variable(ua.NodeId(f"v{i}", ns), ua.QualifiedName(f"v{i}", ns), float(count))
        await node.set_writable()
        nodes.append(node)
    async with server:
        if a.history:
            for node in nodes:
                await server.historize_node_data_change(node, period=None, count=10000)
        print(f"READY {url}", flush=True)
        while True:
            if a.rate:
                count += 1
                now = datetime.now(timezone.utc)
                for node in nodes:
                    await server.write_attribute_value(node.nodeid, ua.DataValue(
                        ua.Variant(float(count), ua.VariantType.Double), SourceTimestamp=now))
                if a.state:
                    a.state.write_text(str(count))
            await asyncio.sleep(1 / a.rate if a.rate else 1)


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
