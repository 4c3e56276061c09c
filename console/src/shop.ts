// SPDX-License-Identifier: Apache-2.0
// What the pages of the shop floor ask of the node, and what follows from it.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, epoch, query, send, useApi } from "./api";
import { cell } from "./cell";
import { language } from "./lang";
import { now, watch } from "./live";
import type { Alarm, Interval } from "./model";

export interface Machine { path: string; kind: string; state: string | null; stateSince: string | null; signals: Record<string, { path: string; value: any; status: number; time: string | null; unitText: string | null; enums: Record<string, string> | null }> }
export interface Step { from: string; to: string; shift: string | null; pbt: number; apt: number; pri: number | null; pq: number; gq: number; scrap: number; availability: number | null; effectiveness: number | null; quality: number | null; oee: number | null }
interface OeeOf { path: string; calendar: boolean; cycles: { program: string; seconds: number | null }[]; steps: Step[] }
export interface Stop { id: number; asset: string; from: string; to: string | null; seconds: number; state: string; told: string | null; reason: string | null; comment: string | null; by: string | null; at: string | null }
export interface Cost { reason: string | null; category: string | null; seconds: number; count: number; share: number }
export interface Stops { from: string; to: string; stops: Stop[]; count: number; more: boolean; reasons: Cost[] }
export interface Reason { name: string; nl?: string | null; en?: string | null; category?: string | null }
export interface Settings { threshold?: string | number | null; reasons: Reason[]; groups?: { name: string; match: string }[] }
export interface Operation { id: number; number: string; name?: string; asset?: string; machineGroup?: string; program?: string; item?: string; quantity?: number; due?: string; state: string; good?: number; scrap?: number; startedAt?: string; remainingSeconds?: number }
export interface Order { id: number; direction: string; number: string; customer?: string; item?: string; description?: string; unit?: string; quantity?: number; due?: string; state: string; late?: boolean; operations: Operation[] }
export interface Job { order: Order; operation: Operation }

/** A pattern that means this asset and what is below it, whatever its name holds. */
export const plain = (path: string) => path.replace(/[,*?]/g, "?");
/** Whether a path is of a pattern, as the node reads it. */
export const matches = (pattern: string, path: string) => new RegExp(`^(${pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*\*|\*|\?/g, (x) => (x === "**" ? ".*" : x === "*" ? "[^/]*" : "[^/]"))})(/.*)?$`).test(path);
export const reasonWord = (all: Reason[], name: string) => all.find((r) => r.name === name)?.[language.get() as "nl" | "en"] || name;
export const isOf = (asset: string | null, machine: string) => asset === machine || !!asset?.startsWith(machine + "/");

// ---- when machines are planned to work ----
export interface Span { from: number; to: number; shift: string | null }
const DAY = 86400e3, plans = new Map<string, { spans: Span[]; at: number }>(), planned = cell(0);
let asking: Promise<void> | null = null;
/** Plans change seldom: each is asked for once in ten minutes. */
async function know(paths: string[]) {
  for (const path of paths) {
    if (now() - (plans.get(path)?.at ?? 0) < 600e3) continue;
    const at = (ms: number) => new Date(ms).toISOString(), t = now();
    const reply = await api<{ planned: { from: string; to: string; shift: string | null }[] }>("calendar/planned?" + query({ asset: path, from: at(t - DAY), to: at(t + DAY) }));
    plans.set(path, { spans: reply.planned.map((s) => ({ from: Date.parse(s.from), to: Date.parse(s.to), shift: s.shift })), at: t });
  }
  planned.set(planned.get() + 1);
}
function usePlans(paths: string[] | null) {
  const e = epoch.use(), all = paths?.join("\n") ?? "";
  useEffect(() => {
    plans.clear();
  }, [e]);
  useEffect(() => {
    const look = () => void (paths?.length && !asking && (asking = know(paths).catch(() => undefined).finally(() => (asking = null))));
    look();
    const timer = setInterval(look, 30e3);
    return () => clearInterval(timer);
  }, [all, e]);
  return planned.use();
}
/** The shift that runs; null: none. A machine without a calendar is always planned, and has none. */
const shiftOf = (path: string): Span | null => plans.get(path)?.spans.find((s) => s.from <= now() && now() < s.to) ?? null;

// ---- states, as they were told ----
const BACK = 8 * 3600e3, MOST = 10000;
/** Intervals of state of all machines since then, by machine: all of them once, then what is new. */
function useStates(from: number) {
  const e = epoch.use(), [list, set] = useState<Map<string, Interval[]>>(new Map());
  useEffect(() => {
    const known = new Map<number, Interval>();
    let timer = 0, alive = true, since = from;
    const ask = async () => {
      const asked = now();
      for (let at = since; ; ) {
        const reply = await api<{ intervals: Interval[]; more: boolean }>("intervals?" + query({ kind: "state", from: new Date(at).toISOString(), limit: MOST }));
        for (const i of reply.intervals) known.set(i.id, i);
        const last = reply.intervals.length ? Date.parse(reply.intervals[reply.intervals.length - 1].start) : at;
        if (!reply.more || last <= at) break;
        at = last;
      }
      since = asked - 60e3;
      const by = new Map<string, Interval[]>();
      for (const i of [...known.values()].sort((a, b) => Date.parse(a.start) - Date.parse(b.start))) {
        if (i.end && Date.parse(i.end) < from) known.delete(i.id);
        else if (i.path) by.set(i.path, [...(by.get(i.path) ?? []), i]);
      }
      if (alive) set(by);
    };
    const look = () => {
      timer = window.setTimeout(look, 10e3);
      if (!document.hidden) void ask().catch(() => undefined);
    };
    look();
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [e, from]);
  return list;
}

// ---- work ----
/** Operations of orders that are made here: those that go on, or at a machine also those that wait. */
export function useJobs(asset?: string): { jobs: Job[]; busy: boolean; again: () => void } {
  const orders = useApi<{ orders: Order[] }>("orders?" + query({ state: asset ? "active" : "started", direction: "in", asset, limit: 200 }), 10e3);
  const jobs = useMemo(() => (orders.data?.orders ?? []).flatMap((order) => order.operations.map((operation) => ({ order, operation }))), [orders.data]);
  return { jobs, busy: orders.busy, again: orders.again };
}
export const due = (j: Job) => Date.parse(j.operation.due ?? j.order.due ?? "9999-01-01");

// ---- the floor ----
export interface Place {
  machine: Machine; shift: Span | null; step: Step | null; planned: boolean; /** What the shift should make, and up to now. */ target: number | null; byNow: number | null;
  stop: Stop | null; unexplained: number; alarms: Alarm[]; states: Interval[]; job: Job | null; lost: boolean;
}
const NO_LINK = 0x80310000;
/** From the first that needs somebody to those that work and those that are not planned. */
export const trouble = (p: Place) => {
  const s = p.machine.state, grave = p.alarms.some((a) => a.priority === "urgent" || a.priority === "high");
  if (s === "stopped" && p.planned) return 0;
  if (grave) return 1;
  if (p.lost && p.planned) return 2;
  if (s === "idle" && p.stop) return 3;
  if (s === "running" || (s && s !== "off" && p.planned && !p.stop)) return 5; // between two parts a machine does not change its place
  return p.planned && s !== "off" ? 4 : 6;
};
/** Whether anything says how many parts it makes. */
export const counted = (p: Place) => p.target !== null || !!p.step?.pq;
export const since = (m: Machine) => (m.stateSince ? Date.parse(m.stateSince) : now());

/** All machines as they are now, and how their shift goes; `every` ms. */
export function useFloor(match: string, every: number) {
  const machines = useApi<{ machines: Machine[] }>("machines?" + query({ match: match || undefined, limit: 1000 }), every), alarms = useApi<{ alarms: Alarm[] }>("alarms?state=active&limit=1000", 15e3);
  const list = machines.data?.machines.filter((m) => m.kind === "machine" || m.state !== null) ?? null, version = usePlans(list?.map((m) => m.path) ?? null);
  const from = useMemo(() => { // of the shift that has run longest; without shifts a while
    const begun = (list ?? []).map((m) => shiftOf(m.path)).filter((s) => s?.shift).map((s) => s!.from);
    return Math.round(begun.length ? Math.min(...begun) : Math.floor(now() / 600e3) * 600e3 - BACK);
  }, [version, !list, Math.floor(now() / 600e3)]);
  const known = plans.size > 0 || list?.length === 0, at = new Date(from).toISOString(), asset = match || undefined;
  const oee = useApi<{ assets: OeeOf[] }>(known ? "oee?" + query({ every: "shift", from: at, asset }) : null, 20e3), stops = useApi<Stops>(known ? "stops?" + query({ from: at, limit: 2000, asset }) : null, 15e3);
  const states = useStates(from), { jobs } = useJobs();
  useEffect(() => watch(alarms.again), []);
  const last = useRef<{ oee: OeeOf[]; stops: Stop[] }>({ oee: [], stops: [] }); // a new shift asks anew: what was stays until there is an answer
  if (oee.data) last.current.oee = oee.data.assets;
  if (stops.data) last.current.stops = stops.data.stops;
  const places = useMemo(() => list && list.map((machine): Place => {
    const shift = shiftOf(machine.path), of = last.current.oee.find((a) => a.path === machine.path), mine = last.current.stops.filter((s) => s.asset === machine.path);
    const step = of?.steps.filter((s) => !shift || Date.parse(s.to) > shift.from).pop() ?? null, program = machine.signals.program?.value;
    const pace = step?.pri ?? of?.cycles.find((c) => c.program === program)?.seconds ?? of?.cycles[0]?.seconds ?? null;
    return { machine, shift: shift?.shift ? shift : null, step: shift ? step : null, planned: !plans.has(machine.path) || !!shift, target: pace && shift?.shift ? Math.floor((shift.to - shift.from) / 1000 / pace) : null, byNow: pace && step && shift ? step.pbt / pace : null,
      stop: mine.find((s) => !s.to) ?? null, unexplained: mine.filter((s) => !s.reason).length, alarms: (alarms.data?.alarms ?? []).filter((a) => isOf(a.asset, machine.path)), states: states.get(machine.path) ?? [],
      job: jobs.find((j) => j.operation.asset === machine.path && j.operation.state === "started") ?? null, lost: machine.signals.state?.status === NO_LINK };
  }), [machines.data, alarms.data, oee.data, stops.data, states, jobs, version]);
  return { data: places, error: machines.error, again: () => (machines.again(), oee.again(), stops.again()), from };
}

// ---- what people say of a stop ----
export type Note = { reason?: string | null; state?: string | null; comment?: string | null };
interface Done { id: number; asset: string; note: Note; before: Note; at: number }
/** Says it, keeps how it was, and takes it back. */
export function useNote(changed: () => void) {
  const [done, setDone] = useState<Done | null>(null), [error, setError] = useState<Error | null>(null);
  const put = async (id: number, note: Note) => {
    await send("PUT", `stops/${id}`, note);
    setError(null);
    changed();
  };
  const say = (s: Stop, note: Note) => {
    const was: Note = { reason: s.reason, state: s.told ? s.state : null, comment: s.comment };
    const before = Object.fromEntries(Object.keys(note).map((k) => [k, was[k as keyof Note] ?? null])) as Note;
    return put(s.id, note).then(() => setDone({ id: s.id, asset: s.asset, note, before, at: now() }));
  };
  const undo = () => void (done && put(done.id, done.before).then(() => setDone(null), setError));
  return { last: done, /** For a minute it can be undone. */ done: done && now() - done.at < 60e3 ? done : null, error, say: (s: Stop, note: Note) => void say(s, note).catch(setError), trySay: say, undo };
}
