// SPDX-License-Identifier: Apache-2.0
// What was seen here that others warn of, what was seen at all, and where the node looks.
import { useState } from "preact/hooks";
import { api, may, query, send, useApi } from "./api";
import { blank, Saver, Text, useAct } from "./form";
import { count, t, told, word } from "./lang";
import "./lang/shield";
import { go, replace, route, toAsset } from "./route";
import { Goes, Label } from "./sharing";
import { Answer, Choose, Confirm, Empty, Field, Mark, Problem, Search, Table, Time } from "./ui";

interface Hit { id: number; indicator: string; name: string | null; description: string | null; source: string | null; tlp: string; thing: string; kind: string; what: string; asset: string | null; count: number; first: string; last: string; alarm: number | null; ignored: boolean; comment: string | null; who: string | null; sighting: { id: number; state: "prepared" | "waits" | "sent" | "refused"; feed: string | null; fault: string | null } | null }
interface Seen { id: number; first: string; last: string; count: number; kind: string; source: string; from: string | null; fromPort: number | null; to: string | null; toPort: number | null; protocol: string | null; user: string | null; coupling: string | null; partner: string | null; asset: string | null; domain: string | null; url: string | null; subject: string | null; detail: string | null; hits: number }
interface Observed { observations: Seen[]; next: number | null; counts: { seen: number; lost: number; kinds: Record<string, number> }; watch: { indicators: number; notStix: number; unreadable: number; tooMany: number; setAside: number }; inputs: { kind: string; at: string; events: number; bad: number; fault: string | null }[] }
interface Looks { watch: boolean; sightings: string; feed: string | null; eve: string | null; syslogFile: string | null; syslog: string | null }

interface Sources { feeds: { name: string; kind: string; settings: { post?: string; share?: string } }[] }
/** Those that take sightings. */
const taking = (s: Sources | null) => s?.feeds.filter((f) => (f.kind === "taxii" && f.settings.post) || (f.kind === "misp-server" && f.settings.share)).map((f) => f.name) ?? [];
/** Word for word what a prepared sighting says, before a person lets it go. */
function Tell({ h, close }: { h: Hit; close: (done: boolean) => void }) {
  const s = useApi<{ sightings: { id: number; tlp: string; objects: any[] }[] }>("sightings"), feeds = useApi<Sources>("feeds"), to = taking(feeds.data), [feed, setFeed] = useState(h.sighting!.feed ?? ""), mine = s.data?.sightings.find((x) => x.id === h.sighting!.id), into = feed || to[0] || "";
  return <Confirm title={t("hits.tellTitle")} text={t("hits.tellText")} word={t("sighting.send")} close={close} act={async () => { if (!into) throw new Error(t("sighting.noPost")); await send("POST", `sightings/${h.sighting!.id}/send`, { feed: into }); }}>
    {mine && <Goes objects={mine.objects} tlp={mine.tlp} name={h.name} />}{to.length ? <Choose label={t("sighting.to")} value={into} set={setFeed} of={to.map((f) => [f, f])} /> : feeds.data && <p class="notice"><span>{t("sighting.noPost")}</span></p>}</Confirm>;
}
function One({ h, changed }: { h: Hit; changed: () => void }) {
  const [open, setOpen] = useState<"ignore" | "tell" | null>(null), [why, setWhy] = useState(""), { act, busy, problem } = useAct(), engineer = may("engineer"), s = h.sighting, close = (done: boolean) => { setOpen(null); if (done) changed(); };
  const incident = () => act(async () => go(`#/security/incident/${(await send<{ id: number }>("POST", "incidents", { ...(h.alarm ? { alarms: [h.alarm] } : {}), title: h.name ?? h.what, what: h.what, category: "intrusion" })).id}`));
  return <li class={`finding ${h.ignored ? "low" : h.alarm ? "urgent" : "medium"}`}><div class="row"><h3>{h.name ?? h.indicator}</h3><Label of={h.tlp} />{h.ignored ? <Mark quality="none" text={t("hits.ignored")} /> : h.alarm !== null && <a href="#/alarms"><Mark quality="bad" text={t("alarms.one")} /></a>}</div>
    <p><b>{told(h.what)}</b>{h.asset && <> · <a href={toAsset(h.asset)}>{h.asset}</a></>}</p>{h.description && <p class="theirs">{h.description}</p>}
    <p class="soft">{t("hits.times", { n: count(h.count) })} <Time at={h.last} /> · {t("hits.from")} {h.source ?? "–"}{h.comment && ` · “${h.comment}”, ${h.who ?? ""}`}</p>
    {s && s.state !== "prepared" && <p><Mark quality={s.state === "sent" ? "good" : s.state === "waits" ? "uncertain" : "bad"} text={t(s.state === "sent" ? "hits.told" : s.state === "waits" ? "hits.waits" : "hits.refused", { feed: s.feed ?? "" })} />{s.fault && ` ${told(s.fault)}`}</p>}{problem}
    {engineer && <div class="buttons left">{s?.state === "prepared" && <button class="main" onClick={() => setOpen("tell")}>{s.feed ? t("hits.tell", { feed: s.feed }) : t("hits.tellChoose")}</button>}{!h.ignored && <button disabled={busy} onClick={() => void incident()}>{t("hits.incident")}</button>}
      {h.ignored ? <button disabled={busy} onClick={() => void act(() => send("PATCH", `hits/${h.id}`, { ignored: false, comment: null }).then(changed))}>{t("hits.watch")}</button> : <button onClick={() => setOpen("ignore")}>{t("hits.ignore")}</button>}</div>}
    {open === "tell" && <Tell h={h} close={close} />}{open === "ignore" && <Confirm title={t("hits.ignoreTitle")} text={t("hits.ignoreText")} word={t("hits.ignored")} act={() => send("PATCH", `hits/${h.id}`, { ignored: true, comment: why.trim() || null })} close={close}><Text label={t("partners.reason")} value={why} set={setWhy} required maxLength={200} /></Confirm>}</li>;
}
function Inputs({ of }: { of: Observed["inputs"] }) {
  const d = useApi<Looks>("observations/settings"), feeds = useApi<Sources>("feeds"), [c, setC] = useState<Partial<Looks>>({}), [done, setDone] = useState(false), { act, busy, problem } = useAct(), owner = may("owner");
  return <section class="panel"><h2>{t("inputs.head")}</h2><p class="soft">{t("inputs.text")}</p>{of.length > 0 && <ul class="faults">{of.map((i) => <li key={i.kind + i.at} class="theirs"><b>{i.at}</b>: {t("inputs.events", { n: count(i.events) })}{i.bad > 0 && `, ${t("inputs.bad", { n: count(i.bad) })}`}{i.fault && <span class="error"> {told(i.fault)}</span>}</li>)}</ul>}
    <Answer of={d}>{(s) => { const x = { ...s, ...c }, put = (y: Partial<Looks>) => { setC({ ...c, ...y }); setDone(false); }; return <form onSubmit={(e) => { e.preventDefault(); void act(() => send("PUT", "observations/settings", { ...x, eve: blank(x.eve), syslogFile: blank(x.syslogFile), syslog: blank(x.syslog) }).then(() => { setC({}); setDone(true); d.again(); })); }}>
      <label class="check"><input type="checkbox" disabled={!owner} checked={x.watch} onChange={(e) => put({ watch: e.currentTarget.checked })} /> <span>{t("inputs.watch")}</span></label><div class="two"><Choose label={t("inputs.sightings")} value={x.sightings} set={(v) => put({ sightings: v })} of={["ask", "send", "off"].map((k) => [k, word("inputs", k)])} />
        <Choose label={t("inputs.feed")} value={x.feed ?? ""} set={(v) => put({ feed: blank(v) })} of={[["", t("inputs.source")], ...[...new Set([...taking(feeds.data), ...(x.feed ? [x.feed] : [])])].map((f) => [f, f] as [string, string])]} />
        <Text label={t("inputs.eve")} value={x.eve} set={(eve) => put({ eve })} placeholder="/var/log/suricata/eve.json" /><Text label={t("inputs.syslogFile")} value={x.syslogFile} set={(syslogFile) => put({ syslogFile })} placeholder="/var/log/messages" /><Text label={t("inputs.syslog")} help={t("inputs.syslogHelp")} value={x.syslog} set={(syslog) => put({ syslog })} /></div>
      {problem}{owner && <Saver busy={busy} dirty={Object.keys(c).length > 0} done={done} back={() => setC({})} />}</form>; }}</Answer></section>;
}
const ends = (a: string | null, port: number | null) => (a ? `${a}${port ? `:${port}` : ""}` : "");
function Observations({ first, again }: { first: Observed; again: () => void }) {
  const [more, setMore] = useState<Seen[]>([]), [next, setNext] = useState(first.next), { act, busy, problem } = useAct(), q = route.use().params, all = [...first.observations, ...more];
  const older = () => act(async () => { const r = await api<Observed>(`observations?${query({ kind: q.get("kind") ?? undefined, address: q.get("address") ?? undefined, after: next!, limit: 100 })}`); setMore([...more, ...r.observations]); setNext(r.next); });
  if (!all.length) return <p class="soft">{t("observations.none")}</p>;
  return <>{problem}<Table label={t("observations")} head={[t("time"), t("observations.kind"), t("hits.what"), t("observations.address"), t("sighting.count"), t("hits")]}>{all.map((o) => <tr key={o.id}><td><Time at={o.last} /></td><td>{word("seen", o.kind)}</td><td class="wrap theirs">{o.subject ?? (o.detail && told(o.detail)) ?? o.user ?? o.domain ?? o.url ?? o.coupling ?? "–"}{o.asset && <small class="block">{o.asset}</small>}</td><td class="wrap">{[ends(o.from, o.fromPort), ends(o.to, o.toPort)].filter(Boolean).join(" → ") || "–"}{(o.protocol || o.to) && <small class="block">{[o.protocol, o.to && (o.subject ?? o.detail) && o.domain].filter(Boolean).join(" · ")}</small>}</td><td class="n">{count(o.count)}</td><td class="n">{o.hits || ""}</td></tr>)}</Table>
    <div class="buttons left">{next !== null && <button disabled={busy} onClick={() => void older()}>{t("older")}</button>}<button onClick={again}>{t("folder.again")}</button></div></>;
}
export function HitsPart() {
  const r = route.use(), kind = r.params.get("kind") ?? undefined, address = r.params.get("address") ?? undefined, hits = useApi<{ hits: Hit[] }>("hits", 10000), engineer = may("engineer"), seen = useApi<Observed>(engineer ? `observations?${query({ kind, address, limit: 100 })}` : null), put = (q: Record<string, string | undefined>) => replace(`#/security/hits?${query({ kind, address, ...q })}`);
  const w = seen.data?.watch, blind = w ? w.notStix + w.unreadable + w.tooMany + w.setAside : 0;
  return <><p class="soft">{t("hits.text")}</p>{w && <p>{w.indicators ? t("hits.watched", { n: count(w.indicators), seen: count(seen.data!.counts.seen) }) : t("hits.off")} {blind > 0 && <small>{t("hits.notWatched", { n: count(blind) })}</small>}</p>}{!!seen.data?.counts.lost && <p class="notice bad"><span>{t("hits.lost", { n: count(seen.data.counts.lost) })}</span></p>}
    {hits.data && hits.error && <Problem error={hits.error} />}<Answer of={hits}>{(d) => d.hits.length ? <section class="panel"><ul class="findings">{d.hits.map((h) => <One key={h.id} h={h} changed={hits.again} />)}</ul></section> : <Empty title={t("hits.none")}><p>{t("hits.noneText")}</p></Empty>}</Answer>
    {engineer && <><section class="panel"><h2>{t("observations")}</h2><div class="filters"><Field label={t("observations.kind")}><select value={kind ?? ""} onChange={(e) => put({ kind: e.currentTarget.value || undefined })}><option value="">{t("findings.all")}</option>{Object.keys(seen.data?.counts.kinds ?? {}).map((k) => <option key={k} value={k} selected={k === kind}>{word("seen", k)}</option>)}</select></Field><Search label={t("observations.address")} value={address ?? ""} set={(a) => put({ address: a || undefined })} /></div>
      <Answer of={seen}>{(d) => <Observations key={JSON.stringify([kind, address, d.observations[0]?.id])} first={d} again={seen.again} />}</Answer></section>
      <Inputs of={seen.data?.inputs ?? []} /></>}</>;
}
