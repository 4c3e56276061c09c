// SPDX-License-Identifier: Apache-2.0
// Something happened: what it was, who has to be told by when, what was done; and what customers ask for.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { Text, useAct } from "./form";
import { clock, count, type Key, language, span, t, told, word } from "./lang";
import "./lang/shield";
import { now } from "./live";
import { go, replace, route, toAsset } from "./route";
import { toDevice } from "./finding";
import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Priority, Problem, Table, Time, useTick } from "./ui";

type State = "running" | "soon" | "overdue" | "done" | "waiting";
interface Row { id: number; title: string; category: string; severity: string; status: string; aware: string; began: string | null; significant: string; product: string; changed: string; who: string; next: { stage: string; title: string; due: string; state: State } | null }
interface Clock { stage: string; law: string; title: string; article: string; due: string | null; state: State; late: boolean; sent: string | null; reference: string | null; who: string | null; why: string; to: string; holds: string[] }
interface Incident extends Row { what: string | null; impact: string | null; cause: string | null; measures: string | null; indicators: string | null; contact: string | null; malicious: string; crossBorder: string; states: string | null; fixed: string | null; handled: string | null
  devices: { id: number; name: string; product: string | null; firmware: string | null }[]; alarms: { id: number; text: string; asset: string | null; since: string; until: string | null; priority: string; state: string }[]; log: { id: number; at: string; who: string; kind: string; text: string }[]; clocks: Clock[]; voluntary: string | null }
interface Scope { answers: Record<string, string | boolean> | null; questions: { key: string; text: string; choices: { key: string; text: string }[] | null }[]; laws: { law: string; name: string; applies: boolean; as: string | null; why: string }[]; voluntary: string | null; notice: string; changed: string | null; who: string | null }
const at = (id: number) => `incidents/${id}`, tongue = () => ({ language: language.get() }), toIncident = (id: number) => `#/security/incident/${id}`;
const categories = ["malware", "ransomware", "intrusion", "denial-of-service", "data-leak", "phishing", "supply-chain", "vulnerability", "misuse", "failure", "other"], severities = ["low", "medium", "high", "critical"], tell = ["unknown", "yes", "no"], products = ["none", "vulnerability", "incident"];
const words = (group: string, of: string[]) => of.map((k) => [k, word(group, k)] as [string, string]);
const local = (iso: string | null) => (iso ? new Date(Date.parse(iso) - new Date(iso).getTimezoneOffset() * 60e3).toISOString().slice(0, 16) : ""), iso = (text: string) => (text ? new Date(text).toISOString() : null);

// ---- clocks ----
const mood: Record<State, "good" | "bad" | "uncertain" | "none" | "stale"> = { running: "stale", soon: "uncertain", overdue: "bad", done: "good", waiting: "none" };
/** How long there is, as somebody says it. */
export function left(due: string | null, state: State) {
  if (state === "done" || state === "waiting" || !due) return word("clock", state);
  const s = (Date.parse(due) - now()) / 1000;
  return s < 0 ? t("clock.late", { span: span(-s) }) : t("clock.left", { span: span(s) });
}
function Due({ due, state }: { due: string | null; state: State }) {
  return <><Mark quality={mood[state]} text={left(due, state)} />{due && state !== "done" && <small class="block">{t("clock.by")} <Time at={due} /></small>}</>;
}
function Stage({ i, c, close }: { i: Incident; c: { stage: string; title: string; sent?: string | null; reference?: string | null }; close: (done: boolean) => void }) {
  const base = `${at(i.id)}/stages/${c.stage}`, d = useApi<{ title: string; article: string; notice: string; sent: string | null; reference: string | null; texts: { key: string; title: string; text: string; edited: boolean }[] }>(`${base}?${query(tongue())}`), [texts, setTexts] = useState<Record<string, string | null>>({}), [sent, setSent] = useState<string | null>(null), [reference, setReference] = useState<string | null>(null), [changed, setChanged] = useState(false), { act, busy, problem } = useAct();
  const save = (more: object = {}) => act(async () => { await send("PUT", base, { ...(Object.keys(texts).length ? { texts } : {}), ...more }); setTexts({}); setChanged(true); d.again(); }), file = (format: string) => `/api/v1/${base}/file?${query({ format, ...tongue() })}`, dirty = Object.keys(texts).length > 0;
  return <Dialog title={c.title} close={() => close(changed)}><Answer of={d}>{(s) => <form onSubmit={(e) => { e.preventDefault(); void save(); }}>
    <p class="soft">{s.article}</p><p>{t("stage.text")}</p>{s.texts.map((x) => <Field key={x.key} label={x.title + (x.edited || texts[x.key] !== undefined ? ` · ${t("stage.edited")}` : "")}><textarea class="prose" rows={Math.min(10, Math.max(2, (texts[x.key] ?? x.text).split("\n").reduce((n, l) => n + Math.ceil((l.length || 1) / 70), 0)))} value={texts[x.key] ?? x.text} onInput={(e) => setTexts({ ...texts, [x.key]: e.currentTarget.value })} />{x.edited && <button type="button" class="plain" onClick={() => void save({ texts: { [x.key]: null } })}>{t("stage.anew")}</button>}</Field>)}
    {problem}<div class="buttons left">{dirty && <button class="main" disabled={busy}>{t("save")}</button>}{["html", "pdf", "text", "json"].map((f) => <a key={f} class="button" target="_blank" aria-disabled={dirty} href={dirty ? undefined : file(f)}>{word("format", f)}</a>)}</div>
    <p class="soft">{s.notice}</p>
    <h3>{t("stage.sent")}</h3>{s.sent ? <p><Mark quality="good" text={t("stage.wasSent", { time: clock(s.sent) })} />{s.reference && ` · ${s.reference}`} <button type="button" class="plain" onClick={() => void save({ sent: null })}>{t("reply.back")}</button></p>
      : <><p>{t("stage.sentText")}</p><div class="two"><Field label={t("stage.when")}><input type="datetime-local" value={sent ?? local(new Date(now()).toISOString())} onInput={(e) => setSent(e.currentTarget.value)} /></Field><Text label={t("stage.reference")} value={reference ?? ""} set={setReference} maxLength={200} /></div><div class="buttons left"><button type="button" disabled={busy || dirty} onClick={() => void save({ sent: iso(sent ?? "") ?? new Date(now()).toISOString(), ...(reference?.trim() ? { reference: reference.trim() } : {}) })}>{t("stage.isSent")}</button></div></>}
    <div class="buttons"><button type="button" onClick={() => close(changed)}>{t("inventory.close")}</button></div></form>}</Answer></Dialog>;
}
function Clocks({ i, changed }: { i: Incident; changed: () => void }) {
  const [open, setOpen] = useState<{ stage: string; title: string } | null>(null);
  useTick(20000);
  return <section class="panel"><h2>{t("incident.clocks")}</h2>{i.clocks.length ? <ul class="clocks">{i.clocks.map((c) => <li key={c.stage} class={c.state}><div><h3>{c.title}</h3><small>{c.article}</small></div><div><Due due={c.due} state={c.state} />{c.sent && <small class="block">{t("stage.wasSent", { time: clock(c.sent) })}{c.late && `, ${t("clock.wasLate")}`}</small>}</div>
      <div><p>{c.why}</p><small>{t("clock.to", { to: c.to })}</small></div><button class={c.state === "soon" || c.state === "overdue" ? "main" : undefined} onClick={() => setOpen(c)} aria-label={`${t("stage.open")}: ${c.title}`}>{t("stage.open")}</button></li>)}</ul> : <p>{i.voluntary ?? t("incident.noClock")}</p>}
    {!i.clocks.length && i.voluntary && <div class="buttons left"><button onClick={() => setOpen({ stage: "voluntary", title: t("incident.voluntary") })}>{t("incident.voluntary")}</button></div>}
    {open && <Stage i={i} c={open} close={(done) => { setOpen(null); if (done) changed(); }} />}</section>;
}

// ---- one ----
const prose = ["what", "impact", "cause", "measures", "indicators", "contact"] as const;
type Draft = Record<string, string>;
const draftOf = (i: Incident): Draft => ({ title: i.title, category: i.category, severity: i.severity, significant: i.significant, product: i.product, malicious: i.malicious, crossBorder: i.crossBorder, states: i.states ?? "", aware: local(i.aware), began: local(i.began), fixed: local(i.fixed), ...Object.fromEntries(prose.map((k) => [k, i[k] ?? ""])) });
function Facts({ i, changed }: { i: Incident; changed: () => void }) {
  const had = draftOf(i), [d, setD] = useState(had), { act, busy, problem } = useAct(), put = (k: string) => (v: string) => setD({ ...d, [k]: v });
  const diff = Object.fromEntries(Object.entries(d).filter(([k, v]) => v !== had[k]).map(([k, v]) => [k, ["aware", "began", "fixed"].includes(k) ? iso(v) : v.trim() || null])), dirty = Object.keys(diff).length > 0;
  const choice = (k: string, of: [string, string][]) => <Choose label={t(`incident.${k}` as Key)} help={k === "significant" || k === "product" ? t(`incident.${k}Help` as Key) : undefined} value={d[k]} set={put(k)} of={of} />, time = (k: string, help?: boolean) => <Field label={t(`incident.${k}` as Key)} help={help ? t(`incident.${k}Help` as Key) : undefined}><input type="datetime-local" value={d[k]} onInput={(e) => put(k)(e.currentTarget.value)} /></Field>;
  return <form class="panel" onSubmit={(e) => { e.preventDefault(); void act(() => send("PATCH", at(i.id), diff).then(changed)); }}><h2>{t("incident.facts")}</h2><p class="soft">{t("incident.factsText")}</p>
    <Text label={t("incident.title")} value={d.title} set={put("title")} required maxLength={200} /><div class="two">{choice("category", words("incidentKind", categories))}{choice("severity", words("severity", severities))}{time("aware", true)}{time("began")}{choice("significant", words("tell", tell))}{choice("product", words("ofProduct", products))}{choice("malicious", words("tell", tell))}{choice("crossBorder", words("tell", tell))}{d.product !== "none" && time("fixed", true)}{d.product !== "none" && <Text label={t("incident.states")} value={d.states} set={put("states")} placeholder="NL, BE, DE" />}</div>
    {prose.map((k) => <Field key={k} label={t(`incident.${k}` as Key)}><textarea class="prose" rows={d[k] ? 4 : 2} value={d[k]} onInput={(e) => put(k)(e.currentTarget.value)} /></Field>)}
    {problem}<div class="buttons left"><button class="main" disabled={busy || !dirty}>{t("save")}</button>{dirty && <button type="button" onClick={() => setD(had)}>{t("cancel")}</button>}</div></form>;
}
function Log({ i, changed }: { i: Incident; changed: () => void }) {
  const [text, setText] = useState(""), { act, busy, problem } = useAct();
  return <section class="panel"><h2>{t("incident.log")}</h2><p class="soft">{t("incident.logText")}</p><ul class="log">{[...i.log].reverse().map((l) => <li key={l.id}><Time at={l.at} /> <b>{l.who}</b> <span class="tag">{word("logged", l.kind)}</span> {l.text}</li>)}</ul>
    <form class="inline" onSubmit={(e) => { e.preventDefault(); void act(() => send("POST", `${at(i.id)}/notes`, { text: text.trim() }).then(() => { setText(""); changed(); })); }}><Text label={t("incident.note")} value={text} set={setText} required maxLength={2000} /><button disabled={busy || !text.trim()}>{t("incident.noteAdd")}</button></form>{problem}</section>;
}
function One({ id }: { id: number }) {
  const d = useApi<Incident>(`${at(id)}?${query(tongue())}`, 30000), { act, busy, problem } = useAct(), file = (format: string) => `/api/v1/${at(id)}/file?${query({ format, ...tongue() })}`;
  return <Answer of={d}>{(i) => { const status = (s: string, name: Key) => <button disabled={busy} onClick={() => void act(() => send("PATCH", at(id), { status: s }).then(d.again))}>{t(name)}</button>; return <><div class="above"><h2>{i.title}</h2><span class="buttons">{i.status === "open" && status("contained", "incident.contain")}{i.status !== "closed" ? status("closed", "incident.close") : status("open", "incident.reopen")}<a class="button" target="_blank" href={file("html")}>{t("incident.record")}</a><a class="button" target="_blank" href={file("pdf")}>PDF</a></span></div>
    <p class="soft">{word("incidentKind", i.category)} · {word("severity", i.severity)} · {word("incidentState", i.status)} · {t("incident.noticed")} <Time at={i.aware} />, {i.who}</p>{d.error && <Problem error={d.error} />}{problem}
    <Clocks i={i} changed={d.again} />
    <div class="panels">{i.alarms.length > 0 && <section class="panel"><h2>{t("alarms")}</h2><ul class="faults">{i.alarms.map((a) => <li key={a.id}>{told(a.text)} <small>{a.asset && <a href={toAsset(a.asset)}>{a.asset}</a>} <Time at={a.since} /></small></li>)}</ul></section>}{i.devices.length > 0 && <section class="panel"><h2>{t("inventory")}</h2><ul class="faults">{i.devices.map((x) => <li key={x.id}><a href={toDevice(x.id)}>{x.name}</a> <small>{[x.product, x.firmware].filter(Boolean).join(", ")}</small></li>)}</ul></section>}</div>
    <Facts key={i.changed} i={i} changed={d.again} /><Log i={i} changed={d.again} /></>; }}</Answer>;
}

// ---- all ----
function Make({ close }: { close: () => void }) {
  const alarms = useApi<{ alarms: { id: number; text: string; asset: string | null; priority: string; since: string }[] }>("alarms?limit=30"), [picked, setPicked] = useState<number[]>([]), [title, setTitle] = useState(""), [what, setWhat] = useState(""), [aware, setAware] = useState(local(new Date(now()).toISOString())), [category, setCategory] = useState("other"), { act, busy, problem } = useAct();
  const make = (e: Event) => { e.preventDefault(); void act(async () => { const r = await send<{ id: number }>("POST", "incidents", { ...(title.trim() ? { title: title.trim() } : {}), ...(what.trim() ? { what: what.trim() } : {}), aware: iso(aware), category, ...(picked.length ? { alarms: picked } : {}) }); go(toIncident(r.id)); }); };
  return <Dialog title={t("incident.add")} close={close}><form onSubmit={make}><p>{t("incident.addText")}</p><Text label={t("incident.title")} value={title} set={setTitle} required={!picked.length} maxLength={200} placeholder={t("incident.titleHint")} />
    <Field label={t("incident.what")}><textarea class="prose" rows={3} value={what} onInput={(e) => setWhat(e.currentTarget.value)} /></Field><div class="two"><Field label={t("incident.aware")} help={t("incident.awareHelp")}><input type="datetime-local" required value={aware} onInput={(e) => setAware(e.currentTarget.value)} /></Field><Choose label={t("incident.category")} value={category} set={setCategory} of={words("incidentKind", categories)} /></div>
    {alarms.data && alarms.data.alarms.length > 0 && <fieldset class="party"><legend>{t("incident.alarms")}</legend>{alarms.data.alarms.map((a) => <label class="check" key={a.id}><input type="checkbox" checked={picked.includes(a.id)} onChange={() => setPicked(picked.includes(a.id) ? picked.filter((x) => x !== a.id) : [...picked, a.id])} /> <span>{told(a.text)} <small>{a.asset} <Time at={a.since} /></small></span></label>)}</fieldset>}
    {problem}<div class="buttons"><button type="button" onClick={close}>{t("cancel")}</button><button class="main" disabled={busy}>{t("incident.make")}</button></div></form></Dialog>;
}
/** Five plain questions, and what follows from them. */
function ScopeForm({ s, close }: { s: Scope; close: (done: boolean) => void }) {
  const [a, setA] = useState<Record<string, string>>(Object.fromEntries(s.questions.map((q) => [q.key, s.answers ? String(s.answers[q.key]) : ""])));
  return <Confirm title={t("scope.title")} text={t("scope.text")} word={t("save")} close={close} act={() => send("PUT", "incidents/scope", Object.fromEntries(s.questions.map((q) => { if (!a[q.key]) throw new Error(t("scope.missing", { text: q.text })); return [q.key, q.choices ? a[q.key] : a[q.key] === "true"]; })))}>
    {s.questions.map((q) => <Choose key={q.key} label={q.text} value={a[q.key]} set={(v) => setA({ ...a, [q.key]: v })} of={[["", "–"], ...(q.choices ?? [{ key: "true", text: t("tell.yes") }, { key: "false", text: t("tell.no") }]).map((c) => [c.key, c.text] as [string, string])]} />)}</Confirm>;
}
function ScopeOf() {
  const s = useApi<Scope>(`incidents/scope?${query(tongue())}`), [open, setOpen] = useState(false);
  return <section class="panel"><h2>{t("scope.head")}</h2><Answer of={s}>{(d) => <>{d.answers ? <ul class="laws">{d.laws.map((l) => <li key={l.law}><Mark quality={l.applies ? "uncertain" : "good"} text={`${l.name}: ${t(l.applies ? "scope.applies" : "scope.not")}`} /><p class="soft">{l.why}</p></li>)}</ul> : <p class="advice">{t("scope.unanswered")}</p>}{d.answers && d.voluntary && <p>{d.voluntary}</p>}
    <div class="buttons left"><button class={d.answers ? undefined : "main"} onClick={() => setOpen(true)}>{t(d.answers ? "scope.again" : "scope.begin")}</button></div><p class="soft">{d.notice}</p>{open && <ScopeForm s={d} close={(done) => { setOpen(false); if (done) s.again(); }} />}</>}</Answer></section>;
}
function Evidence() {
  const [speaks, setSpeaks] = useState<string>(language.get()), link = (format?: string) => `/api/v1/reports/evidence?${query({ language: speaks, format })}`;
  return <section class="panel"><h2>{t("evidence.head")}</h2><p class="soft">{t("evidence.text")}</p><Choose label={t("language")} value={speaks} set={setSpeaks} of={[["nl", "Nederlands"], ["en", "English"]]} /><div class="buttons left"><a class="button main" target="_blank" href={link()}>{t("report.open")}</a><a class="button" target="_blank" href={link("pdf")}>PDF</a></div></section>;
}
interface Post { on: boolean; at: string; to: string[]; language: string; next: string | null; last: string | null; sent: string[]; error: string | null }
function Mail() {
  const m = useApi<Post>("shield/mail"), [p, setP] = useState<Partial<Post & { list: string }>>({}), [sent, setSent] = useState(""), { act, busy, problem } = useAct(), dirty = Object.keys(p).length > 0;
  return <section class="panel"><h2>{t("mail.head")}</h2><p class="soft">{t("mail.text")}</p><Answer of={m}>{(d) => { const x = { ...d, list: d.to.join(", "), ...p }, put = (c: object) => { setP({ ...p, ...c }); setSent(""); }; return <form onSubmit={(e) => { e.preventDefault(); void act(() => send("PUT", "shield/mail", { on: x.on, at: x.at, to: x.list.split(/[,;\s]+/).filter(Boolean), language: x.language }).then(() => { setP({}); m.again(); })); }}>
    <label class="check"><input type="checkbox" checked={x.on} onChange={(e) => put({ on: e.currentTarget.checked })} /> <span>{t("mail.on")}</span></label><div class="two"><Field label={t("mail.at")}><input type="time" required value={x.at} onInput={(e) => put({ at: e.currentTarget.value })} /></Field><Text label={t("mail.to")} help={t("mail.toHelp")} value={x.list} set={(list) => put({ list })} /><Choose label={t("language")} value={x.language} set={(l) => put({ language: l })} of={[["nl", "Nederlands"], ["en", "English"]]} /></div>
    {d.next && x.on && <p class="soft">{t("report.next")} <Time at={d.next} />{d.last && <>. {t("report.last")} <Time at={d.last} />: {d.sent.join(", ") || "–"}</>}</p>}{d.error && <p class="error">{told(d.error)}</p>}{problem}
    <div class="buttons left"><button class="main" disabled={busy || !dirty}>{t("save")}</button><button type="button" disabled={busy || dirty} onClick={() => void act(async () => { const r = await send<{ sent: number; empty: boolean }>("POST", "shield/mail/send"); setSent(r.empty ? t("mail.empty") : t("mail.sent", { n: r.sent })); m.again(); })}>{t("mail.now")}</button><span class="soft" role="status">{sent}</span></div></form>; }}</Answer></section>;
}
const Box = ({ name, n, bad }: { name: string; n: number; bad?: boolean }): ComponentChildren => <div><dt>{name}</dt><dd class={bad && n ? "error" : undefined}>{count(n)}</dd></div>;
function List() {
  const all = route.use().params.get("all") === "1", list = useApi<{ incidents: Row[]; counts: Record<string, number> }>(`incidents?${query({ ...(all ? { all: true } : {}), ...tongue() })}`, 30000), [open, setOpen] = useState(false);
  useTick(30000);
  return <><div class="above"><p class="soft">{t("incident.text")}</p><span class="buttons"><button class="main" onClick={() => setOpen(true)}>{t("incident.add")}</button></span></div>
    <Answer of={list}>{(d) => <><dl class="figures"><Box name={t("incident.open")} n={d.counts.open ?? 0} /><Box name={t("incident.soon")} n={d.counts.soon ?? 0} /><Box name={t("incident.overdue")} n={d.counts.overdue ?? 0} bad={true} /><Box name={t("incident.closed")} n={d.counts.closed ?? 0} /></dl><label class="check"><input type="checkbox" checked={all} onChange={(e) => replace(`#/security/incidents${e.currentTarget.checked ? "?all=1" : ""}`)} /> <span>{t("incident.all")}</span></label>
      {d.incidents.length ? <Table label={t("incidents")} head={[t("incident.title"), t("incident.category"), t("incident.severity"), t("rule.state"), t("incident.aware"), t("incident.next")]}>{d.incidents.map((i) => <tr key={i.id}><td class="wrap"><a href={toIncident(i.id)}><b>{i.title}</b></a></td><td>{word("incidentKind", i.category)}</td><td><Priority of={i.severity === "critical" ? "urgent" : i.severity} full={i.status === "open"} name={word("severity", i.severity)} /></td><td>{word("incidentState", i.status)}</td><td><Time at={i.aware} /></td><td class="wrap">{i.next ? <>{i.next.title}: <Due due={i.next.due} state={i.next.state} /></> : "–"}</td></tr>)}</Table> : <Empty title={t("incident.none")}><p>{t("incident.noneText")}</p></Empty>}</>}</Answer>
    <div class="panels lower"><ScopeOf />{may("owner") && <Evidence />}<Mail /></div>{open && <Make close={() => setOpen(false)} />}</>;
}
export function IncidentsPart() {
  const [part, id] = route.use().rest.split("/");
  language.use();
  return part === "incident" && Number(id) ? <One key={id} id={Number(id)} /> : <List />;
}
