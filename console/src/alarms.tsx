// SPDX-License-Identifier: Apache-2.0
// What needs a person now, and what did: alarms after ISA-18.2.
import { useEffect, useMemo, useState } from "preact/hooks";
import { api, may, query, send, useApi, usePages } from "./api";
import { clock, count, number, span, t, told, word } from "./lang";
import { now, status, watch } from "./live";
import { Delivery } from "./delivery";
import { type Alarm, type Interval, nameOf, numeric, type Signal } from "./model";
import { go, replace, route, toAsset } from "./route";
import { Rules } from "./rules";
import { Answer, Choose, Confirm, Empty, Field, Page, Priority, Problem, Search, Table, Tabs, Time, useTick } from "./ui";

interface List { alarms: Alarm[]; counts: { unacknowledged: number; active: number; shelved: number }; more: boolean }
const SHOWN = 200;
const unseen = (a: Alarm) => a.state === "unacknowledged" || a.state === "returned";
const place = (a: Alarm) => (a.asset === null ? t("removed") : a.asset === "" ? status.get()?.node ?? t("node") : a.asset.replaceAll("/", " / "));

/** The signal it is about, or those of its machine that say most, around the time it lasted. */
async function toChartOf(a: Alarm) {
  const begin = Date.parse(a.since), end = a.until ? Date.parse(a.until) : now(), room = Math.max(5 * 60e3, (end - begin) / 2);
  const near = await api<{ intervals: Interval[] }>("intervals?" + query({ path: a.asset!, kind: "alarm", from: a.since, to: new Date(begin + 1000).toISOString(), limit: 1000 }));
  let signal: string[] = [near.intervals.find((i) => i.id === a.id)?.attributes.signal].filter(Boolean);
  if (!signal.length && a.asset) {
    const { signals } = await api<{ signals: Signal[] }>("signals?" + query({ match: a.asset.replace(/[,*?]/g, "?"), limit: 200 }));
    signal = signals.filter((s) => numeric(s) && s.stored && !s.enums).sort((x, y) => Number(!!y.role) - Number(!!x.role)).slice(0, 3).map((s) => s.path);
  }
  if (!signal.length) return go(a.asset ? toAsset(a.asset) : "#/settings");
  const at = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
  go(`#/chart?${signal.map((s) => "s=" + encodeURIComponent(s)).join("&")}&from=${at(begin - room)}&to=${at(Math.min(now(), end + room))}`);
}

/** The one that is reminded of, or a new one of it. */
async function toIncident(a: Alarm) {
  const due = /^incident (\d+):/.exec(a.text)?.[1];
  go(`#/security/incident/${due ?? (await send<{ id: number }>("POST", "incidents", { alarms: [a.id] })).id}`);
}

// ---- what people do ----
const act = (a: Alarm, what: string, body?: object) => send("POST", `alarms/${a.id}/${what}`, body);
/** Many one after another: what fails is said, the others are done. */
async function each(list: Alarm[], f: (a: Alarm) => Promise<unknown>, told: (n: number) => void) {
  let n = 0, failed: Error | null = null, of = 0;
  for (const a of list) {
    await f(a).catch((e) => ((failed = e), of++));
    told(++n);
  }
  if (failed) throw new Error(list.length > 1 ? t("alarm.someFailed", { n: count(of), why: (failed as Error).message }) : (failed as Error).message);
}
function Acknowledge({ list, close }: { list: Alarm[]; close: () => void }) {
  const [comment, setComment] = useState(""), [done, setDone] = useState(0), one = list.length === 1;
  return <Confirm title={one ? t("alarm.ack.one") : t("alarm.ack.all", { n: count(list.length) })} text={one ? `${place(list[0])}: ${told(list[0].text)}` : t("alarm.ack.allText")} word={t("alarm.ack")} close={close}
    act={() => each(list, (a) => act(a, "acknowledge", { comment: comment.trim() || null }), setDone)}>
    <Field label={t("alarm.comment")}><input value={comment} maxLength={200} placeholder={t("alarm.commentHint")} onInput={(e) => setComment(e.currentTarget.value)} /></Field>
    {done > 0 && !one && <p><progress max={list.length} value={done} aria-label={t("alarm.ack")} /></p>}</Confirm>;
}
const spans: [string, number][] = [["30m", 1800], ["1h", 3600], ["4h", 14400], ["8h", 28800], ["24h", 86400], ["168h", 604800]];
function Shelve({ a, close }: { a: Alarm; close: () => void }) {
  const [how, setHow] = useState("8h"), [until, setUntil] = useState(""), [reason, setReason] = useState("");
  return <Confirm title={t("alarm.shelve.title")} text={`${place(a)}: ${told(a.text)}`} word={t("alarm.shelve")} close={close} act={() => act(a, "shelve", { ...(how === "until" ? { until: new Date(until).toISOString() } : { for: how }), reason: reason.trim() })}>
    <p class="soft">{t("alarm.shelve.text")}</p>
    <Choose label={t("alarm.shelve.for")} value={how} set={setHow} of={[...spans.map(([k, s]) => [k, span(s)] as [string, string]), ["until", t("alarm.shelve.until")]]} />
    {how === "until" && <Field label={t("until")}><input type="datetime-local" required value={until} onInput={(e) => setUntil(e.currentTarget.value)} /></Field>}
    <Field label={t("alarm.reason")}><input required value={reason} maxLength={200} placeholder={t("alarm.reasonHint")} onInput={(e) => setReason(e.currentTarget.value)} /></Field></Confirm>;
}

function Facts({ a }: { a: Alarm }) {
  const list = [<span>{t(a.active ? "since" : "alarm.was")} <Time at={a.since} />{a.active ? ` (${span((now() - Date.parse(a.since)) / 1000)})` : a.until ? <> – <Time at={a.until} /></> : null}</span>];
  if (a.value !== null) list.push(<span>{t("value")} {number(a.value)}{a.limit !== null && `, ${t("alarm.limit")} ${number(a.limit)}`}</span>);
  if (a.count > 1) list.push(<span>{t("alarm.times", { n: count(a.count) })}</span>);
  if (a.rule) list.push(<span>{t("alarm.rule")} <a href={`#/alarms/rules?rule=${encodeURIComponent(a.rule)}`}>{a.rule}</a></span>);
  else list.push(a.source === "security" ? <a href="#/security">{t("alarm.bySecurity")}</a> : <span>{t(a.source === "machine" ? "alarm.byMachine" : "alarm.byNode")}</span>);
  if (a.shelvedUntil) list.push(<span>{t("alarm.shelvedUntil")} <Time at={a.shelvedUntil} /></span>);
  if (a.acknowledgedBy) list.push(<span>{t("alarm.ackBy", { name: a.acknowledgedBy })} <Time at={a.acknowledgedAt} /></span>);
  if (a.comment) list.push(<span>“{a.comment}”</span>);
  return <p class="facts soft">{list}</p>;
}
function Row({ a, together, acknowledge, shelve, changed }: { a: Alarm; together: boolean; acknowledge: () => void; shelve: () => void; changed: () => void }) {
  const [error, setError] = useState<Error | null>(null), quick = (what: string) => void act(a, what).then(changed, setError), operator = may("operator");
  return <li class={`alarm ${a.priority}${unseen(a) ? " unseen" : ""}${a.active ? "" : " over"}`}>
    <Priority of={a.priority} full={unseen(a)} />
    <div class="what"><p class="text">{a.firstOut && together && <span class="tag" title={t("alarm.firstHelp")}>{t("alarm.first")}</span>}<b>{told(a.text)}</b></p><Facts a={a} />{error && <Problem error={error} />}</div>
    <span class={`life ${a.state}`}>{word("life", a.state)}</span>
    <div class="act">{operator && unseen(a) && <button class="main" onClick={acknowledge}>{t("alarm.ack")}</button>}
      {operator && (unseen(a) || a.state === "acknowledged") && <button onClick={shelve}>{t("alarm.shelve")}</button>}
      {operator && a.state === "shelved" && <button onClick={() => quick("unshelve")}>{t("alarm.unshelve")}</button>}
      {operator && a.state === "suppressed" && <button onClick={() => quick("unsuppress")}>{t("alarm.unsuppress")}</button>}
      {a.asset !== null && <button onClick={() => void toChartOf(a).catch(setError)} aria-label={t("alarm.chartOf", { text: told(a.text) })}>{t("chart")}</button>}
      {may("engineer") && <button onClick={() => void toIncident(a).catch(setError)} aria-label={t("alarm.incidentOf", { text: told(a.text) })}>{t("alarm.incident")}</button>}</div>
  </li>;
}

const which = ["open", "unacknowledged", "shelved", "suppressed"];
function Filter({ state, asset }: { state: string; asset: string }) {
  const set = (s: string, a: string) => replace(`#/alarms?${query({ state: s === "open" ? undefined : s, asset: a || undefined })}`);
  return <div class="filters"><Choose label={t("alarm.which")} value={state} set={(s) => set(s, asset)} of={which.map((w) => [w, word("which", w)])} />
    <Search label={t("alarm.where")} value={asset} placeholder="hall1/**" set={(a) => set(state, a)} /></div>;
}
/** Asks again soon after an alarm has changed: in a flood not for each of them. */
function useChanges(again: () => void) {
  useEffect(() => {
    let timer = 0;
    const stop = watch(() => (timer ||= window.setTimeout(() => ((timer = 0), again()), 250)));
    return () => (stop(), clearTimeout(timer));
  }, []);
}
function Now() {
  const p = route.use().params, asked = p.get("state") ?? "open", state = which.includes(asked) ? asked : "open", asset = p.get("asset") ?? "";
  const list = useApi<List>("alarms?" + query({ state, asset: asset || undefined, limit: SHOWN }), 15000);
  const [ack, setAck] = useState<Alarm[] | null>(null), [shelve, setShelve] = useState<Alarm | null>(null);
  useChanges(list.again);
  useTick(10000);
  const groups = useMemo(() => {
    const by = new Map<number, Alarm[]>();
    for (const a of list.data?.alarms ?? []) by.set(a.group, [...(by.get(a.group) ?? []), a]);
    for (const l of by.values()) l.sort((x, y) => Number(y.firstOut) - Number(x.firstOut) || Date.parse(x.since) - Date.parse(y.since));
    return [...by.values()].sort((x, y) => Number(y.some(unseen)) - Number(x.some(unseen)) || Math.max(...y.map((a) => a.id)) - Math.max(...x.map((a) => a.id)));
  }, [list.data]);
  const todo = groups.flat().filter(unseen);
  const done = () => {
    setAck(null);
    setShelve(null);
    list.again();
  };
  return <><div class="above"><Filter state={state} asset={asset} />{may("operator") && todo.length > 1 && <button onClick={() => setAck(todo)}>{t("alarm.ackShown", { n: count(todo.length) })}</button>}</div>
    <Answer of={list}>{({ counts: n, more }) => <>
      <p class="soft" role="status">{t("alarm.counts", { n: count(n.unacknowledged), active: count(n.active), shelved: count(n.shelved) })}{more ? ` ${t("alarm.more", { n: count(SHOWN) })}` : ""}</p>
      {groups.map((g) => <section class="alarms" key={g[0].group} aria-label={place(g[0])}><h2>{g[0].asset ? <a href={toAsset(g[0].asset)}>{place(g[0])}</a> : place(g[0])} <span class="soft"><Time at={g[0].since} />{g.length > 1 ? ` · ${t("alarm.together", { n: count(g.length) })}` : ""}</span></h2>
        <ul>{g.map((a) => <Row key={a.id} a={a} together={g.length > 1} acknowledge={() => setAck([a])} shelve={() => setShelve(a)} changed={list.again} />)}</ul></section>)}
      {!groups.length && (state === "open" && !asset ? <Empty title={t("alarm.none")}><p>{t("alarm.noneText")}</p>{may("engineer") && <p><a class="button" href="#/alarms/rules">{t("alarm.rules")}</a></p>}</Empty> : <Empty title={t("alarm.noneSuch")} />)}</>}</Answer>
    {ack && <Acknowledge list={ack} close={done} />}
    {shelve && <Shelve a={shelve} close={done} />}</>;
}

const back = ["-24h", "-7d", "-30d", "-365d", ""];
function History() {
  const p = route.use().params, from = p.get("from") ?? "-7d", asset = p.get("asset") ?? "", [chart, setChart] = useState<Error | null>(null);
  const set = (f: string, a: string) => replace(`#/alarms/history?${query({ from: f, asset: a || undefined })}`);
  const list = usePages<Alarm>("alarms?" + query({ state: "all", from: from || undefined, asset: asset || undefined, limit: 100 }), (d: List) => d.alarms, (a) => a.id);
  return <><div class="filters"><Choose label={t("chart.period")} value={from} set={(f) => set(f, asset)} of={back.map((b) => [b, b ? t("lastSpan", { span: span(b === "-24h" ? 86400 : parseInt(b.slice(1)) * 86400) }) : t("always")])} />
    <Search label={t("alarm.where")} value={asset} placeholder="hall1/**" set={(a) => set(from, a)} /></div>
    {(chart ?? (list.data && list.error)) && <Problem error={(chart ?? list.error)!} />}
    <Answer of={list}>{(l) => l.length ? <><Table label={t("alarm.history")} head={[t("alarm.priority"), t("alarms.one"), t("alarm.where"), t("alarm.begun"), t("alarm.lasted"), t("alarm.state"), t("alarm.seenBy"), ""]}>
      {l.map((a) => <tr key={a.id}><td><Priority of={a.priority} full={unseen(a)} /></td><td>{told(a.text)}{a.count > 1 && <small> {t("alarm.times", { n: count(a.count) })}</small>}</td><td>{a.asset ? <a href={toAsset(a.asset)} title={a.asset}>{nameOf(a.asset)}</a> : place(a)}</td>
        <td><Time at={a.since} /></td><td class="n">{a.until ? span((Date.parse(a.until) - Date.parse(a.since)) / 1000) : a.active ? t("now") : "–"}</td><td><span class={`life ${a.state}`}>{word("life", a.state)}</span></td>
        <td title={a.acknowledgedAt ? clock(a.acknowledgedAt) : undefined}>{a.acknowledgedBy ?? "–"}{a.comment && <small> “{a.comment}”</small>}</td><td>{a.asset !== null && <button class="small" onClick={() => void toChartOf(a).catch(setChart)} aria-label={t("alarm.chartOf", { text: told(a.text) })}>{t("chart")}</button>}</td></tr>)}</Table>
      <div class="buttons left">{list.more ? <button disabled={list.busy} onClick={list.older}>{t("older")}</button> : <span class="soft">{t("alarm.end", { n: count(l.length) })}</span>}</div></> : <Empty title={t("alarm.noneSuch")} />}</Answer></>;
}

export function AlarmsPage() {
  const { rest } = route.use(), all: [string, string][] = [["", t("alarm.now")], ["history", t("alarm.history")], ["rules", t("alarm.rules")], ...(may("engineer") ? [["delivery", t("delivery")] as [string, string]] : [])];
  const at = all.some(([k]) => k === rest) ? rest : "";
  return <Page title={t("alarms")}><Tabs label={t("alarms")} at={at} of={all.map(([k, n]) => [k, n, `#/alarms${k && "/" + k}`])} />
    {at === "history" ? <History /> : at === "rules" ? <Rules /> : at === "delivery" ? <Delivery /> : <Now />}</Page>;
}
