// SPDX-License-Identifier: Apache-2.0
// Things of the node's model, and how they are said to people.
import { clock, count, number, t, told, word } from "./lang";

export interface Signal {
  path: string; id: number; type: string; unit: string | null; unitText: string | null; description: string | null;
  low: number | null; high: number | null; enums: Record<string, string> | null; label: string; labelInForce: string;
  stored: boolean; writable: boolean; coupling: number; source: string | null; role: string | null;
  value: any; status: { code: number; name: string }; time: string | null; stale: boolean;
}
export interface Counts { signals: number; good: number; uncertain: number; bad: number; stale: number }
export interface Asset {
  path: string; id: number; kind: string; label: string; labelInForce: string; description: string | null;
  state: string | null; stateSince: string | null; nameplate: Record<string, string>; counts: Counts; assets: Asset[];
}
export interface Interval { id: number; path: string | null; kind: string; start: string; end: string | null; attributes: Record<string, any> }
export interface Alarm {
  id: number; asset: string | null; source: "rule" | "machine" | "node" | "watch" | "security"; rule: string | null; text: string; priority: string; state: string; active: boolean; since: string; until: string | null;
  value: number | null; limit: number | null; count: number; firstOut: boolean; group: number; acknowledgedBy: string | null; acknowledgedAt: string | null; comment: string | null; shelvedUntil: string | null;
}
export interface Coupling {
  name: string; url: string; at: string; protocol: string; enabled: boolean; settings: Record<string, unknown>; state: string;
  since: string | null; retryAt: string | null; detail: string; rate: number; signals: number; items: number; itemsMax: number; rejected: number;
  counters: Record<string, number>; include: string | null; exclude: string | null; every: string | null; deadband: string | null; clock: string | null;
}
export interface Bucket { from: string; to: string; n: number; bad: number; min: number | null; mean: number | null; max: number | null; first: number | null; last: number | null }

export const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
export const above = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const unit = (s: { unitText: string | null; unit?: string | null }) => s.unitText ?? s.unit ?? "";
/** A forecast, as the node makes it; `missing`: why there is none. */
export interface Forecast { path: string; id: number; counter: boolean; missing: "short" | "words" | null; needsDays: number; hasDays: number; steps: { from: string; to: string; value: number; low: number; high: number }[] }
export const discrete = (s: { type: string; enums: unknown }) => s.type === "bool" || !!s.enums;
export const numeric = (s: { type: string }) => /^(bool|u?int64|float|double)$/.test(s.type);

const NO_LINK = 0x80310000;
export type Quality = "good" | "uncertain" | "bad" | "stale" | "none";
export function quality(code: number, time: string | null, stale = false): Quality {
  if (stale || code === NO_LINK) return "stale";
  if (!time) return "none";
  return (["good", "uncertain", "bad", "bad"] as const)[code >>> 30];
}
export function show(s: { type?: string; enums?: Record<string, string> | null }, v: any, brief = false): string {
  if (v === null || v === undefined) return "–";
  if (Array.isArray(v)) {
    const head = v.slice(0, 3).map((x) => show(s, x, true)).join(", ");
    return v.length > 3 ? `[${head}, … ${t("elements", { n: count(v.length) })}]` : `[${head}]`;
  }
  const named = s.enums?.[String(v)];
  if (named !== undefined) return brief ? named : `${named} (${v})`;
  if (typeof v === "number") return number(v);
  if (typeof v === "boolean") return v ? t("yes") : t("no");
  if (s.type === "time") return clock(v);
  return String(v);
}

/** A colour by meaning for each state a machine may be in. */
export function stateInk(state: string | null | undefined): string {
  switch (state) {
    case "running": return "var(--run)";
    case "setup": case "maintenance": return "var(--info)";
    case "stopped": return "var(--bad)";
    case "idle": return "var(--idle)";
    case "off": return "var(--faint)";
    case null: case undefined: return "var(--line)";
  }
  let h = 0;
  for (const c of state) h = (h * 31 + c.charCodeAt(0)) >>> 0;
  return `var(--series-${h % 8})`;
}
export const stateIcon = (state: string | null) =>
  ({ running: "▶", setup: "⚙", maintenance: "⚒", stopped: "■", idle: "❚❚", off: "○" })[state ?? ""] ?? "●";
export const stateWord = (state: string | null) => (state ? word("state", state) : t("state.unknown"));

export function sum(a: Asset): Counts {
  const n = { ...a.counts };
  for (const k of a.assets) {
    const m = sum(k);
    for (const key in n) n[key as keyof Counts] += m[key as keyof Counts];
  }
  return n;
}
export function tell(i: Interval): string {
  const a = i.attributes;
  const text = a.text ?? a.message ?? a.state ?? a.program ?? a.name ?? a.reason ?? a.key ?? word("kind", i.kind);
  return i.kind === "state" ? stateWord(String(text)) : told(String(text));
}
