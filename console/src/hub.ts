// SPDX-License-Identifier: Apache-2.0
// The one stream of a browser. It runs in a shared worker, so that ten tabs take one of the six connections a browser
// gives; where there is no such worker (some phones), each tab has one of its own.
import { parse } from "./json";

export interface Value { path: string; id: number; value: unknown; status: number; time: string | null }
export type Said = { values: Value[] } | { status: any; rate: number | null } | { alarm: any } | { link: "open" | "lost" | "refused" };
export interface Guest { say(m: Said): void }

const PATTERNS = 60; // the node takes 64 a stream
const QUIET = 45000;
const POLL = 3000;
/** A name no signal has: the stream then tells of alarms only. */
const NONE = "~nothing~";
/** A comma separates patterns; "?" stands for it, and for what else means something in a pattern. */
const plain = (path: string) => path.replace(/[,*?]/g, "?");
const above = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** As few patterns as the node takes: whole assets stand for their signals when there are too many. */
export function patterns(paths: Iterable<string>): string[] {
  let list = [...new Set(paths)];
  while (list.length > PATTERNS) {
    const longest = Math.max(...list.map((p) => p.split("/").length));
    if (longest <= 1) return ["**"];
    list = [...new Set(list.map((p) => (p.split("/").length === longest ? above(p) : p)))];
  }
  return list.map(plain).sort();
}

export class Hub {
  private guests = new Map<Guest, { paths: Set<string>; heard: number }>();
  private source: EventSource | null = null;
  private wanted = "";
  private timer = 0;
  private link: "open" | "lost" | "refused" = "open";
  private asking = false;
  private next = 0;
  private last: { status: any; rate: number | null } | null = null;

  /** Each message of a guest; it is forgotten when it says nothing for a while. */
  hear(guest: Guest, paths?: string[]) {
    const before = this.guests.get(guest);
    if (!this.guests.size) this.link = "open"; // who comes back has logged in
    const next = paths ? new Set(paths) : before?.paths ?? new Set<string>();
    this.guests.set(guest, { paths: next, heard: Date.now() });
    if (!before) guest.say({ link: this.link });
    if (!before && this.last) guest.say(this.last);
    if (paths || !before) this.later();
    if (!this.next) void this.ask();
  }
  leave(guest: Guest) {
    this.guests.delete(guest);
    this.later();
  }
  private later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.subscribe(), 80) as unknown as number;
  }
  private subscribe() {
    const all = new Set<string>();
    for (const g of this.guests.values()) for (const p of g.paths) all.add(p);
    const wanted = this.guests.size ? patterns(all).join(",") || NONE : "";
    if (wanted === this.wanted && this.source && this.source.readyState !== 2) return;
    const old = this.source;
    this.source = null;
    this.wanted = wanted;
    if (wanted && this.link !== "refused") this.connect();
    old?.close();
  }
  private connect() {
    const s = new EventSource(`/api/v1/stream?every=100ms&alarms=true&alarmsOf=**&match=${encodeURIComponent(this.wanted)}`);
    s.addEventListener("values", (e) => this.take(parse((e as MessageEvent).data)));
    s.onopen = () => this.tell({ alarm: null });
    s.addEventListener("alarm", (e) => {
      this.tell({ alarm: parse((e as MessageEvent).data) });
      this.again(200); // how many there are
    });
    s.onerror = () => {
      if (s.readyState === 2 && this.source === s) this.source = null; // the poll finds out why and begins it anew
    };
    this.source = s;
  }
  private take(values: Value[]) {
    for (const [guest, g] of this.guests) {
      const own = values.filter((v) => g.paths.has(v.path));
      if (own.length) guest.say({ values: own });
    }
  }
  private tell(m: Said) {
    for (const guest of [...this.guests.keys()]) guest.say(m);
  }
  private set(link: "open" | "lost" | "refused") {
    if (link === this.link) return;
    this.link = link;
    this.tell({ link });
  }
  private again(ms: number) {
    clearTimeout(this.next);
    this.next = setTimeout(() => void this.ask(), ms) as unknown as number;
  }
  private async ask() {
    if (this.asking) return this.again(200);
    for (const [guest, g] of this.guests) if (Date.now() - g.heard > QUIET) this.leave(guest);
    if (!this.guests.size) {
      this.next = 0;
      return;
    }
    const first = !this.last;
    this.asking = true;
    try {
      const reply = await fetch("/api/v1/status", { signal: AbortSignal.timeout(10000) });
      if (reply.ok) this.known(parse(await reply.text()));
      else if (reply.status === 401 || reply.status === 403) this.set("refused");
    } catch {
      this.set("lost");
    }
    this.asking = false;
    this.again(this.link === "open" && !first ? POLL : 1000);
  }
  /** How the node is; with the one before it also how many values a second it stores. */
  private known(status: any) {
    const old = this.last?.status, s = old && old.started === status.started ? (Date.parse(status.now) - Date.parse(old.now)) / 1000 : 0;
    this.last = { status, rate: s > 0.5 ? (status.store.samples - old.store.samples) / s : this.last?.rate ?? null };
    this.set("open");
    this.tell(this.last);
    if (!this.source) this.subscribe();
  }
}
