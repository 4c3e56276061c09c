// SPDX-License-Identifier: Apache-2.0
// Who is told of alarms, when and how, and whether it came there.
import { useState } from "preact/hooks";
import { send, useApi } from "./api";
import { blank, Days, Drop, list, Saver, Text, useAct } from "./form";
import { t, told, word } from "./lang";
import { Answer, Choose, Empty, Field, Mark, Problem, Table, Time } from "./ui";

interface Set_ { set: boolean }
type Secret = string | Set_ | null;
interface Channel { name: string; kind: string; url?: string | null; to?: string | null; ca?: string | null; template?: string | null; token?: Secret }
interface Person { name: string; channel: string; language?: string | null; priority?: string | null; days?: string[]; from?: string | null; to?: string | null }
interface Step { after?: string | null; to: string[] }
interface Quiet { days?: string[]; from: string; to: string }
interface Mail { url: string; from: string; user?: string | null; password?: Secret; ca?: string | null; security?: string | null }
interface Plan { mail: Mail | null; channels: Channel[]; roster: Person[]; escalation: Step[]; quiet: Quiet[] }
interface Message { id: number; alarm: number; person: string; step: number; due: string | null; tries: number; state: string; error: string | null; done: string | null }

const kinds = ["ntfy", "mail", "teams", "webhook"];
const isSet = (s: Secret | undefined) => !!s && typeof s === "object" && s.set;
/** As the node takes it: what is empty is none, a secret that was not touched is not named. */
function tidy(p: Plan): Plan {
  const secret = (s: Secret | undefined) => (typeof s === "string" && s ? s : undefined);
  return { mail: p.mail && { ...p.mail, user: blank(p.mail.user), ca: blank(p.mail.ca), security: blank(p.mail.security), password: secret(p.mail.password) },
    channels: p.channels.map((c) => ({ ...c, url: blank(c.url), to: blank(c.to), ca: blank(c.ca), template: blank(c.template), token: secret(c.token) })),
    roster: p.roster.map((r) => ({ ...r, language: blank(r.language), priority: blank(r.priority), from: blank(r.from), to: blank(r.to), days: r.days?.length ? r.days : undefined })),
    escalation: p.escalation.map((s) => ({ ...s, after: blank(s.after) })), quiet: p.quiet.map((q) => ({ ...q, days: q.days?.length ? q.days : undefined })) };
}

function Hidden({ label, value, set }: { label: string; value: Secret | undefined; set: (s: Secret) => void }) {
  return <Field label={label}><input type="password" autocomplete="new-password" value={typeof value === "string" ? value : ""} placeholder={isSet(value) ? t("unchanged") : ""} onInput={(e) => set(e.currentTarget.value)} /></Field>;
}

/** Sends a message through a channel as it is kept, and says what came of it. */
function Test({ name, ready }: { name: string; ready: boolean }) {
  const [said, setSaid] = useState<"busy" | "good" | Error | null>(null);
  const go = () => {
    setSaid("busy");
    send("POST", "alarm-delivery/test", { channel: name }).then(() => setSaid("good"), setSaid);
  };
  return <div class="test"><button type="button" disabled={!ready || said === "busy"} title={ready ? undefined : t("delivery.saveFirst")} onClick={go} aria-label={t("delivery.testOf", { name })}>{t("delivery.test")}</button>
    <span role="status">{said === "busy" ? t("delivery.testing") : said === "good" ? <Mark quality="good" text={t("delivery.tested")} /> : said ? <span class="error">{said.message}</span> : !ready ? <small>{t("delivery.saveFirst")}</small> : ""}</span></div>;
}

function Editor({ of, done, saved }: { of: Plan; done: boolean; saved: () => void }) {
  const [p, setP] = useState<Plan>(of), { act, busy, error, setError } = useAct();
  const put = (change: Partial<Plan>) => setP({ ...p, ...change });
  const at = <K extends "channels" | "roster" | "escalation" | "quiet">(k: K) => list<Plan[K][number]>(p[k], (next) => put({ [k]: next } as Partial<Plan>));
  const channel = at("channels"), person = at("roster"), step = at("escalation"), quiet = at("quiet"), dirty = JSON.stringify(p) !== JSON.stringify(of);
  const save = (e: SubmitEvent) => {
    e.preventDefault();
    void act(() => send("PUT", "alarm-delivery", tidy(p)).then(saved));
  };
  const drop = (name: string, f: () => void) => <Drop name={name} act={f} />;
  const kept = (c: Channel) => JSON.stringify(of.channels.find((x) => x.name === c.name)) === JSON.stringify(c) && (c.kind !== "mail" || JSON.stringify(of.mail) === JSON.stringify(p.mail));
  return <form onSubmit={save} class="plan">
    <section class="panel"><h2>{t("delivery.channels")}</h2><p class="soft">{t("delivery.channelsText")}</p>
      {p.channels.map((c, i) => <div class="item" key={i}>{drop(c.name, () => channel.drop(i))}<div class="two">
        <Text label={t("name")} value={c.name} set={(name) => channel.set(i, { name })} required /><Choose label={t("delivery.kind")} value={c.kind} set={(kind) => channel.set(i, { kind })} of={kinds.map((k) => [k, word("channel", k)])} />
        {c.kind === "mail" ? <Text label={t("delivery.mailTo")} value={c.to} set={(to) => channel.set(i, { to })} required type="email" /> : <Text label={t("delivery.url")} value={c.url} set={(url) => channel.set(i, { url })} required placeholder={c.kind === "ntfy" ? "https://ntfy.example/factory" : "https://"} help={c.kind === "teams" ? t("delivery.teamsHelp") : undefined} />}
        {c.kind !== "mail" && c.kind !== "teams" && <Hidden label={t("delivery.token")} value={c.token} set={(token) => channel.set(i, { token })} />}</div>
        {c.kind === "webhook" && <Field label={t("delivery.template")} help={t("delivery.templateHelp")}><textarea rows={3} spellcheck={false} value={c.template ?? ""} placeholder={'{"message": "{asset}: {text}"}'} onInput={(e) => channel.set(i, { template: e.currentTarget.value })} /></Field>}
        <Test name={c.name} ready={kept(c)} /></div>)}
      <div class="buttons left"><button type="button" onClick={() => channel.add({ name: "", kind: "ntfy" })}>{t("delivery.addChannel")}</button></div></section>
    {(p.mail || p.channels.some((c) => c.kind === "mail")) && <section class="panel"><h2>{t("delivery.mail")}</h2><p class="soft">{t("delivery.mailText")}</p>{(() => {
      const m = p.mail ?? { url: "", from: "" }, set = (change: Partial<Mail>) => put({ mail: { ...m, ...change } });
      return <div class="two"><Text label={t("delivery.server")} value={m.url} set={(url) => set({ url })} required placeholder="smtp://mail.example:587" help={t("delivery.serverHelp")} /><Text label={t("delivery.sender")} value={m.from} set={(from) => set({ from })} required placeholder="koppel@example.com" />
        <Text label={t("login.user")} value={m.user} set={(user) => set({ user })} autocomplete="off" /><Hidden label={t("login.password")} value={m.password} set={(password) => set({ password })} /></div>;
    })()}{p.mail && !p.channels.some((c) => c.kind === "mail") && <div class="buttons left"><button type="button" onClick={() => put({ mail: null })}>{t("remove.of", { name: t("delivery.mail") })}</button></div>}</section>}
    <section class="panel"><h2>{t("delivery.roster")}</h2><p class="soft">{t("delivery.rosterText")}</p>
      {p.roster.map((r, i) => <div class="item" key={i}>{drop(r.name, () => person.drop(i))}<div class="two"><Text label={t("name")} value={r.name} set={(name) => person.set(i, { name })} required />
        <Choose label={t("delivery.by")} value={r.channel} set={(c) => person.set(i, { channel: c })} of={[...(p.channels.some((c) => c.name === r.channel) ? [] : [[r.channel, r.channel || "–"] as [string, string]]), ...p.channels.map((c) => [c.name, c.name] as [string, string])]} />
        <Choose label={t("delivery.from")} value={r.priority ?? ""} set={(priority) => person.set(i, { priority })} of={[["", t("delivery.all")], ...["medium", "high", "urgent"].map((x) => [x, word("priority", x)] as [string, string])]} />
        <Choose label={t("language")} value={r.language ?? ""} set={(l) => person.set(i, { language: l })} of={[["", "–"], ["en", "English"], ["nl", "Nederlands"]]} />
        <Text label={t("delivery.dutyFrom")} value={r.from} set={(from) => person.set(i, { from })} type="time" /><Text label={t("delivery.dutyTo")} value={r.to} set={(to) => person.set(i, { to })} type="time" /></div>
        <Days label={t("delivery.days")} of={r.days} set={(d) => person.set(i, { days: d })} /></div>)}
      <div class="buttons left"><button type="button" disabled={!p.channels.length} title={p.channels.length ? undefined : t("delivery.channelFirst")} onClick={() => person.add({ name: "", channel: p.channels[0].name })}>{t("delivery.addPerson")}</button></div></section>
    <section class="panel"><h2>{t("delivery.escalation")}</h2><p class="soft">{t("delivery.escalationText")}</p>
      {p.escalation.map((s, i) => <div class="item" key={i}>{drop(t("delivery.step", { n: i + 1 }), () => step.drop(i))}<div class="two"><Text label={t("delivery.after")} value={s.after} set={(after) => step.set(i, { after })} placeholder="10m" help={t("rule.delayHelp")} /></div>
        <fieldset class="days"><legend>{t("delivery.who")}</legend>{p.roster.map((r) => <label key={r.name}><input type="checkbox" checked={s.to.includes(r.name)} onChange={() => step.set(i, { to: s.to.includes(r.name) ? s.to.filter((x) => x !== r.name) : [...s.to, r.name] })} />{r.name}</label>)}</fieldset></div>)}
      <div class="buttons left"><button type="button" disabled={!p.roster.length} title={p.roster.length ? undefined : t("delivery.personFirst")} onClick={() => step.add({ after: p.escalation.length ? "10m" : "0s", to: [] })}>{t("delivery.addStep")}</button></div></section>
    <section class="panel"><h2>{t("delivery.quiet")}</h2><p class="soft">{t("delivery.quietText")}</p>
      {p.quiet.map((q, i) => <div class="item" key={i}>{drop(`${q.from}–${q.to}`, () => quiet.drop(i))}<div class="two"><Text label={t("delivery.quietFrom")} value={q.from} set={(from) => quiet.set(i, { from })} type="time" required /><Text label={t("delivery.quietTo")} value={q.to} set={(to) => quiet.set(i, { to })} type="time" required /></div><Days label={t("delivery.days")} of={q.days} set={(d) => quiet.set(i, { days: d })} /></div>)}
      <div class="buttons left"><button type="button" onClick={() => quiet.add({ from: "22:00", to: "06:00" })}>{t("delivery.addQuiet")}</button></div></section>
    {error && <Problem error={error} />}
    <Saver busy={busy} dirty={dirty} done={done} back={() => { setP(of); setError(null); }} /></form>;
}
function Log() {
  const log = useApi<{ messages: Message[] }>("alarm-delivery/log?limit=100", 5000), look = { sent: "good", waiting: "uncertain", failed: "bad", dropped: "none" } as const;
  return <section class="panel"><h2>{t("delivery.log")}</h2><Answer of={log}>{(d) => d.messages.length ? <Table label={t("delivery.log")} head={[t("time"), t("delivery.person"), t("alarms.one"), t("rule.state"), t("delivery.tries"), t("delivery.why")]}>
    {d.messages.map((m) => <tr key={m.id}><td><Time at={m.done ?? m.due} /></td><td>{m.person}</td><td>{m.alarm}</td><td><Mark quality={look[m.state as keyof typeof look] ?? "none"} text={word("message", m.state)} /></td><td class="n">{m.tries}</td><td>{m.error ? told(m.error) : "–"}</td></tr>)}</Table> : <p class="soft">{t("delivery.noLog")}</p>}</Answer></section>;
}
export function Delivery() {
  const d = useApi<Plan>("alarm-delivery"), [done, setDone] = useState(false);
  return <><Answer of={d}>{(plan) => <>{!plan.channels.length && <Empty title={t("delivery.none")}><p>{t("delivery.noneText")}</p></Empty>}<Editor key={JSON.stringify(plan)} of={plan} done={done} saved={() => { setDone(true); d.again(); }} /></>}</Answer><Log /></>;
}
