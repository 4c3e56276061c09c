// SPDX-License-Identifier: Apache-2.0
// Other companies: who gets what under which terms, what has gone out, what waits for a person; what they offer; our own card.
import { useState } from "preact/hooks";
import { api, may, query, send, toTheEnd, useApi } from "./api";
import { Catalogue } from "./catalogue";
import { Text, useAct } from "./form";
import { bytes, count, date, day, type Key, t, told, word } from "./lang";
import { route } from "./route";
import { type Deal, type Partner, policyOf, Terms, wantedOf, type Wanted } from "./terms";
import { Bars } from "./trend";
import { Answer, Choose, Confirm, copy, Dialog, download, Empty, Field, Mark, Page, Problem, Tabs, Time } from "./ui";

interface Card { id: string; url: string | null; fingerprint?: string }
interface Agreement { id: string; partner: string; side: "consumer" | "provider"; dataset: string; agreement: any; signals: string[] | null; state: "active" | "pending" | "ended"; made: string; ended: string | null; why: string | null }
interface Sum { partner: string; agreement: string; values: number; intervals: number; bytes: number; exits: number; last: string; running: boolean }
interface Exits { agreements: Sum[]; moreAgreements: boolean; days: { partner: string; day: string; values: number; bytes: number }[] }
interface Met { id: string; url: string; fingerprint: string; keyFingerprint: string; caFingerprint: string | null }

const over = (d: Deal) => ["FINALIZED", "TERMINATED", "COMPLETED"].includes(d.state);
const agreed = toTheEnd<{ agreements: Agreement[] }>("agreements"), negotiated = toTheEnd<{ negotiations: Deal[] }>("negotiations"), transferred = toTheEnd<{ transfers: Deal[] }>("transfers");
const wentOut = async (path: string): Promise<Exits> => {
  const all = await api<Exits>(path);
  for (let page = all; page.moreAgreements && page.agreements.length; all.agreements.push(...page.agreements)) page = await api<Exits>(`${path}&skip=${all.agreements.length}`);
  return all;
};
const DAYS = 14, at = (d: Deal, kind = "negotiations") => `${kind}/${d.id}`;
/** What a person of ours may say next to it; none: the other side is to speak. */
const next: Record<string, string | undefined> = { "provider REQUESTED": "agree", "consumer OFFERED": "accept", "provider ACCEPTED": "agree", "consumer AGREED": "verify", "provider VERIFIED": "finalize" };
const yes = (d: Deal) => next[`${d.side} ${d.state}`];

/** Asks why, and says it. */
function Reason({ title, text, word: verb, act, close }: { title: string; text: string; word: string; act: (reason: string) => Promise<unknown>; close: (done: boolean) => void }) {
  const [why, setWhy] = useState("");
  return <Confirm title={title} text={text} word={verb} danger act={() => act(why.trim())} close={close}><Text label={t("partners.reason")} help={t("partners.reasonHelp")} value={why} set={setWhy} maxLength={200} /></Confirm>;
}
function Counter({ d, close }: { d: Deal; close: (done: boolean) => void }) {
  const [w, set] = useState<Wanted>(() => wantedOf(d.offer)), put = (x: Partial<Wanted>) => set({ ...w, ...x });
  const spans = (none: Key, of: string[], have: string): [string, string][] => [["", t(none)], ...[...new Set([...of, ...(have ? [have] : [])])].map((x): [string, string] => [x, word("terms.span", x)])];
  return <Confirm title={t("partners.counterTitle", { dataset: d.dataset ?? "" })} text={t("partners.counterText")} word={t("partners.counter")} act={() => send("POST", `${at(d)}/counter`, { policy: policyOf(w) })} close={close}>
    <div class="two"><Field label={t("terms.untilOf")}><input type="date" value={w.until} onInput={(e) => put({ until: e.currentTarget.value })} /></Field>
      <Choose label={t("terms.delayOf")} value={w.delay} set={(delay) => put({ delay })} of={spans("terms.none", ["PT15M", "PT1H", "P1D"], w.delay)} />
      <Choose label={t("terms.everyOf")} value={w.every} set={(every) => put({ every })} of={spans("terms.rawShort", ["PT1S", "PT1M", "PT15M", "PT1H"], w.every)} />
      {w.every && <Choose label={t("terms.fnOf")} value={w.fn} set={(fn) => put({ fn })} of={["mean", "min", "max", "last", "count"].map((f) => [f, word("terms.fn", f)])} />}
      <Field label={t("terms.countOf")}><input type="number" min="1" value={w.count} onInput={(e) => put({ count: e.currentTarget.value })} /></Field></div>
    <Terms of={policyOf(w)} /></Confirm>;
}
/** A negotiation that goes no further without a person. */
function Waiting({ d, changed }: { d: Deal; changed: () => void }) {
  const [ask, setAsk] = useState<"refuse" | "counter" | null>(null), { act, busy, problem } = useAct(), say = yes(d)!;
  const done = (ok: boolean) => { setAsk(null); if (ok) changed(); };
  return <section class="panel waits"><div class="above"><h2>{t(d.side === "provider" ? "partners.asks" : "partners.offers", { partner: d.partner, dataset: d.dataset ?? "" })}</h2><span class="soft">{t("since")} <Time at={d.changed} /></span></div>
    <Terms of={d.offer} />{d.note && <p class="advice">{told(d.note)}</p>}{problem}
    <div class="buttons left"><button class="main" disabled={busy} onClick={() => void act(() => send("POST", `${at(d)}/${say}`).then(changed))}>{t(say === "agree" || say === "accept" ? "partners.accept" : "partners.goOn")}</button>
      {(d.state === "REQUESTED" || d.state === "OFFERED") && <button onClick={() => setAsk("counter")}>{t("partners.counterDo")}</button>}<button onClick={() => setAsk("refuse")}>{t("partners.refuse")}</button></div>
    {ask === "counter" && <Counter d={d} close={done} />}
    {ask === "refuse" && <Reason title={t("partners.refuseTitle")} text={t("partners.refuseText", { partner: d.partner })} word={t("partners.refuse")} act={(reason) => send("POST", `${at(d)}/terminate`, reason ? { reason } : {})} close={done} />}</section>;
}

const mood: Record<string, "good" | "bad" | "uncertain" | "none"> = { STARTED: "good", SUSPENDED: "uncertain", active: "good", pending: "uncertain" };
function Agreed({ a, transfers, sum, changed }: { a: Agreement; transfers: Deal[]; sum?: Sum; changed: () => void }) {
  const [end, setEnd] = useState(false), { act, busy, problem } = useAct(), gives = a.side === "provider", engineer = may("engineer");
  const tell = (d: Deal, verb: string) => void act(() => send("POST", `${at(d, "transfers")}/${verb}`, {}).then(changed));
  return <div class="agreed"><div class="row"><h3>{a.dataset}</h3><Mark quality={mood[a.state] ?? "none"} text={word("agreement", a.state)} /><small>{t("since")} {day(a.made)}</small></div>
    {gives && a.signals && a.signals.length > 0 && <p class="soft cut"><code>{a.signals.slice(0, 6).join(", ")}{a.signals.length > 6 ? " ..." : ""}</code></p>}
    <Terms of={a.agreement} />
    {gives && <p>{sum ? t("partners.out", { values: count(sum.values), bytes: bytes(sum.bytes), n: count(sum.exits) }) : t("partners.nothingOut")}{sum && <> <Time at={sum.last} />{sum.intervals > 0 && ` · ${t("partners.intervals", { n: count(sum.intervals) })}`}</>}</p>}
    {a.why && <p class="soft">{told(a.why)}</p>}{problem}
    {transfers.map((d) => <div class="row" key={d.id}><span>{t("partners.transfer", { n: d.id })}</span><Mark quality={mood[d.state] ?? "none"} text={word("deal", d.state)} />{d.fault && <small>{told(d.fault)}</small>}
      {engineer && d.state === "STARTED" && <button class="small" disabled={busy} onClick={() => tell(d, "suspend")} aria-label={t("partners.stopOf", { n: d.id })}>{t("partners.stop")}</button>}
      {engineer && d.state === "SUSPENDED" && <button class="small" disabled={busy} onClick={() => tell(d, "start")}>{t("partners.resume")}</button>}</div>)}
    {engineer && a.state === "active" && <div class="buttons left"><button onClick={() => setEnd(true)} aria-label={t("partners.endOf", { name: a.dataset })}>{t("partners.end")}</button></div>}
    {end && <Reason title={t("partners.endTitle", { name: a.dataset })} text={t(gives ? "partners.endGives" : "partners.endGets", { partner: a.partner })} word={t("partners.end")} act={(reason) => send("POST", `agreements/${encodeURIComponent(a.id)}/end`, reason ? { reason } : {})} close={(ok) => { setEnd(false); if (ok) changed(); }} />}</div>;
}
function One({ p, agreements, transfers, deals, exits, changed }: { p: Partner; agreements: Agreement[]; transfers: Deal[]; deals: Deal[]; exits: Exits | null; changed: () => void }) {
  const [away, setAway] = useState(false), mine = agreements.filter((a) => a.partner === p.name), now = mine.filter((a) => a.state !== "ended"), past = mine.filter((a) => a.state === "ended");
  const today = Math.floor(Date.now() / 864e5), days = exits?.days.filter((d) => d.partner === p.name) ?? [], on = (i: number) => days.find((d) => Math.floor(Date.parse(d.day) / 864e5) === today - DAYS + 1 + i), open = deals.filter((d) => d.partner === p.name && !over(d) && !yes(d));
  const draw = (a: Agreement) => <Agreed key={a.id} a={a} changed={changed} transfers={transfers.filter((d) => d.agreement === a.id && !over(d))} sum={exits?.agreements.find((s) => s.agreement === a.id && s.partner === p.name)} />;
  const part = (side: string, name: Key) => { const of = now.filter((a) => a.side === side); return of.length > 0 && <><h3 class="side">{t(name)}</h3>{of.map(draw)}</>; };
  return <section class="panel partner"><div class="above"><h2>{p.name}</h2><a class="button" href={`#/partners/catalogue?${query({ partner: p.name })}`}>{t("partners.look")}</a>{may("owner") && <button onClick={() => setAway(true)} aria-label={t("remove.of", { name: p.name })}>{t("remove")}</button>}</div>
    <p class="soft cut"><code>{p.id}</code> · {p.url}</p>
    {part("provider", "partners.gets")}{part("consumer", "partners.weGet")}
    {!now.length && <p class="soft">{t("partners.noAgreement")}</p>}
    {open.map((d) => <p key={d.id} class="soft">{t("partners.under", { n: d.id, dataset: d.dataset ?? "" })}: {word("deal", d.state)}{d.fault && ` · ${told(d.fault)}`}</p>)}
    {days.length > 0 && <Bars label={t("partners.plot", { partner: p.name })} unit={t("partners.values")} of={Array.from({ length: DAYS }, (_, i) => { const d = on(i), when = (today - DAYS + 1 + i) * 864e5; return { name: i % 3 === 1 ? date(when) : "", title: t("partners.dayOf", { day: day(when), values: count(d?.values ?? 0), bytes: bytes(d?.bytes ?? 0) }), parts: [{ value: d?.values ?? 0, ink: "--run" }] }; })} />}
    {past.length > 0 && <details><summary>{t("partners.past", { n: past.length })}</summary>{past.map(draw)}</details>}
    {away && <Confirm title={t("remove.of", { name: p.name })} text={t("partners.removeText", { name: p.name })} word={t("remove")} danger act={() => send("DELETE", `partners/${encodeURIComponent(p.name)}`)} close={(ok) => { setAway(false); if (ok) changed(); }} />}</section>;
}

/** First a look, then trust: nothing is kept before. */
function Add({ close }: { close: (done: boolean) => void }) {
  const [name, setName] = useState(""), [url, setUrl] = useState("https://"), [met, setMet] = useState<Met | null>(null), [read, setRead] = useState(false), { act, busy, problem } = useAct();
  const go = (e: Event) => { e.preventDefault(); void act(async () => { if (!met) return setMet(await send("POST", "partners/meet", { url: url.trim() })); await send("POST", "partners", { name: name.trim(), url: met.url, fingerprint: met.fingerprint }); close(true); }); };
  return <Dialog title={t("partners.add")} close={() => close(false)}><form onSubmit={go}>
    {met ? <><p>{t("partners.compare")}</p><p class="print"><code>{met.fingerprint}</code></p>
      <dl class="plate"><div><dt>{t("partners.id")}</dt><dd>{met.id}</dd></div><div><dt>{t("partners.url")}</dt><dd>{met.url}</dd></div></dl>
      <details><summary>{t("partners.parts")}</summary><dl class="plate prints"><div><dt>{t("partners.key")}</dt><dd><code>{met.keyFingerprint}</code></dd></div><div><dt>{t("partners.ca")}</dt><dd>{met.caFingerprint ? <code>{met.caFingerprint}</code> : t("partners.noCa")}</dd></div></dl></details>
      <label class="check"><input type="checkbox" required checked={read} onChange={(e) => setRead(e.currentTarget.checked)} /> {t("partners.same")}</label></>
      : <><p>{t("partners.addText")}</p><Text label={t("name")} help={t("partners.nameHelp")} value={name} set={setName} required /><Text label={t("partners.url")} help={t("partners.urlHelp")} value={url} set={setUrl} type="url" required /></>}
    {problem}<div class="buttons"><button type="button" onClick={() => (met ? (setMet(null), setRead(false)) : close(false))}>{t(met ? "partners.back" : "cancel")}</button><button class="main" disabled={busy || (!!met && !read)}>{t(met ? "partners.trust" : "partners.meet")}</button></div></form></Dialog>;
}

function All({ adding, close }: { adding: boolean; close: () => void }) {
  const p = useApi<{ partners: Partner[]; knocked: { id: string; last: string; times: number }[] }>("partners", 10000), a = useApi("agreements", 5000, agreed), n = useApi("negotiations", 5000, negotiated), x = useApi("transfers", 5000, transferred);
  const e = useApi("exits?limit=1000", 15000, wentOut), again = () => [p, a, n, x, e].forEach((f) => f.again()), deals = n.data?.negotiations ?? [];
  return <><Answer of={p}>{(d) => <>{deals.filter((one) => yes(one) && !one.waiting).map((one) => <Waiting key={one.id} d={one} changed={again} />)}
    {d.knocked.filter((k) => !d.partners.some((one) => one.id === k.id)).map((k) => <p class="notice" key={k.id}><span>{t("partners.knocked", { id: k.id, n: count(k.times) })} <Time at={k.last} />. {t("partners.knockedText")}</span></p>)}
    {a.error && <Problem error={a.error} again={again} />}
    {d.partners.length ? <div class="panels">{d.partners.map((one) => <One key={one.name} p={one} agreements={a.data?.agreements ?? []} transfers={x.data?.transfers ?? []} deals={deals} exits={e.data} changed={again} />)}</div> : <Empty title={t("partners.none")}><p>{t("partners.noneText")}</p></Empty>}</>}</Answer>
    {adding && <Add close={(ok) => { close(); if (ok) again(); }} />}</>;
}

/** What a partner has to know of us. */
function Ours() {
  const c = useApi<Card>("share");
  return <Answer of={c}>{(d) => <section class="panel"><h2>{t("partners.ours")}</h2><p>{t(d.url ? "partners.oursText" : "partners.closed")}</p>
    {d.fingerprint && <p class="print"><code>{d.fingerprint}</code></p>}
    <dl class="plate"><div><dt>{t("partners.id")}</dt><dd>{d.id}</dd></div><div><dt>{t("partners.url")}</dt><dd>{d.url ?? "–"}</dd></div></dl>
    {d.url && <div class="buttons left"><button onClick={() => download("koppel-card.json", new Blob([JSON.stringify(d)], { type: "application/json" }))}>{t("partners.file")}</button><button onClick={() => copy(d.url!)}>{t("partners.copyUrl")}</button></div>}</section>}</Answer>;
}
export function PartnersPage() {
  const r = route.use(), at = ["catalogue", "card"].includes(r.rest) ? r.rest : "", [adding, setAdding] = useState(false);
  return <Page title={t("partners")} tools={!at && may("owner") && <button class="main" onClick={() => setAdding(true)}>{t("partners.add")}</button>}>
    <Tabs label={t("partners")} at={at} of={[["", t("partners.who"), "#/partners"], ["catalogue", t("catalogue"), "#/partners/catalogue"], ["card", t("partners.ours"), "#/partners/card"]]} />
    {at === "catalogue" ? <Catalogue /> : at === "card" ? <Ours /> : <All adding={adding} close={() => setAdding(false)} />}</Page>;
}
