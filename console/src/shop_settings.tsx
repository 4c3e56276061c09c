// SPDX-License-Identifier: Apache-2.0
// The settings of the shop: why machines stop, how long a part takes, which signals count, what energy costs, groups, orders, the report.
import { useState } from "preact/hooks";
import { may, send, useApi } from "./api";
import { daysOf, daysText } from "./days";
import { blank, Days, Drop, list, Saver, Text, useAct } from "./form";
import { language, t, word } from "./lang";
import { Answer, Choose, Field, Table } from "./ui";

type Num = string | number | null;
interface Reason { name: string; nl?: string | null; en?: string | null; category?: string | null }
interface Rule { match?: string | null; cycle?: Num; cycles?: Record<string, Num> | null; fastest?: Num; threshold?: Num; good?: string | null; scrap?: string | null; parts?: string | null; program?: string | null; energy?: string | null; power?: string | null }
interface Group { name: string; match?: string | null }
interface Report { mail?: string[] | null; at?: string | null; language?: string | null; days?: string | null; match?: string | null; currency?: string | null }
/** What this page does not know stays as it is. */
export interface Doc { threshold?: Num; reasons?: Reason[] | null; machines?: Rule[] | null; groups?: Group[] | null; energy?: { price?: Num; co2?: Num } | null; orders?: { program?: boolean | string | null; finish?: string | null } | null; capacity?: { round?: Num; grain?: string | null; grace?: Num } | null; report?: Report | null }

const categories = ["breakdown", "set-up", "material", "quality", "operator", "planned", "other"], signals = ["good", "scrap", "parts", "program", "energy", "power"] as const;
const none = (o: object) => Object.values(o).every((v) => v === null || v === undefined || v === "" || (Array.isArray(v) && !v.length));
const trim = <T extends object>(o: T): T => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== "" && v !== null && v !== undefined)) as T;
const numeral = (v: Num | undefined) => (v === null || v === undefined || v === "" ? null : typeof v === "number" ? v : /^-?\d*[.,]?\d+$/.test(v.trim()) ? Number(v.trim().replace(",", ".")) : v);
function tidy(d: Doc): Doc {
  const out = { ...d, threshold: blank(String(d.threshold ?? "")), reasons: d.reasons?.map((r) => trim(r)), machines: d.machines?.map((m) => trim({ ...m, cycles: m.cycles && Object.keys(m.cycles).length ? m.cycles : undefined })),
    energy: d.energy && trim({ price: numeral(d.energy.price), co2: numeral(d.energy.co2) }), groups: d.groups?.map((g) => trim(g)), orders: d.orders && trim(d.orders), capacity: d.capacity && trim(d.capacity), report: d.report && trim({ ...d.report, mail: d.report.mail?.filter(Boolean) }) };
  return Object.fromEntries(Object.entries(out).filter(([, v]) => v !== null && v !== undefined && !(typeof v === "object" && none(v)))) as Doc;
}
/** A program and how long a part of it takes, as a list while it is typed. */
function Cycles({ of, set }: { of: Record<string, Num>; set: (o: Record<string, Num>) => void }) {
  const [rows, setRows] = useState(Object.entries(of).map(([program, cycle]) => ({ program, cycle }))), put = (next: typeof rows) => { setRows(next); set(Object.fromEntries(next.filter((r) => r.program).map((r) => [r.program, r.cycle]))); }, row = list(rows, put);
  return <>{rows.map((r, i) => <div class="item" key={i}><Drop name={r.program || t("oee.program")} act={() => row.drop(i)} /><div class="two"><Text label={t("oee.program")} value={r.program} set={(program) => row.set(i, { program })} required maxLength={127} placeholder="O1000.NC" /><Text label={t("shop.cycle")} value={r.cycle} set={(cycle) => row.set(i, { cycle })} required placeholder="190s" /></div></div>)}
    <div class="buttons left"><button type="button" onClick={() => row.add({ program: "", cycle: "" })}>{t("shop.addCycle")}</button></div></>;
}
function Editor({ of, done, saved }: { of: Doc; done: boolean; saved: () => void }) {
  const [doc, setDoc] = useState(of), [round, setRound] = useState(0), { act, busy, problem, setError } = useAct(), dirty = JSON.stringify(tidy(doc)) !== JSON.stringify(tidy(of)), put = (change: Doc) => setDoc({ ...doc, ...change });
  const reason = list(doc.reasons ?? [], (reasons) => put({ reasons })), machine = list(doc.machines ?? [], (machines) => put({ machines })), group = list(doc.groups ?? [], (groups) => put({ groups })), report = doc.report ?? {};
  const save = (e: SubmitEvent) => {
    e.preventDefault();
    void act(() => send("PUT", "shop", tidy(doc)).then(saved));
  };
  return <form onSubmit={save} class="plan">
    <section class="panel"><h2>{t("shop.machines")}</h2><p class="soft">{t("shop.machinesText")}</p>
      {(doc.machines ?? []).map((m, i) => <div class="item" key={`${round} ${i}`}><Drop name={m.match || t("oee.all")} act={() => { machine.drop(i); setRound(round + 1); }} /><div class="three"><Text label={t("calendar.match")} value={m.match} set={(match) => machine.set(i, { match })} placeholder="hall/mill" /><Text label={t("shop.cycle")} help={t("shop.cycleHelp")} value={m.cycle} set={(cycle) => machine.set(i, { cycle })} placeholder="190s" /><Text label={t("shop.fastest")} help={t("shop.fastestHelp")} value={m.fastest} set={(fastest) => machine.set(i, { fastest })} placeholder="0.5s" /></div>
        <details open={!!m.cycles && Object.keys(m.cycles).length > 0}><summary>{t("shop.byProgram")}</summary><Cycles of={m.cycles ?? {}} set={(cycles) => machine.set(i, { cycles })} /></details>
        <details open={signals.some((s) => m[s])}><summary>{t("oee.signals")}</summary><p class="soft">{t("shop.signalsText")}</p><div class="three">{signals.map((s) => <Text key={s} label={word("oee.signal", s)} value={m[s]} set={(v) => machine.set(i, { [s]: v })} placeholder={s === "good" ? "Parts/Good" : ""} />)}</div></details></div>)}
      <div class="buttons left"><button type="button" onClick={() => machine.add({ match: "", cycle: "" })}>{t("shop.addMachine")}</button></div></section>
    <section class="panel"><h2>{t("energy")}</h2><div class="two"><Text label={t("shop.price")} help={t("shop.priceHelp")} value={doc.energy?.price} set={(price) => put({ energy: { ...doc.energy, price } })} inputMode="decimal" placeholder="0.25" /><Text label={t("shop.co2")} help={t("shop.co2Help")} value={doc.energy?.co2} set={(co2) => put({ energy: { ...doc.energy, co2 } })} inputMode="decimal" placeholder="0.3" /></div></section>
    <section class="panel"><h2>{t("shop.reasons")}</h2><p class="soft">{t("shop.reasonsText")}</p><Text label={t("shop.threshold")} help={t("shop.thresholdHelp")} value={doc.threshold} set={(threshold) => put({ threshold })} placeholder="60s" />
      {(doc.reasons ?? []).map((r, i) => <div class="item four" key={i}><Drop name={r.name || t("alarm.reason")} act={() => reason.drop(i)} /><Text label={t("name")} value={r.name} set={(name) => reason.set(i, { name })} required maxLength={127} /><Text label="Nederlands" value={r.nl} set={(nl) => reason.set(i, { nl })} /><Text label="English" value={r.en} set={(en) => reason.set(i, { en })} />
        <Choose label={t("shop.category")} value={r.category ?? ""} set={(category) => reason.set(i, { category })} of={[["", "–"], ...categories.map((c) => [c, word("reason", c)] as [string, string])]} /></div>)}
      <div class="buttons left"><button type="button" onClick={() => reason.add({ name: "", category: "other" })}>{t("shop.addReason")}</button></div></section>
    <section class="panel"><h2>{t("shop.groups")}</h2><p class="soft">{t("shop.groupsText")}</p>
      {(doc.groups ?? []).map((g, i) => <div class="item" key={i}><Drop name={g.name || t("shop.group")} act={() => group.drop(i)} /><div class="two"><Text label={t("name")} value={g.name} set={(name) => group.set(i, { name })} required maxLength={127} placeholder={t("shop.groupHint")} /><Text label={t("calendar.match")} value={g.match} set={(match) => group.set(i, { match })} required placeholder="hall/Mill-*" /></div></div>)}
      <div class="buttons left"><button type="button" onClick={() => group.add({ name: "", match: "" })}>{t("shop.addGroup")}</button></div></section>
    <section class="panel"><h2>{t("orders")}</h2><label class="check"><input type="checkbox" checked={String(doc.orders?.program ?? true) !== "false"} onChange={(e) => put({ orders: { ...doc.orders, program: e.currentTarget.checked } })} /> <span>{t("shop.program")}</span></label>
      <label class="check"><input type="checkbox" checked={doc.orders?.finish === "count"} onChange={(e) => put({ orders: { ...doc.orders, finish: e.currentTarget.checked ? "count" : "person" } })} /> <span>{t("shop.finish")}</span></label>
      <div class="three"><Text label={t("shop.round")} value={doc.capacity?.round} set={(x) => put({ capacity: { ...doc.capacity, round: x } })} placeholder="30m" /><Text label={t("shop.grace")} help={t("shop.graceHelp")} value={doc.capacity?.grace} set={(grace) => put({ capacity: { ...doc.capacity, grace } })} placeholder="10m" /></div></section>
    <section class="panel"><h2>{t("shop.report")}</h2><p class="soft">{t("shop.reportText")}</p><Field label={t("shop.reportTo")} help={t("shop.reportToHelp")}><textarea rows={3} spellcheck={false} value={(report.mail ?? []).join("\n")} placeholder={"anna@plant.example\npiet@plant.example"} onInput={(e) => put({ report: { ...report, mail: e.currentTarget.value.split(/[\n;, ]/).filter((s, i, all) => s || i === all.length - 1) } })} /></Field>
      <div class="three"><Text label={t("shop.reportAt")} type="time" value={report.at ?? "06:00"} set={(at) => put({ report: { ...report, at } })} /><Choose label={t("language")} value={report.language ?? "en"} set={(l) => put({ report: { ...report, language: l } })} of={[["en", "English"], ["nl", "Nederlands"]]} /><Text label={t("calendar.match")} value={report.match} set={(match) => put({ report: { ...report, match } })} placeholder="hall/**" /><Text label={t("shop.currency")} value={report.currency} set={(currency) => put({ report: { ...report, currency } })} placeholder="€" /></div>
      <Days label={t("calendar.days")} of={daysOf(report.days)} set={(d) => put({ report: { ...report, days: daysText(d) } })} /></section>
    {problem}<Saver busy={busy} dirty={dirty} done={done} back={() => { setDoc(of); setRound(round + 1); setError(null); }} /></form>;
}
function Read({ of }: { of: Doc }) {
  const say = (r: Reason) => (language.get() === "nl" ? r.nl : r.en) ?? r.name;
  return <div class="panels"><section class="panel"><h2>{t("shop.reasons")}</h2><Table label={t("shop.reasons")} head={[t("alarm.reason"), t("shop.category")]}>{(of.reasons ?? []).map((r) => <tr key={r.name}><td>{say(r)}</td><td>{r.category ? word("reason", r.category) : "–"}</td></tr>)}</Table></section>
    <section class="panel"><h2>{t("shop.machines")}</h2>{of.machines?.length ? <Table label={t("shop.machines")} head={[t("oee.machine"), t("shop.cycle"), t("shop.byProgram")]}>{of.machines.map((m, i) => <tr key={i}><td><code>{m.match || "**"}</code></td><td>{m.cycle ?? "–"}</td><td>{Object.entries(m.cycles ?? {}).map(([k, v]) => `${k}: ${v}`).join(", ") || "–"}</td></tr>)}</Table> : <p class="soft">{t("shop.noMachines")}</p>}
      <p>{t("shop.price")}: {of.energy?.price ?? "–"} · {t("shop.co2")}: {of.energy?.co2 ?? "–"}</p></section></div>;
}
export function Shop() {
  const d = useApi<Doc>("shop"), [done, setDone] = useState(false);
  return <Answer of={d}>{(doc) => may("engineer") ? <Editor key={JSON.stringify(doc)} of={doc} done={done} saved={() => { setDone(true); d.again(); }} /> : <><p class="soft">{t("shop.readOnly", { role: t("role.engineer") })}</p><Read of={doc} /></>}</Answer>;
}
