// SPDX-License-Identifier: Apache-2.0
// Free time of machines and groups, week by week.
import { query, useApi } from "./api";
import { percent, worked } from "./figures";
import { date, day, hour, t, word } from "./lang";
import { nameOf } from "./model";
import { replace, route, toAsset } from "./route";
import { Bars, Keys } from "./trend";
import { Answer, Choose, Empty, Mark } from "./ui";

interface Week { from: string; to: string; plannedHours: number; bookedHours: number; freeHours: number }
interface Of { path?: string; name?: string; yield?: number; shifts?: number; out?: { why: string; since: string; until: string; repairs: number }; withoutTime?: number; beyondHours?: number; weeks: Week[]; assets?: string[] }

function Free({ of, title }: { of: Of; title: preact.ComponentChildren }) {
  const sum = (f: (w: Week) => number) => of.weeks.reduce((n, w) => n + f(w), 0), booked = (w: Week) => Math.min(w.plannedHours, w.bookedHours), lost = (w: Week) => Math.max(0, w.plannedHours - booked(w) - w.freeHours);
  return <section class="panel free"><div class="above"><h2>{title}</h2>{of.out && <Mark quality="bad" text={t(of.out.repairs ? "capacity.out" : "capacity.outShift", { why: word("capacity.why", of.out.why), until: `${day(of.out.until)} ${hour(of.out.until)}` })} />}<span class="soft">{t("capacity.sum", { free: worked(sum((w) => w.freeHours) * 3600), planned: worked(sum((w) => w.plannedHours) * 3600) })}{of.yield !== undefined && ` · ${t("capacity.yield", { yield: percent(of.yield) })}`}{of.assets && ` · ${of.assets.map(nameOf).join(", ")}`}{of.shifts !== undefined && of.shifts < 5 && ` (${t("capacity.young")})`}</span></div>
    {(of.beyondHours ?? 0) > 0 && <p class="advice">{t("capacity.beyond", { span: worked(of.beyondHours! * 3600) })}</p>}{!!of.withoutTime && <p class="advice">{t("capacity.withoutTime", { n: of.withoutTime })}</p>}
    <Bars label={t("capacity.weeks")} unit={t("hours")} of={of.weeks.map((w) => ({ name: date(w.from), mark: w.plannedHours, title: t("capacity.week", { week: day(w.from), planned: worked(w.plannedHours * 3600), booked: worked(w.bookedHours * 3600), free: worked(w.freeHours * 3600), lost: worked(lost(w) * 3600) }),
      parts: [{ value: w.freeHours, ink: "--run" }, { value: booked(w), ink: "--series-5" }] }))} /></section>;
}
export function Capacity() {
  const p = route.use().params, weeks = p.get("weeks") ?? "8", d = useApi<{ assets: Of[]; groups: Of[] }>("capacity?" + query({ weeks }), 60000);
  return <><div class="filters"><Choose label={t("capacity.howMany")} value={weeks} set={(w) => replace(`#/orders/capacity?${query({ weeks: w })}`)} of={["4", "8", "13", "26"].map((n) => [n, t("capacity.n", { n })])} /></div>
    <p class="soft">{t("capacity.text")} <a href="#/oee/calendar">{t("oee.toCalendar")}</a></p><Keys of={[{ name: t("capacity.free"), ink: "--run" }, { name: t("capacity.booked"), ink: "--series-5" }, { name: t("capacity.planned"), ink: "--faint" }]} />
    <Answer of={d}>{(c) => c.assets.length ? <div class="panels frees">{c.groups.map((g) => <Free key={"g" + g.name} of={g} title={t("capacity.group", { name: g.name ?? "" })} />)}{c.assets.map((a) => <Free key={a.path} of={a} title={<a href={toAsset(a.path!)} title={a.path}>{nameOf(a.path!)}</a>} />)}</div> : <Empty title={t("oee.none")}><p>{t("oee.noneText")}</p></Empty>}</Answer></>;
}
