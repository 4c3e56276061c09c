// SPDX-License-Identifier: Apache-2.0
// Key figures as the node tells them, and in words why one is missing and what to do.
import { count, number, t } from "./lang";
import { toAsset } from "./route";

export interface Energy { kwh: number; idleKwh: number; kwhPerPart: number | null; cost: number | null; idleCost: number | null; co2Kg: number | null; co2KgPerPart: number | null; peakKw: number | null; peakAt: string | null }
export interface Figures {
  pbt: number; apt: number; aust: number; aubt: number; pri: number | null; pq: number; gq: number; scrap: number; withoutCycle: number;
  availability: number | null; effectiveness: number | null; quality: number | null; oee: number | null;
  states: Record<string, number>; overtime: { seconds: number; good: number; scrap: number }; doubtful: { parts: number; jumps: number; resets: number }; energy: Energy | null;
}
export interface Step { from: string; to: string; shift: string | null }
export interface Machine<S> { path: string; calendar: boolean; signals: Record<string, string>; cycles: { program: string; seconds: number | null; by: string | null }[]; steps: (Step & S)[] }
export interface Report<S> { from: string; to: string; assets: Machine<S>[]; total: S }

export const percent = (x: number | null | undefined) => (x === null || x === undefined ? "–" : `${number(Math.round(x * 1000) / 10)} %`);
/** Work is told in hours, however many. */
export const worked = (s: number) => (Math.abs(s) < 3600 ? `${count(Math.round(s / 60))} min` : `${number(Math.round(s / 360) / 10)} ${t("hours")}`);
export const rounded = (n: number | null | undefined, digits: number, unit = "") => (n === null || n === undefined ? "–" : `${number(Number(n.toFixed(digits)))}${unit && " " + unit}`);

/** mild: the number is there, and worth a look. */
export interface Why { text: string; href?: string; word?: string; mild?: true }
const link = { calendar: { href: "#/oee/calendar", get word() { return t("oee.toCalendar"); } }, settings: { href: "#/oee/settings", get word() { return t("oee.toSettings"); } } };
const programs = (m: Machine<unknown>) => m.cycles.filter((c) => c.by === null).slice(0, 5).map((c) => c.program || t("oee.noProgram")).join(", ");
/** Why a number is missing, or is not what one may take it for. */
export function why(m: Machine<Figures>, f: Figures): Why[] {
  const all: Why[] = [], known = Object.values(f.states).reduce((a, b) => a + b, 0), s = m.signals, counts = s.good || s.parts;
  if (!m.calendar) all.push({ text: t("oee.why.noPlan"), ...link.calendar });
  else if (!f.pbt) return [{ text: t("oee.why.noTime"), ...link.calendar }];
  if (f.pbt - known > Math.max(60, f.pbt / 100)) all.push({ text: t("oee.why.noState", { span: worked(f.pbt - known) }), href: toAsset(m.path), word: t("oee.toMachine") });
  if (f.pbt && known && !f.apt) all.push({ text: t("oee.why.notRun") });
  if (!counts && !f.pq) all.push({ text: t("oee.why.noCounter"), ...link.settings });
  else if (!f.pq && f.apt) all.push({ text: t("oee.why.noParts") });
  if (f.pq && f.effectiveness === null && f.apt) all.push({ text: t("oee.why.noCycle", { programs: programs(m) || "–" }), ...link.settings });
  else if (f.withoutCycle) all.push({ text: t("oee.why.partCycle", { n: count(f.withoutCycle), of: count(f.pq), programs: programs(m) || "–" }), ...link.settings, mild: true });
  if ((f.effectiveness ?? 0) > 1.02) all.push({ text: t("oee.why.tooFast", { percent: percent(f.effectiveness) }), ...link.settings, mild: true });
  if (f.pq && !s.scrap && !(s.good && s.parts) && !f.scrap) all.push({ text: t("oee.why.noScrap"), ...link.settings, mild: true });
  if (f.doubtful.parts) all.push({ text: t("oee.why.doubtful", { n: count(f.doubtful.parts), jumps: count(f.doubtful.jumps) }), mild: true });
  return all;
}
/** The same of energy. */
export function whyEnergy(m: Machine<unknown>, e: Energy | null): Why[] {
  if (!e) return [{ text: t("oee.why.noMeter"), ...link.settings }];
  if (!e.kwh) return [{ text: t("oee.why.noEnergy", { signal: m.signals.energy ?? m.signals.power ?? "–" }) }];
  return e.kwhPerPart === null ? [{ text: t("oee.why.noPerPart") }] : [];
}
/** Key figures of several machines together, as the node adds them up. */
export function together(all: Figures[]): Pick<Figures, "pbt" | "availability" | "effectiveness" | "quality" | "oee"> {
  const sum = (f: (x: Figures) => number) => all.reduce((n, x) => n + f(x), 0), share = (a: number, b: number) => (b > 0 ? a / b : null);
  const paced = sum((x) => (x.pri === null ? 0 : x.pq - x.withoutCycle)), pbt = sum((x) => x.pbt), apt = sum((x) => x.apt), pq = sum((x) => x.pq);
  const availability = share(apt, pbt), effectiveness = paced ? share((sum((x) => (x.pri ?? 0) * (x.pq - x.withoutCycle)) * pq) / paced, apt) : null, quality = share(sum((x) => x.gq), pq);
  return { pbt, availability, effectiveness, quality, oee: availability === null || effectiveness === null || quality === null ? null : availability * effectiveness * quality };
}
