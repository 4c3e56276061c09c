# SPDX-License-Identifier: Apache-2.0
"""Objects of STIX for tests, and a client of TAXII that says what it was answered."""
import itertools
import json
import uuid

import requests

MEDIA = "application/taxii+json;version=2.1"
TLP = {  # the definitions of TLP 2.0 that all know
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"}
NUMBERS = itertools.count()


def indicator(name="seen", tlp=None, modified=None, **more):
    at = f"2026-03-01T10:00:00.{next(NUMBERS) % 1000:03}Z"
    o = {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid4()}", "created": at, "modified": modified or at,
         "name": name, "pattern": "[ipv4-addr:value = '198.51.100.7']", "pattern_type": "stix", "valid_from": at}
    if tlp:
        o["object_marking_refs"] = [TLP.get(tlp, tlp)]
    return o | more


def bundle(*objects):
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects})


class Member:
    """Who asks with this token."""

    def __init__(self, url, token, collection, **more):
        self.url, self.token, self.more = url, token, more
        self.collection = f"{url}/taxii2/api/collections/{collection}/"

    def ask(self, method, where="objects/", body=None, headers=None, **query):
        where = where if where.startswith("http") else self.collection + where
        headers = {"Accept": MEDIA, "Content-Type": MEDIA, **(headers or {})}
        auth = ("anybody", self.token) if self.token else None
        body = body if body is None or isinstance(body, str) else json.dumps(body)
        return requests.request(method, where, params=query, headers=headers, auth=auth, data=body, timeout=30, **self.more)

    def objects(self, **query):
        r = self.ask("GET", **query)
        assert r.status_code == 200, r.text
        return r.json().get("objects", [])

    def post(self, *objects):
        """The status of what was left."""
        r = self.ask("POST", body={"objects": objects})
        assert r.status_code == 202, r.text
        return r.json()
