// SPDX-License-Identifier: Apache-2.0
// What goes back: sightings, and collections that others may read or write.
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { Text, useAct } from "./form";
import { count, t, word } from "./lang";
import "./lang/shield";

import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Problem, Search, Table, Time } from "./ui";

interface Member { who: string; read: boolean; write: boolean; amber: boolean; requests: number; objects: number; last: string | null }
interface Collection { id: string; name: string; root: string; title: string; description: string | null; tlp: string; objects: number; members: Member[] }
interface Sighting { id: number; of: string; tlp: string; summary: string | null; count: number; named: boolean; feed: string | null; who: string | null; made: string; sent: string | null; fault: string | null; objects: object[] }
interface Thing { id: string; type: string; tlp: string; name: string | null; source: string | null }
const tlps = ["clear", "green", "amber"], at = (c: Collection) => `collections/${encodeURIComponent(c.name)}`;
export const Label = ({ of }: { of: string }) => <span class={`tlp ${of.replace("+", "-")}`} title={word("tlp", of)}>TLP:{of.toUpperCase()}</span>;

// ---- sightings ----
/** All that leaves, word for word; and first in words. */
export function Goes({ objects, tlp, name }: { objects: any[]; tlp: string; name?: string | null }) {
  const by = objects.find((o) => o.type === "identity")?.name, s = objects.find((o) => o.type === "sighting"), seen = objects.filter((o) => !["identity", "sighting", "observed-data"].includes(o.type));
  return <><p class="advice">{t("sighting.says", { by, count: count(s?.count ?? 1), of: name ?? s?.sighting_of_ref ?? "" })}{seen.map((o) => ` ${o.type}: ${o.value}.`)}{s?.description && ` “${s.description}”`} <Label of={tlp} /></p>
    <details><summary>{t("sighting.exactly")}</summary><pre class="exact" tabIndex={0} aria-label={t("sighting.exactly")}>{JSON.stringify(objects, null, 1)}</pre></details></>;
}
function Make({ close }: { close: (done: boolean) => void }) {
  const [find, setFind] = useState(""), [of, setOf] = useState<Thing | null>(null), [feed, setFeed] = useState(""), [n, setN] = useState("1"), [summary, setSummary] = useState(""), [type, setType] = useState(""), [value, setValue] = useState(""), [tlp, setTlp] = useState("amber"), [named, setNamed] = useState(false), [look, setLook] = useState<{ tlp: string; objects: any[] } | null>(null), { act, busy, problem } = useAct();
  const things = useApi<{ objects: Thing[] }>(of ? null : `stix?${query({ type: "indicator", find: find || undefined, limit: 20 })}`), feeds = useApi<{ feeds: { name: string; kind: string; settings: { post?: string } }[] }>("feeds"), to = feeds.data?.feeds.filter((f) => f.kind === "taxii" && f.settings.post) ?? [];
  const body = () => ({ of: of!.id, ...(feed ? { feed } : {}), count: Number(n) || 1, tlp, ...(summary.trim() ? { summary: summary.trim() } : {}), ...(type && value.trim() ? { observed: { type, value: value.trim() } } : {}), named });
  const go = (e: Event) => { e.preventDefault(); void act(async () => { if (!look) return setLook(await send("POST", "sightings/look", body())); await send("POST", "sightings", body()); close(true); }); };
  return <Dialog title={t("sighting.add")} close={() => close(false)}>{!of ? <><p>{t("sighting.which")}</p><Search label={t("find")} value={find} set={setFind} placeholder={t("sighting.findHint")} /><Answer of={things}>{(d) => d.objects.length ? <ul class="choices">{d.objects.map((x) => <li key={x.id}><button onClick={() => setOf(x)}><span>{x.name ?? x.id}</span><small>{x.source}</small></button></li>)}</ul> : <p class="soft">{t("sighting.noThing")}</p>}</Answer><div class="buttons"><button onClick={() => close(false)}>{t("cancel")}</button></div></>
    : <form onSubmit={go}><p><b>{of.name ?? of.id}</b> <Label of={of.tlp} /></p>{look ? <><p>{t(feed ? "sighting.goesTo" : "sighting.stays", { feed })}</p><Goes objects={look.objects} tlp={look.tlp} name={of.name} /></> : <>
      <div class="two"><Choose label={t("sighting.to")} help={to.length ? undefined : t("sighting.noPost")} value={feed} set={setFeed} of={[["", t("sighting.nowhere")], ...to.map((f) => [f.name, f.name] as [string, string])]} /><Text label={t("sighting.count")} type="number" min={1} value={n} set={setN} />
        <Choose label={t("sighting.observed")} value={type} set={setType} of={[["", t("sighting.nothing")], ...["ipv4-addr", "ipv6-addr", "domain-name", "url"].map((k) => [k, word("observed", k)] as [string, string])]} />{type && <Text label={t("value")} value={value} set={setValue} required />}
        <Choose label={t("sighting.label")} help={t("sighting.labelHelp")} value={tlp} set={setTlp} of={tlps.map((k) => [k, `TLP:${k.toUpperCase()}`])} /></div>
      <Text label={t("sighting.summary")} value={summary} set={setSummary} maxLength={500} /><label class="check"><input type="checkbox" checked={named} onChange={(e) => setNamed(e.currentTarget.checked)} /> <span>{t("sighting.named")}<small class="block">{t("sighting.namedHelp")}</small></span></label></>}
      {problem}<div class="buttons"><button type="button" onClick={() => (look ? setLook(null) : setOf(null))}>{t("partners.back")}</button><button class="main" disabled={busy}>{t(!look ? "sighting.look" : feed ? "sighting.send" : "sighting.keep")}</button></div></form>}</Dialog>;
}
const how = (s: Sighting): ["good" | "bad" | "uncertain" | "none", string] => (s.sent ? ["good", t("sighting.went")] : s.fault ? ["bad", t("sighting.refused")] : s.feed ? ["uncertain", t("sighting.waits")] : ["none", t("sighting.here")]);
function Sightings() {
  const list = useApi<{ sightings: Sighting[] }>("sightings", 10000), [open, setOpen] = useState(false), [shown, setShown] = useState<Sighting | null>(null), { act, problem } = useAct();
  return <section class="panel"><div class="above"><h2>{t("sightings")}</h2><button class="main" onClick={() => setOpen(true)}>{t("sighting.add")}</button></div><p class="soft">{t("sighting.text")}</p>{problem}
    <Answer of={list}>{(d) => d.sightings.length ? <Table label={t("sightings")} head={[t("time"), t("sighting.of"), t("sighting.count"), t("sighting.label"), t("rule.state"), ""]}>{d.sightings.map((s) => { const [q, text] = how(s); return <tr key={s.id}><td><Time at={s.made} /></td><td class="wrap">{s.summary ?? s.of}</td><td class="n">{count(s.count)}</td><td><Label of={s.tlp} /></td><td class="wrap"><Mark quality={q} text={text} /> {s.feed}{s.fault && <small class="block">{s.fault}</small>}</td><td class="do"><button class="small" onClick={() => setShown(s)} aria-label={`${t("sighting.show")}: ${s.id}`}>{t("sighting.show")}</button>{!s.sent && <button class="small" onClick={() => void act(() => send("DELETE", `sightings/${s.id}`).then(list.again))} aria-label={`${t("sighting.back")}: ${s.id}`}>{t("sighting.back")}</button>}</td></tr>; })}</Table> : <p class="soft">{t("sighting.none")}</p>}</Answer>
    {open && <Make close={(done) => { setOpen(false); if (done) list.again(); }} />}{shown && <Dialog title={t("sighting.show")} close={() => setShown(null)}><Goes objects={shown.objects} tlp={shown.tlp} /><div class="buttons"><button onClick={() => setShown(null)}>{t("inventory.close")}</button></div></Dialog>}</section>;
}

// ---- collections ----
function EditCollection({ c, close }: { c?: Collection; close: (done: boolean) => void }) {
  const [name, setName] = useState(""), [title, setTitle] = useState(c?.title ?? ""), [description, setDescription] = useState(c?.description ?? ""), [tlp, setTlp] = useState(c?.tlp ?? "green"), body = { title: title.trim() || null, description: description.trim() || null, tlp };
  return <Confirm title={c ? t("editOf", { name: c.name }) : t("collection.add")} text={t("collection.addText")} word={t("save")} close={close} act={() => (c ? send("PATCH", at(c), body) : send("POST", "collections", { name: name.trim(), ...body }))}>
    {!c && <Text label={t("name")} help={t("collection.nameHelp")} value={name} set={setName} required pattern="[a-z0-9_\-]+" maxLength={63} placeholder="warnings" />}<Text label={t("collection.title")} value={title} set={setTitle} maxLength={200} /><Text label={t("collection.description")} value={description} set={setDescription} maxLength={500} />
    <Choose label={t("collection.tlp")} help={word("tlp", tlp)} value={tlp} set={setTlp} of={tlps.map((k) => [k, `TLP:${k.toUpperCase()}`])} /></Confirm>;
}
function EditMember({ c, m, close }: { c: Collection; m?: Member; close: (done: boolean) => void }) {
  const tokens = useApi<{ tokens: { name: string }[] }>(m ? null : "tokens"), partners = useApi<{ partners: { name: string }[] }>(m ? null : "partners"), [who, setWho] = useState(m?.who ?? ""), [read, setRead] = useState(m?.read ?? true), [write, setWrite] = useState(m?.write ?? false), [amber, setAmber] = useState(m?.amber ?? false);
  const of: [string, string][] = [["", "–"], ...(tokens.data?.tokens ?? []).map((x) => [`token ${x.name}`, t("collection.token", { name: x.name })] as [string, string]), ...(partners.data?.partners ?? []).map((x) => [`partner ${x.name}`, t("collection.partner", { name: x.name })] as [string, string]), ["*", t("collection.everyone")]];
  const check = (label: string, value: boolean, set: (v: boolean) => void) => <label class="check"><input type="checkbox" checked={value} onChange={(e) => set(e.currentTarget.checked)} /> <span>{label}</span></label>;
  return <Confirm title={t(m ? "collection.memberOf" : "collection.allow", { name: c.name })} text={t("collection.allowText")} word={t("save")} close={close} act={async () => { if (!who) throw new Error(t("collection.whoMissing")); await send("PUT", `${at(c)}/members`, { who, read, write, amber }); }}>
    {m ? <p><b>{m.who}</b></p> : <Choose label={t("collection.who")} help={t("collection.whoHelp")} value={who} set={setWho} of={of} />}{check(t("collection.read"), read, setRead)}{check(t("collection.write"), write, setWrite)}{check(t("collection.amber"), amber, setAmber)}{!read && !write && <p class="notice"><span>{t("collection.none_")}</span></p>}</Confirm>;
}
function Publish({ c, close }: { c: Collection; close: (done: boolean) => void }) {
  const [file, setFile] = useState<File | null>(null), [came, setCame] = useState<{ stored: number; known: number; refused: number; failures: { id: string | null; why: string }[] } | null>(null), { act, busy, problem } = useAct();
  const go = (e: Event) => { e.preventDefault(); void act(async () => setCame(await send("POST", "stix", { text: await file!.text(), collection: c.name }))); };
  return <Dialog title={t("collection.put", { name: c.title || c.name })} close={() => close(!!came)}><form onSubmit={go}><p>{t("collection.putText")}</p><Field label={t("file")}><input type="file" required accept=".json" onChange={(e) => { setFile(e.currentTarget.files?.[0] ?? null); setCame(null); }} /></Field>{problem}
    {came && <div role="status"><p><b>{t("collection.came", { stored: count(came.stored), known: count(came.known), refused: count(came.refused) })}</b></p>{came.failures.length > 0 && <ul class="faults">{came.failures.slice(0, 10).map((f, i) => <li key={i} class="theirs">{f.id}: {f.why}</li>)}</ul>}</div>}
    <div class="buttons"><button type="button" onClick={() => close(!!came)}>{t(came ? "inventory.close" : "cancel")}</button><button class="main" disabled={busy || !file}>{t("inventory.take")}</button></div></form></Dialog>;
}
function One({ c, changed }: { c: Collection; changed: () => void }) {
  const [open, setOpen] = useState<"edit" | "allow" | "put" | "remove" | Member | null>(null), owner = may("owner"), close = (done: boolean) => { setOpen(null); if (done) changed(); };
  return <section class="panel" aria-label={c.name}><div class="above"><h2>{c.title || c.name}</h2><Label of={c.tlp} /></div><p class="soft">{c.description && `${c.description} · `}<code>{c.name}</code> · {t("collection.holds", { n: count(c.objects) })} · <code>/taxii2/{c.root}/collections/{c.id}/</code></p>
    {c.members.length ? <Table label={t("collection.members")} head={[t("collection.who"), t("collection.may"), t("collection.out"), t("sessions.used"), ...(owner ? [""] : [])]}>{c.members.map((m) => <tr key={m.who}><td class="wrap"><b>{m.who === "*" ? t("collection.everyone") : m.who}</b></td><td>{[m.read && t("collection.reads"), m.write && t("collection.writes"), m.amber && "AMBER"].filter(Boolean).join(", ")}</td><td class="n">{count(m.objects)}</td><td><Time at={m.last} /></td>{owner && <td class="do"><button class="small" onClick={() => setOpen(m)} aria-label={t("editOf", { name: m.who })}>{t("edit")}</button></td>}</tr>)}</Table> : <p class="soft">{t("collection.nobody")}</p>}
    <div class="buttons left">{owner && <button onClick={() => setOpen("allow")}>{t("collection.allowDo")}</button>}<button onClick={() => setOpen("put")}>{t("collection.putDo")}</button>{owner && <><button onClick={() => setOpen("edit")} aria-label={t("editOf", { name: c.name })}>{t("edit")}</button><button onClick={() => setOpen("remove")} aria-label={t("remove.of", { name: c.name })}>{t("remove")}</button></>}</div>
    {open === "edit" && <EditCollection c={c} close={close} />}{open === "allow" && <EditMember c={c} close={close} />}{open === "put" && <Publish c={c} close={close} />}{open && typeof open === "object" && <EditMember c={c} m={open} close={close} />}
    {open === "remove" && <Confirm title={t("remove.of", { name: c.name })} text={t("collection.removeText")} word={t("remove")} danger act={() => send("DELETE", at(c))} close={close} />}</section>;
}
export function SharingPart() {

  const list = useApi<{ collections: Collection[] }>("collections", 20000), [open, setOpen] = useState(false);
  return <><Sightings /><div class="above part"><h2>{t("collections")}</h2>{may("owner") && <button onClick={() => setOpen(true)}>{t("collection.add")}</button>}</div><p class="soft">{t("collection.text")}</p>
    {list.data && list.error && <Problem error={list.error} />}
    <Answer of={list}>{(d) => d.collections.length ? <div class="panels">{d.collections.map((c) => <One key={c.id} c={c} changed={list.again} />)}</div> : <Empty title={t("collection.noneYet")} />}</Answer>{open && <EditCollection close={(done) => { setOpen(false); if (done) list.again(); }} />}</>;
}
