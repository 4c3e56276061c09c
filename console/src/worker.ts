// SPDX-License-Identifier: Apache-2.0
import { Hub, type Guest, type Said } from "./hub";

const hub = new Hub();
(self as unknown as { onconnect: (e: MessageEvent) => void }).onconnect = (e) => {
  const port = e.ports[0];
  const guest: Guest = { say: (m: Said) => port.postMessage(m) };
  port.onmessage = (m) => (m.data.bye ? hub.leave(guest) : hub.hear(guest, m.data.paths));
};
