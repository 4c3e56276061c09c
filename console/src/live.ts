// SPDX-License-Identifier: Apache-2.0
// What a tab hears from the node: values of the signals that are seen, how the node is, whether it answers.
import { access, epoch, who } from "./api";
import { cell } from "./cell";
import { Hub, type Said, type Value } from "./hub";

declare const WORKER: string;
export const link = cell<"open" | "lost" | "refused">("open");
export const status = cell<any>(null);
/** Values the node stores a second; null: not known yet. */
export const rate = cell<number | null>(null);
/** ms to add to this browser's clock to have the node's. */
let skew = 0;
export const now = () => Date.now() + skew;

let post: (m: { paths?: string[]; bye?: true }) => void = () => undefined; // nobody listens yet
const followers = new Map<string, Set<(v: Value) => void>>();
let timer = 0;

function tell() {
  clearTimeout(timer);
  timer = window.setTimeout(() => post({ paths: document.hidden ? [] : [...followers.keys()] }), 30);
}
/** Follows these signals until the returned function is called. */
export function follow(paths: string[], f: (v: Value) => void): () => void {
  for (const p of paths) {
    if (!followers.has(p)) followers.set(p, new Set());
    followers.get(p)!.add(f);
  }
  tell();
  return () => {
    for (const p of paths) {
      const s = followers.get(p);
      s?.delete(f);
      if (!s?.size) followers.delete(p);
    }
    tell();
  };
}

const watchers = new Set<(alarm: any) => void>();
/** Hears of each change of an alarm until the returned function is called; null: there may have been some. */
export function watch(f: (alarm: any) => void): () => void {
  watchers.add(f);
  return () => void watchers.delete(f);
}

let waiting: Value[] = [], frame = 0;
function deliver() {
  frame = 0;
  const list = waiting;
  waiting = [];
  for (const v of list) for (const f of followers.get(v.path) ?? []) f(v);
}
let model = "";
function hear(m: Said) {
  if ("values" in m) {
    waiting.push(...m.values);
    if (waiting.length > 20000) waiting = waiting.slice(-10000); // a tab that is not drawn
    if (!frame) frame = requestAnimationFrame(deliver);
  } else if ("status" in m) {
    const s = m.status, off = Date.parse(s.now) - Date.now(), is = `${s.started} ${s.modelVersion}`;
    skew = Math.abs(off) < 1500 ? 0 : off;
    status.set(s);
    rate.set(m.rate);
    document.title = `${s.node} · koppel`;
    if (model && is !== model) epoch.set(epoch.get() + 1);
    model = is;
  } else if ("alarm" in m) {
    for (const f of [...watchers]) f(m.alarm);
  } else {
    if (m.link === "refused" && access.get() === "in") epoch.set(epoch.get() + 1); // whoever asks again finds out
    if (m.link === "open" && link.get() === "lost") epoch.set(epoch.get() + 1);
    link.set(m.link);
  }
}

function join() {
  const worker = new SharedWorker(WORKER, "koppel");
  worker.port.onmessage = (e) => hear(e.data);
  post = (m) => worker.port.postMessage(m);
  worker.onerror = () => { // its program did not come: the node went meanwhile
    link.set("lost");
    setTimeout(() => (join(), tell()), 1000);
  };
}
export function startLive() {
  if (typeof SharedWorker !== "undefined") join();
  else {
    const hub = new Hub(), guest = { say: hear };
    post = (m) => (m.bye ? hub.leave(guest) : hub.hear(guest, m.paths));
  }
  const inside = () => access.get() === "in" && !who.get()?.mustChangePassword;
  const beat = () => (inside() ? tell() : post({ bye: true }));
  beat();
  access.on(beat);
  who.on(beat);
  setInterval(() => inside() && post({}), 15000);
  document.addEventListener("visibilitychange", beat);
  addEventListener("pagehide", () => post({ bye: true }));
  addEventListener("pageshow", beat);
}
