// SPDX-License-Identifier: Apache-2.0
// What became of the planned time: key figures after ISO 22400, by machine and step; energy; the shop's calendar and settings.
import { useState } from "preact/hooks";
import { may, query, useApi } from "./api";
import { EnergyView } from "./energy";
import { type Figures, type Machine, percent, type Report, rounded, type Step, together, why, type Why, worked } from "./figures";
import { MachineChoice, useMachines } from "./form";
import { count, day, t, weekday, word } from "./lang";
import { type Period, PeriodBar, periodOf, periodText, spanOf } from "./period";
import { nameOf, stateInk, stateWord } from "./model";
import { replace, route, toAsset } from "./route";
import { Reports } from "./reports";
import { Calendar } from "./calendar";
import { Shop } from "./shop_settings";
import { Keys, Trend } from "./trend";
import { Answer, Empty, Page, Table, Tabs } from "./ui";

export const oee = (tab: string, o: Record<string, string | undefined>) => `#/oee${tab && "/" + tab}?${query(o)}`;
export const stepName = (s: Step) => `${day(Date.parse(s.from))}${s.shift ? ` ${s.shift}` : ""}`;
/** Which machine, and from when to when: the same for OEE and energy. */
export function useView(tab: string) {
  const p = route.use().params, period = periodOf(p), asset = p.get("asset") ?? "";
  const set = (change: Record<string, string | undefined>) => replace(oee(tab, { asset: asset || undefined, period: p.get("period") ?? undefined, at: p.get("at") ?? undefined, every: p.get("every") ?? undefined, ...change }));
  return { period, asset, set, ask: (more: object) => query({ asset: asset || undefined, ...spanOf(period), ...more }) };
}
export type View = ReturnType<typeof useView>;
export function Bar({ v }: { v: View }) {
  return <div class="filters"><MachineChoice of={useMachines()} none={t("oee.all")} value={v.asset} set={(asset) => v.set({ asset: asset || undefined })} />
    <PeriodBar of={v.period} set={v.set} /></div>;
}

// ---- of what it is made ----
function Tile({ name, value, formula, parts, main }: { name: string; value: string; formula: string; parts: string; main?: boolean }) {
  return <div class={main ? "head-of main-head" : "head-of"}><dt>{name}</dt><dd><b>{value}</b><span>{formula}</span><small>{parts}</small></dd></div>;
}
function Tiles({ f }: { f: Figures }) {
  return <dl class="heads">
    <Tile main name="OEE" value={percent(f.oee)} formula={t("oee.product")} parts={[f.availability, f.effectiveness, f.quality].map(percent).join(" × ")} />
    <Tile name={t("oee.availability")} value={percent(f.availability)} formula="APT / PBT" parts={`${worked(f.apt)} / ${worked(f.pbt)}`} />
    <Tile name={t("oee.effectiveness")} value={percent(f.effectiveness)} formula="PRI × PQ / APT" parts={`${rounded(f.pri, 1, "s")} × ${count(f.pq)} / ${worked(f.apt)}`} />
    <Tile name={t("oee.quality")} value={percent(f.quality)} formula="GQ / PQ" parts={`${count(f.gq)} / ${count(f.pq)}`} /></dl>;
}
interface Fall { name: string; term?: string; s: number; from: number; kind: "whole" | "loss" | "left" | "gain"; ink: string }
/** From planned time to good parts: each loss begins where the one before it ended. */
function falls(f: Figures): Fall[] {
  const all: Fall[] = [{ name: t("oee.pbt"), term: "PBT", s: f.pbt, from: 0, kind: "whole", ink: "var(--soft)" }];
  let left = f.pbt;
  const lose = (name: string, s: number, ink: string, term?: string) => {
    if (Math.round(s) === 0) return;
    left -= s;
    all.push({ name, term, s, from: s > 0 ? left : left + s, kind: s > 0 ? "loss" : "gain", ink });
  };
  const order = ["off", "maintenance", "stopped", "idle", "setup"], states = Object.keys(f.states).filter((s) => s !== "running"), known = Object.values(f.states).reduce((a, b) => a + b, 0);
  for (const s of [...order.filter((s) => states.includes(s)), ...states.filter((s) => !order.includes(s))]) lose(stateWord(s), f.states[s], stateInk(s), s === "setup" ? "AUST" : undefined);
  if (f.pbt - known > 1) lose(t("oee.unknown"), f.pbt - known, "var(--line)");
  all.push({ name: t("oee.apt"), term: "APT", s: f.apt, from: 0, kind: "left", ink: "var(--run)" });
  left = f.apt;
  if (f.pri === null || !f.pq) return all;
  const slow = f.apt - f.pri * f.pq;
  lose(t(slow > 0 ? "oee.slow" : "oee.fast"), slow, "var(--info)");
  lose(t("oee.scrapParts"), f.pri * (f.pq - f.gq), "var(--high)");
  all.push({ name: t("oee.good"), term: "PRI × GQ", s: f.pri * f.gq, from: 0, kind: "left", ink: "var(--accent)" });
  return all;
}
function Waterfall({ f }: { f: Figures }) {
  const list = falls(f), most = Math.max(1, ...list.map((x) => x.from + Math.abs(x.s)));
  return <ol class="fall">{list.map((x, i) => <li key={i} class={x.kind}><span class="what">{x.kind === "loss" ? "− " : x.kind === "gain" ? "+ " : x.kind === "left" ? "= " : ""}{x.name}{x.term && <small> {x.term}</small>}</span>
    <span class="track" aria-hidden="true"><i style={{ left: `${(x.from / most) * 100}%`, width: `${(Math.abs(x.s) / most) * 100}%`, background: x.ink }} /></span>
    <b>{worked(Math.abs(x.s))}</b><span class="share">{percent(f.pbt ? Math.abs(x.s) / f.pbt : null)}</span></li>)}</ol>;
}

// ---- by step ----
const numbers = [["oee", "--accent"], ["availability", "--series-1"], ["effectiveness", "--series-2"], ["quality", "--series-6"]] as const;
/** The steps of all machines, in order, each once. */
export function stepsOf<S>(machines: Machine<S>[]): Step[] {
  const by = new Map<string, Step>();
  for (const m of machines) for (const s of m.steps) by.set(s.from + s.shift, s);
  return [...by.values()].sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
}
export const same = (a: Step, b: Step) => a.from === b.from && a.shift === b.shift;
function ByStep({ machines }: { machines: Machine<Figures>[] }) {
  const [at, setAt] = useState<number | null>(null), steps = stepsOf(machines), of = steps.map((s) => together(machines.flatMap((m) => m.steps.filter((x) => same(x, s))))), i = at ?? -1;
  const shown = steps.map((s, n) => ({ s, f: of[n] })).filter((x) => x.f.pbt > 0);
  if (shown.length < 2) return null;
  return <section class="panel"><h2>{t("oee.trend")}</h2>
    <Trend label={`${t("oee.trend")}: ${shown.map((x) => `${stepName(x.s)} ${percent(x.f.oee)}`).join(", ")}`} names={shown.map((x) => stepName(x.s))} hover={setAt}
      lines={numbers.map(([k, ink]) => ({ name: k, ink, values: shown.map((x) => x.f[k]), width: k === "oee" ? 3 : 1.3, dash: k === "oee" ? undefined : [5, 3] }))} />
    <Keys of={numbers.map(([k, ink]) => ({ name: k === "oee" ? "OEE" : word("oee", k), ink, value: shown[i] ? percent(shown[i].f[k]) : undefined }))} /><p class="soft" role="status">{shown[i] ? <><span class="hidden">OEE {percent(shown[i].f.oee)} </span>{stepName(shown[i].s)}</> : t("oee.point")}</p></section>;
}
const heat = (x: number) => `color-mix(in srgb, var(${x < 0.5 ? "--bad" : x < 0.7 ? "--idle" : "--run"}) ${Math.round(x < 0.5 ? 46 - x * 40 : x < 0.7 ? 30 : Math.min(52, 18 + (x - 0.7) * 110))}%, var(--panel))`;
function Heat({ machines, v }: { machines: Machine<Figures>[]; v: View }) {
  const steps = stepsOf(machines).filter((s) => machines.some((m) => m.steps.some((x) => same(x, s) && x.pbt > 0)));
  if (!steps.length) return null;
  const narrow = v.period.every !== "day";
  return <section class="panel"><h2>{t("oee.heat")}</h2><div class="scroll heat" tabIndex={0} role="region" aria-label={t("oee.heat")}><table><thead><tr><th>{t("oee.machine")}</th>{steps.map((s) => <th key={s.from + s.shift} scope="col">{steps.length > 10 ? weekday(s.from) : day(s.from)}{narrow && s.shift && <small class="block">{s.shift}</small>}</th>)}</tr></thead>
    <tbody>{machines.map((m) => <tr key={m.path}><th scope="row"><a href={oee("", { asset: m.path, period: v.period.kind, at: v.period.at || undefined, every: v.period.every })} title={m.path}>{nameOf(m.path)}</a></th>{steps.map((s) => {
      const x = m.steps.find((y) => same(y, s)), f = x?.oee ?? null, note = x && why(m, x)[0]?.text;
      return <td key={s.from + s.shift} style={f === null ? undefined : { background: heat(f) }} title={x && `${nameOf(m.path)}, ${stepName(s)}: ${percent(x.availability)} × ${percent(x.effectiveness)} × ${percent(x.quality)}${f === null && note ? "\n" + note : ""}`}>{f === null ? "–" : Math.round(f * 100)}</td>;
    })}</tr>)}</tbody></table></div><p class="soft">{t("oee.heatText")}</p></section>;
}

// ---- what is missing ----
export function Whys({ of }: { of: { path: string; list: Why[] }[] }) {
  const some = of.filter((x) => x.list.length), [all, setAll] = useState(false);
  if (!some.length) return null;
  return <section class="panel whys"><h2>{t(of.some((x) => x.list.some((w) => !w.mild)) ? "oee.why" : "oee.why.mild")}</h2><ul>{some.slice(0, all ? undefined : 4).map((x) => <li key={x.path}><b>{nameOf(x.path)}</b><ul>{x.list.map((w, i) => <li key={i}>{w.text}{w.href && (w.href.startsWith("#/asset") || may("engineer")) && <> <a href={w.href}>{w.word}</a></>}</li>)}</ul></li>)}</ul>
    {some.length > 4 && !all && <button onClick={() => setAll(true)}>{t("oee.why.more", { n: count(some.length - 4) })}</button>}</section>;
}
function PerMachine({ sums, v }: { sums: Machine<Figures>[]; v: View }) {
  return <section class="panel"><h2>{t("oee.perMachine")}</h2><Table label={t("oee.perMachine")} head={[t("oee.machine"), "OEE", t("oee.availability"), t("oee.effectiveness"), t("oee.quality"), "PBT", "APT", t("oee.goodParts"), t("oee.scrapParts"), t("oee.overtime")]}>
    {[...sums].sort((a, b) => (a.steps[0]?.oee ?? 2) - (b.steps[0]?.oee ?? 2)).map((m) => {
      const f = m.steps[0];
      return f && <tr key={m.path}><td><a href={oee("", { asset: m.path, period: v.period.kind, at: v.period.at || undefined, every: v.period.every })} title={m.path}>{nameOf(m.path)}</a></td><td class="n"><b>{percent(f.oee)}</b></td><td class="n">{percent(f.availability)}</td><td class="n">{percent(f.effectiveness)}</td><td class="n">{percent(f.quality)}</td>
        <td class="n">{worked(f.pbt)}</td><td class="n">{worked(f.apt)}</td><td class="n">{count(f.gq)}</td><td class="n">{count(f.scrap)}</td><td class="n">{f.overtime.seconds || f.overtime.good ? `${worked(f.overtime.seconds)} · ${t("parts", { n: count(f.overtime.good + f.overtime.scrap) })}` : "–"}</td></tr>;
    })}</Table></section>;
}
function Cycles({ m }: { m: Machine<Figures> }) {
  const signals = Object.entries(m.signals);
  return <section class="panel"><h2>{t("oee.basis")}</h2><p><a href={toAsset(m.path)}>{m.path.replaceAll("/", " / ")}</a></p>
    {m.cycles.length > 0 && <Table label={t("oee.cycles")} head={[t("oee.program"), t("shop.cycle"), t("oee.by")]}>{m.cycles.map((c) => <tr key={c.program}><td>{c.program || t("oee.noProgram")}</td><td class="n">{rounded(c.seconds, 1, "s")}</td><td>{c.by ? word("oee.by", c.by) : t("oee.by.none")}</td></tr>)}</Table>}
    {signals.length > 0 ? <Table label={t("oee.signals")} head={[t("oee.counts"), t("signals")]}>{signals.map(([k, s]) => <tr key={k}><td>{word("oee.signal", k)}</td><td class="wrap"><a href={`#/chart?s=${encodeURIComponent(s)}&from=-24h`}>{s}</a></td></tr>)}</Table> : <p class="soft">{t("oee.noSignals")}</p>}</section>;
}

/** The stops of the same time. */
const stopsOf = (v: View) => `#/stops?${query({ period: v.period.kind, at: v.period.at || undefined, asset: v.asset || undefined })}`;
const whys = (d: Report<Figures>) => d.assets.map((m) => ({ path: m.path, list: m.steps[0] ? why(m, m.steps[0]) : [] }));
const often = (p: Period) => (p.open ? 60000 : 0);
function Figures_() {
  const v = useView(""), sums = useApi<Report<Figures>>("oee?" + v.ask({}), often(v.period)), steps = useApi<Report<Figures>>("oee?" + v.ask({ every: v.period.every }), often(v.period));
  return <><Bar v={v} /><Answer of={sums}>{(d) => !d.assets.length ? <Empty title={t("oee.none")}><p>{t("oee.noneText")}</p></Empty> : <>
    <Tiles f={d.total} />
    {whys(d).some((x) => x.list.some((w) => !w.mild)) && <Whys of={whys(d)} />}
    <div class="panels two-up"><section class="panel"><h2>{t("oee.waterfall", { period: periodText(v.period) })}</h2>{d.total.pbt ? <Waterfall f={d.total} /> : <p class="soft">{t("oee.why.noTime")}</p>}
      <p class="soft">{t("oee.iso")} <a href={stopsOf(v)}>{t("oee.toStops")}</a></p></section>
    <Answer of={steps}>{(s) => <ByStep machines={s.assets} />}</Answer></div>
    <Answer of={steps}>{(s) => <Heat machines={s.assets} v={v} />}</Answer>
    {whys(d).every((x) => x.list.every((w) => w.mild)) && <Whys of={whys(d)} />}
    {d.assets.length > 1 ? <PerMachine sums={d.assets} v={v} /> : <Cycles m={d.assets[0]} />}</>}</Answer></>;
}

export function OeePage() {
  const { rest } = route.use(), all: [string, string][] = [["", "OEE"], ["energy", t("energy")], ["reports", t("reports")], ["calendar", t("calendar")], ["settings", t("shop")]], at = all.some(([k]) => k === rest) ? rest : "";
  return <Page title={t("oee")}><Tabs label={t("oee")} at={at} of={all.map(([k, n]) => [k, n, `#/oee${k && "/" + k}`])} />
    {at === "energy" ? <EnergyView /> : at === "reports" ? <Reports /> : at === "calendar" ? <Calendar /> : at === "settings" ? <Shop /> : <Figures_ />}</Page>;
}
