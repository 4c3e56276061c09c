// SPDX-License-Identifier: Apache-2.0
// What machines draw, what of it while they stand, what a part takes.
import { useEffect, useState } from "preact/hooks";
import { api, query, useApi } from "./api";
import { type Energy, type Machine, type Report, rounded, percent, whyEnergy } from "./figures";
import { count, day, t, weekday } from "./lang";
import { now } from "./live";
import { type Forecast, nameOf, type Signal } from "./model";
import { Bar, oee, same, stepName, stepsOf, useView, Whys } from "./oee";
import { Bars, Keys } from "./trend";
import { Answer, Empty, Table, Time } from "./ui";

interface Drawn { parts: number; energy: Energy | null }
const inks = { used: "--accent", idle: "--idle" };
function Steps({ machines }: { machines: Machine<Drawn>[] }) {
  const steps = stepsOf(machines), bars = steps.map((s) => {
    const of = machines.flatMap((m) => m.steps.filter((x) => same(x, s))), sum = (f: (e: Energy) => number) => of.reduce((n, x) => n + (x.energy ? f(x.energy) : 0), 0), kwh = sum((e) => e.kwh), idle = sum((e) => e.idleKwh);
    return { name: steps.length > 24 ? String(new Date(s.from).getDate()) : steps.length > 10 ? weekday(s.from) : day(s.from), title: `${stepName(s)}: ${rounded(kwh, 1, "kWh")}, ${t("energy.idle")} ${rounded(idle, 1, "kWh")}`, parts: [{ value: kwh - idle, ink: inks.used }, { value: idle, ink: inks.idle }] };
  });
  return bars.length < 2 ? null : <section class="panel"><h2>{t("energy.steps")}</h2><Bars label={t("energy.steps")} of={bars} unit="kWh" /><Keys of={[{ name: t("energy.running"), ink: inks.used }, { name: t("energy.idle"), ink: inks.idle }]} /></section>;
}
/** In kWh or kW, as the node takes it: without a unit it is one. */
const factors: Record<string, number> = { KWH: 1, WHR: 1e-3, MWH: 1e3, JOU: 1 / 3.6e6, J55: 1 / 3.6e6, KJO: 1 / 3600, KWT: 1, WTT: 1e-3, MAW: 1e3 };
const MOST = 12, WEEK = 7 * 86400e3;
interface Coming { path: string; today: Sum | null; week: Sum | null; missing: Forecast | null }
interface Sum { value: number; low: number; high: number }
async function coming(m: Machine<Drawn>): Promise<Coming | null> {
  const path = m.signals.energy ?? m.signals.power, midnight = new Date(now()).setHours(24, 0, 0, 0);
  if (!path) return null;
  const [s, f] = await Promise.all([api<Signal>("signal?" + query({ path })), api<Forecast>("forecast?" + query({ path, horizon: "7d", total: 1 }))]);
  const sum = (until: number): Sum | null => {
    const last = f.steps.filter((x) => Date.parse(x.to) <= until).pop(), k = factors[s.unit ?? ""] ?? 1;
    return last ? { value: last.value * k, low: last.low * k, high: last.high * k } : null;
  };
  return { path: m.path, today: sum(midnight), week: sum(now() + WEEK), missing: f.missing ? f : null };
}
/** What machines will draw, by themselves: sums of bands would be no band. */
function Ahead({ machines }: { machines: Machine<Drawn>[] }) {
  const [all, setAll] = useState<Coming[]>([]), shown = machines.slice(0, MOST), key = shown.map((m) => m.path).join("\n");
  useEffect(() => {
    let alive = true;
    void Promise.all(shown.map(coming)).then((x) => alive && setAll(x.filter((y) => y !== null)), () => alive && setAll([]));
    return () => void (alive = false);
  }, [key]);
  const cell = (s: Sum | null) => <td class="n">{s ? <>{rounded(s.value, s.value < 10 ? 2 : 0, "kWh")} <small class="soft">{rounded(s.low, s.low < 10 ? 2 : 0)} … {rounded(s.high, s.high < 10 ? 2 : 0)}</small></> : "–"}</td>;
  return !all.length ? null : <section class="panel"><h2>{t("energy.ahead")}</h2><p class="soft">{t("energy.aheadText")}</p><Table label={t("energy.ahead")} head={[t("oee.machine"), t("energy.aheadToday"), t("energy.aheadWeek")]}>
    {all.map((c) => <tr key={c.path}><td title={c.path}>{nameOf(c.path)}</td>{c.missing ? <td colSpan={2}>{t("energy.aheadShort", { needs: rounded(c.missing.needsDays, 0), has: rounded(c.missing.hasDays, 1) })}</td> : <>{cell(c.today)}{cell(c.week)}</>}</tr>)}</Table></section>;
}
export function EnergyView() {
  const v = useView("energy"), sums = useApi<Report<Drawn>>("energy?" + v.ask({})), steps = useApi<Report<Drawn>>("energy?" + v.ask({ every: v.period.every }));
  return <><Bar v={v} /><Answer of={sums}>{(d) => {
    const e = d.total.energy, peaks = d.assets.map((m) => ({ m, e: m.steps[0]?.energy })).filter((x) => x.e?.peakKw).sort((a, b) => b.e!.peakKw! - a.e!.peakKw!), top = peaks[0];
    if (!d.assets.length) return <Empty title={t("oee.none")}><p>{t("oee.noneText")}</p></Empty>;
    const unpriced = e && (e.cost === null || e.co2Kg === null);
    return <>
      {e && <dl class="heads">
        <div class="head-of main-head"><dt>{t("energy.all")}</dt><dd><b>{rounded(e.kwh, e.kwh < 10 ? 2 : 0, "kWh")}</b><span>{e.cost === null ? t("energy.noPrice") : t("energy.cost", { n: rounded(e.cost, 2) })}</span></dd></div>
        <div class="head-of"><dt>{t("energy.idle")}</dt><dd><b>{rounded(e.idleKwh, e.idleKwh < 10 ? 2 : 0, "kWh")}</b><span>{percent(e.kwh ? e.idleKwh / e.kwh : null)}{e.idleCost !== null && ` · ${t("energy.cost", { n: rounded(e.idleCost, 2) })}`}</span></dd></div>
        <div class="head-of"><dt>{t("energy.part")}</dt><dd><b>{rounded(e.kwhPerPart, 3, "kWh")}</b><span>{t("energy.parts", { n: count(d.total.parts) })}</span></dd></div>
        <div class="head-of"><dt>{t("energy.co2")}</dt><dd><b>{rounded(e.co2KgPerPart, 3, "kg")}</b><span>{e.co2Kg === null ? t("energy.noCo2") : t("energy.co2All", { n: rounded(e.co2Kg, 0) })}</span></dd></div>
        <div class="head-of"><dt>{t("energy.peak")}</dt><dd><b>{top ? rounded(top.e!.peakKw, 1, "kW") : "–"}</b><span>{top ? <>{d.assets.length > 1 && `${nameOf(top.m.path)}, `}<Time at={top.e!.peakAt} /></> : t("energy.peakText")}</span></dd></div></dl>}
      <Whys of={[...(unpriced ? [{ path: t("energy"), list: [{ text: t("oee.why.noPrice"), href: "#/oee/settings", word: t("oee.toSettings") }] }] : []), ...d.assets.map((m) => ({ path: m.path, list: whyEnergy(m, m.steps[0]?.energy ?? null) }))]} />
      <Answer of={steps}>{(s) => <Steps machines={s.assets} />}</Answer>
      {v.period.open && <Ahead machines={d.assets} />}
      <section class="panel"><h2>{t("oee.perMachine")}</h2><Table label={t("oee.perMachine")} head={[t("oee.machine"), "kWh", t("energy.idle"), t("energy.idleShare"), t("energy.part"), t("energy.co2"), t("energy.idleCost"), t("energy.peak"), t("energy.peakAt")]}>
        {[...d.assets].sort((a, b) => (b.steps[0]?.energy?.kwh ?? -1) - (a.steps[0]?.energy?.kwh ?? -1)).map((m) => {
          const x = m.steps[0]?.energy;
          return <tr key={m.path}><td><a href={oee("energy", { asset: m.path, period: v.period.kind, at: v.period.at || undefined, every: v.period.every })} title={m.path}>{nameOf(m.path)}</a></td>{x ? <><td class="n">{rounded(x.kwh, 1)}</td><td class="n">{rounded(x.idleKwh, 1, "kWh")}</td><td class="n">{percent(x.kwh ? x.idleKwh / x.kwh : null)}</td><td class="n">{rounded(x.kwh ? x.kwhPerPart : null, 3, "kWh")}</td><td class="n">{rounded(x.co2KgPerPart, 3, "kg")}</td><td class="n">{rounded(x.idleCost, 2)}</td><td class="n">{rounded(x.peakKw, 1, "kW")}</td><td><Time at={x.peakAt} /></td></> : <td colSpan={8}>{t("energy.noMeter")}</td>}</tr>;
        })}</Table></section></>;
  }}</Answer></>;
}
