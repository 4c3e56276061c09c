// SPDX-License-Identifier: Apache-2.0
// A stretch of whole days, and the steps it is shown in.
import { dateText } from "./days";
import { day, t, word } from "./lang";
import { now } from "./live";
import { Choose } from "./ui";

const kinds = ["day", "days", "week", "month", "quarter"] as const;
type Kind = (typeof kinds)[number];
export type Step = "shift" | "day" | "week";
const steps: Record<Kind, Step[]> = { day: ["shift"], days: ["day", "shift"], week: ["day", "shift"], month: ["day", "shift", "week"], quarter: ["week", "day"] };
export interface Period { kind: Kind; at: string; from: Date; to: Date; every: Step; /** It is not over. */ open: boolean }

const on = (d: Date, days: number) => new Date(d.getFullYear(), d.getMonth(), d.getDate() + days); // through nights in which the clock changes
const monday = (d: Date) => on(d, -((d.getDay() + 6) % 7));

export function periodOf(p: URLSearchParams): Period {
  const asked = p.get("period") as Kind, kind = kinds.includes(asked) ? asked : "days", said = /^(\d{4})-(\d\d)-(\d\d)$/.exec(p.get("at") ?? "");
  const today = on(new Date(now()), 0), at = said ? new Date(Number(said[1]), Number(said[2]) - 1, Number(said[3])) : today;
  const [from, to] = kind === "day" ? [at, on(at, 1)] : kind === "days" ? [on(at, -6), on(at, 1)] : kind === "week" ? [monday(at), on(monday(at), 7)]
    : kind === "month" ? [new Date(at.getFullYear(), at.getMonth(), 1), new Date(at.getFullYear(), at.getMonth() + 1, 1)] : [on(monday(at), -84), on(monday(at), 7)];
  const every = p.get("every") as Step;
  return { kind, at: said ? dateText(at) : "", from, to, every: steps[kind].includes(every) ? every : steps[kind][0], open: to.getTime() > now() };
}
/** As the node is asked: what is not over goes to now. */
export const spanOf = (p: Period) => ({ from: p.from.toISOString(), to: p.open ? undefined : p.to.toISOString() });
const moved = (p: Period, way: 1 | -1) => {
  const at = p.at ? new Date(p.at + "T00:00") : on(new Date(now()), 0);
  return dateText(p.kind === "month" ? new Date(at.getFullYear(), at.getMonth() + way, 1) : on(at, way * { day: 1, days: 7, week: 7, quarter: 91 }[p.kind]));
};
export const periodText = (p: Period) => (p.kind === "day" ? day(p.from.getTime()) : `${day(p.from.getTime())} – ${p.open && p.kind !== "week" ? t("now") : day(on(p.to, -1).getTime())}`);

export function PeriodBar({ of, set, stepped = true }: { of: Period; set: (change: Record<string, string | undefined>) => void; stepped?: boolean }) {
  return <div class="periods" role="group" aria-label={t("chart.period")}>
    <button onClick={() => set({ at: moved(of, -1) })} aria-label={t("chart.back")} title={t("chart.back")}>‹</button>
    {kinds.map((k) => <button key={k} aria-pressed={of.kind === k} onClick={() => set({ period: k, every: undefined })}>{word("period", k)}</button>)}
    <button disabled={of.open} onClick={() => set({ at: moved(of, 1) })} aria-label={t("chart.on")} title={t("chart.on")}>›</button>
    {of.at && <button onClick={() => set({ at: undefined })}>{t("period.today")}</button>}
    {stepped && steps[of.kind].length > 1 && <span class="inline-choice"><Choose label={t("period.every")} value={of.every} set={(every) => set({ every })} of={steps[of.kind].map((s) => [s, word("period.by", s)])} /></span>}
    <span class="soft">{periodText(of)}</span></div>;
}
