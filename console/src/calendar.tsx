// SPDX-License-Identifier: Apache-2.0
// When machines are planned to work: shifts by weekday, days off, maintenance; and what follows from it.
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { dateText, daysOf, daysText, holidays, weekdays } from "./days";
import { blank, Days, Drop, list, MachineChoice, Saver, Text, useAct, useMachines } from "./form";
import { clock, day, hour, t, word } from "./lang";
import { now } from "./live";
import { Answer, Empty, Table } from "./ui";

interface Shift { name: string; days?: string | null; from: string; to: string }
interface Plan { match?: string | null; shifts?: Shift[] | null; holidays?: string[] | null }
interface Maintenance { match?: string | null; from: string; to: string; text?: string | null }
interface Doc { plans: Plan[]; maintenance: Maintenance[] }

const night = (s: Shift) => !!s.from && !!s.to && s.to <= s.from;
const local = (at: string) => {
  const d = new Date(at);
  return Number.isNaN(d.getTime()) ? "" : `${dateText(d)}T${String(d.getHours()).padStart(2, "0")}:${String(d.getMinutes()).padStart(2, "0")}`;
};

function Editor({ of, done, saved }: { of: Doc; done: boolean; saved: () => void }) {
  const [doc, setDoc] = useState(of), { act, busy, problem, setError } = useAct(), dirty = JSON.stringify(doc) !== JSON.stringify(of), year = new Date(now()).getFullYear();
  const plan = list(doc.plans, (plans) => setDoc({ ...doc, plans })), work = list(doc.maintenance, (maintenance) => setDoc({ ...doc, maintenance }));
  const save = (e: SubmitEvent) => {
    e.preventDefault();
    void act(() => send("PUT", "calendar", { plans: doc.plans.map((p) => ({ ...p, match: blank(p.match), holidays: [...new Set(p.holidays ?? [])].filter(Boolean).sort() })), maintenance: doc.maintenance.map((m) => ({ ...m, match: blank(m.match), text: blank(m.text) })) }).then(saved));
  };
  return <form onSubmit={save} class="plan">
    {doc.plans.map((p, i) => {
      const shift = list(p.shifts ?? [], (shifts) => plan.set(i, { shifts })), days = p.holidays ?? [], next = holidays(year + 1), missing = [...holidays(year), ...next].filter((d) => d >= dateText(new Date(now())) && !days.includes(d));
      return <section class="panel" key={i}><div class="above"><h2>{t("calendar.plan", { of: p.match || t("oee.all") })}</h2><button type="button" class="small" onClick={() => plan.drop(i)} aria-label={t("remove.of", { name: t("calendar.plan", { of: p.match || t("oee.all") }) })}>{t("remove")}</button></div>
        <Text label={t("calendar.match")} help={t("calendar.matchHelp")} value={p.match} set={(match) => plan.set(i, { match })} placeholder="hall/**" />
        {(p.shifts ?? []).map((s, k) => <div class="item" key={k}><Drop name={s.name || t("calendar.shift")} act={() => shift.drop(k)} /><div class="three"><Text label={t("name")} value={s.name} set={(name) => shift.set(k, { name })} required maxLength={127} /><Text label={t("calendar.from")} type="time" value={s.from} set={(from) => shift.set(k, { from })} required /><Text label={t("calendar.to")} type="time" value={s.to} set={(to) => shift.set(k, { to })} required help={night(s) ? t("calendar.nextDay") : undefined} /></div>
          <Days label={t("calendar.days")} of={daysOf(s.days)} set={(d) => shift.set(k, { days: daysText(d) })} /></div>)}
        <div class="buttons left"><button type="button" onClick={() => shift.add({ name: "", days: "mon-fri", from: "06:00", to: "14:00" })}>{t("calendar.addShift")}</button></div>
        <h3>{t("calendar.holidays")}</h3><p class="soft">{t("calendar.holidaysText")}</p>
        <ul class="dates">{days.map((d, k) => <li key={k}><input type="date" required aria-label={t("calendar.holiday", { n: k + 1 })} value={d} onInput={(e) => plan.set(i, { holidays: days.map((x, n) => (n === k ? e.currentTarget.value : x)) })} /><button type="button" onClick={() => plan.set(i, { holidays: days.filter((_, n) => n !== k) })} aria-label={t("remove.of", { name: d || t("calendar.holiday", { n: k + 1 }) })}>×</button></li>)}</ul>
        <div class="buttons left"><button type="button" onClick={() => plan.set(i, { holidays: [...days, ""] })}>{t("calendar.addHoliday")}</button>{missing.length > 0 && <button type="button" onClick={() => plan.set(i, { holidays: [...days, ...missing].sort() })}>{t("calendar.dutch", { to: year + 1 })}</button>}</div></section>;
    })}
    <div class="buttons left"><button type="button" onClick={() => plan.add({ match: "", shifts: [{ name: "", days: "mon-fri", from: "06:00", to: "14:00" }], holidays: [] })}>{t("calendar.addPlan")}</button></div>
    <section class="panel"><h2>{t("calendar.maintenance")}</h2><p class="soft">{t("calendar.maintenanceText")}</p>
      {doc.maintenance.map((m, i) => <div class="item" key={i}><Drop name={m.text || `${t("calendar.maintenance")} ${i + 1}`} act={() => work.drop(i)} /><div class="two"><Text label={t("calendar.match")} value={m.match} set={(match) => work.set(i, { match })} placeholder="hall/mill" /><Text label={t("calendar.what")} value={m.text} set={(text) => work.set(i, { text })} maxLength={500} />
        <Text label={t("calendar.begin")} type="datetime-local" value={local(m.from)} set={(s) => s && work.set(i, { from: new Date(s).toISOString() })} required /><Text label={t("calendar.end")} type="datetime-local" value={local(m.to)} set={(s) => s && work.set(i, { to: new Date(s).toISOString() })} required /></div></div>)}
      <div class="buttons left"><button type="button" onClick={() => { const at = new Date(now()); at.setHours(24 + 8, 0, 0, 0); work.add({ match: "", from: at.toISOString(), to: new Date(at.getTime() + 4 * 3600e3).toISOString() }); }}>{t("calendar.addMaintenance")}</button></div></section>
    {problem}<Saver busy={busy} dirty={dirty} done={done} back={() => { setDoc(of); setError(null); }} /></form>;
}
/** For who may only look. */
function Read({ of }: { of: Doc }) {
  return <>{of.plans.map((p, i) => <section class="panel" key={i}><h2>{t("calendar.plan", { of: p.match || t("oee.all") })}</h2><Table label={p.match || t("oee.all")} head={[t("name"), t("calendar.days"), t("calendar.from"), t("calendar.to")]}>{(p.shifts ?? []).map((s) => <tr key={s.name}><td>{s.name}</td><td>{(daysOf(s.days).length ? daysOf(s.days) : weekdays).map((d) => word("day", d)).join(", ")}</td><td>{s.from}</td><td>{s.to}</td></tr>)}</Table>
    {!!p.holidays?.length && <p>{t("calendar.holidays")}: {p.holidays.map((d) => day(d)).join(", ")}</p>}</section>)}
    {of.maintenance.length > 0 && <section class="panel"><h2>{t("calendar.maintenance")}</h2><ul>{of.maintenance.map((m, i) => <li key={i}><code>{m.match || "**"}</code> {clock(m.from)} – {clock(m.to)} {m.text}</li>)}</ul></section>}</>;
}
interface Planned { from: string; to: string; shift: string | null }
function Follows() {
  const paths = useMachines(), [asset, setAsset] = useState(""), at = asset || paths[0];
  const planned = useApi<{ planned: Planned[] }>(at ? "calendar/planned?" + query({ asset: at }) : null);
  if (!paths.length) return null;
  return <section class="panel"><h2>{t("calendar.follows")}</h2><div class="filters"><MachineChoice of={paths} value={at} set={setAsset} /></div>
    <Answer of={planned}>{(d) => d.planned.length ? <Table label={t("calendar.follows")} head={[t("period.day"), t("calendar.shift"), t("calendar.from"), t("calendar.to")]}>{d.planned.slice(0, 40).map((p) => <tr key={p.from}><td>{day(p.from)}</td><td>{p.shift ?? t("calendar.always")}</td><td>{hour(p.from)}</td><td>{hour(p.to)}</td></tr>)}</Table> : <p class="soft">{t("calendar.nothing")}</p>}</Answer></section>;
}
export function Calendar() {
  const d = useApi<Doc>("calendar"), [done, setDone] = useState(false);
  return <><p class="soft">{t("calendar.text")}</p><Answer of={d}>{(doc) => <>{!doc.plans.length && <Empty title={t("calendar.none")}><p>{t("calendar.noneText")}</p></Empty>}
    {may("engineer") ? <Editor key={JSON.stringify(doc)} of={doc} done={done} saved={() => { setDone(true); d.again(); }} /> : <Read of={doc} />}<Follows key={"f" + JSON.stringify(doc)} /></>}</Answer></>;
}
