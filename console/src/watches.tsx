// SPDX-License-Identifier: Apache-2.0
// What is watched by itself, how each of it is, why, and what people say of it.
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { count, number, t, told, word } from "./lang";
import { nameOf } from "./model";
import { replace, route, toAsset, toChart } from "./route";
import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Page, Priority, Problem, Search, Table, Time } from "./ui";
import { type Post, ScoreLine, span24, State, Verdict, type Why, wordsOf } from "./watching";

interface Counts { total: number; learning: number; active: number; frozen: number; stale: number; alarms: number }
interface Watch { name: string; kind: string; match: string; channels: string | null; cycles: string; learn: number; pace: string; shape: boolean; states: string; context: string; priority: string; enabled: boolean; posts: Counts }
interface Said { at: string; verdict: string; user: string | null; comment: string | null; score: number | null }
const SHOWN = 200, priorities = ["low", "medium", "high", "urgent"], kinds = ["signal", "group", "machine"], states = ["", "alarm", "learning", "active", "frozen", "stale"];
const at = (w: Watch) => `watches/${encodeURIComponent(w.name)}`;
const standard = { name: "", kind: "signal", match: "", channels: null, learn: 1000, pace: "1s", shape: false, states: "running", context: "none", priority: "medium" };

function Form({ of, close }: { of: Watch | null; close: (changed: boolean) => void }) {
  const w = of ?? standard, [kind, setKind] = useState(w.kind), [priority, setPriority] = useState(w.priority), [context, setContext] = useState(w.context), [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), say = (k: string) => String(f.get(k) ?? "").trim();
    const body = { ...(of ? {} : { name: say("name"), kind }), match: say("match"), states: say("states"), priority, context, ...(kind === "machine" ? { channels: say("channels") || null } : { learn: Number(say("learn")) }),
      ...(kind === "group" ? { pace: say("pace") } : {}), ...(kind === "signal" ? { shape: f.has("shape") } : {}) };
    setBusy(true);
    try {
      await send(of ? "PATCH" : "POST", of ? at(of) : "watches", body);
      close(true);
    } catch (x) {
      setError(x as Error);
      setBusy(false);
    }
  };
  return <Dialog title={of ? t("editOf", { name: of.name }) : t("watch.add")} close={() => close(false)}><form onSubmit={save}>
    <div class="two"><Field label={t("name")}><input name="name" defaultValue={w.name} readOnly={!!of} required maxLength={127} spellcheck={false} /></Field>
      {of ? <Field label={t("rule.kind")}><input readOnly value={word("watch.kind", kind)} /></Field> : <Choose label={t("rule.kind")} value={kind} set={setKind} of={kinds.map((k) => [k, word("watch.kind", k)])} />}</div>
    <p class="soft">{word("watch.kindHelp", kind)}</p>
    <Field label={t("watch.match")} help={t("watch.matchHelp")}><input name="match" defaultValue={w.match} required spellcheck={false} placeholder={kind === "machine" ? "hall1/**" : "hall1/**/temperature"} /></Field>
    <div class="two"><Field label={t("watch.states")} help={t("watch.statesHelp")}><input name="states" defaultValue={w.states} required spellcheck={false} /></Field>
      {kind === "machine" ? <Field label={t("watch.channels")} help={t("watch.channelsHelp")}><input name="channels" defaultValue={w.channels ?? ""} spellcheck={false} /></Field> : <Field label={t("watch.learn")}><input name="learn" type="number" min={100} max={100000} required defaultValue={String(w.learn)} /></Field>}</div>
    <div class="two"><Choose label={t("alarm.priority")} value={priority} set={setPriority} of={priorities.map((p) => [p, word("priority", p)])} />
      <Choose label={t("watch.context")} value={context} set={setContext} of={["none", "program"].map((c) => [c, word("watch.contextOf", c)])} /></div>
    {kind === "group" && <Field label={t("watch.pace")}><input name="pace" defaultValue={w.pace} required spellcheck={false} /></Field>}
    {kind === "signal" && <label class="check"><input type="checkbox" name="shape" defaultChecked={w.shape} /> <span>{t("watch.shape")} <small>{t("watch.shapeHelp")}</small></span></label>}
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={() => close(false)}>{t("cancel")}</button><button class="main" disabled={busy}>{t("save")}</button></div></form></Dialog>;
}

function Posts() {
  const params = route.use().params, watch = params.get("watch") ?? "", state = params.get("state") ?? "", about = params.get("about") ?? "";
  const set = (change: object) => replace("#/watches?" + query({ watch: watch || undefined, state: state || undefined, about: about || undefined, ...change }));
  const list = useApi<{ posts: Post[]; more: boolean }>("watch-posts?" + query({ watch: watch || undefined, state: state || undefined, about: about || undefined, limit: SHOWN }), 10000);
  return <section class="panel"><h2>{watch ? t("watch.postsOf", { name: watch }) : t("watch.posts")}</h2>
    <div class="filters"><Choose label={t("alarm.which")} value={state} set={(s) => set({ state: s || undefined })} of={states.map((s) => [s, s ? word("watch.filter", s) : t("watch.all")])} />
      <Search label={t("alarm.where")} value={about} placeholder="hall1/**" set={(a) => set({ about: a || undefined })} />{watch && <button onClick={() => set({ watch: undefined })}>{t("watch.allWatches")}</button>}</div>
    <Answer of={list}>{(d) => d.posts.length ? <><Table label={t("watch.posts")} head={[t("watch.about"), t("watch.one"), t("alarm.state"), t("watch.score"), t("alarm.begun"), t("watch.says")]}>
      {d.posts.map((p) => <tr key={p.id}><td><a href={`#/watches/${p.id}`} title={p.about}>{p.about.replaceAll("/", " / ")}</a></td><td>{p.watch}</td><td><State p={p} /></td>
        <td class="n">{p.score === null ? "–" : number(Math.round(p.score * 100) / 100)}</td><td><Time at={p.since} /></td><td>{p.text ? told(p.text) : "–"}</td></tr>)}</Table>
      {d.more && <p class="soft">{t("watch.more", { n: count(SHOWN) })}</p>}</> : <p class="soft">{t("watch.noPosts")}</p>}</Answer></section>;
}
function Watches() {
  const list = useApi<{ watches: Watch[]; lost: number; behind: boolean }>("watches", 10000), [edit, setEdit] = useState<Watch | "new" | null>(null), [remove, setRemove] = useState<Watch | null>(null), [error, setError] = useState<Error | null>(null), engineer = may("engineer");
  const able = (w: Watch) => void send("PATCH", at(w), { enabled: !w.enabled }).then(() => { setError(null); list.again(); }, setError);
  return <Page title={t("watches")} tools={engineer && <button class="main" onClick={() => setEdit("new")}>{t("watch.add")}</button>}>
    <div class="above"><p class="soft">{t("watch.about.text")}</p></div>
    {error && <Problem error={error} />}
    <Answer of={list}>{(d) => !d.watches.length ? <Empty title={t("watch.none")}><p>{t("watch.noneText")}</p></Empty> : <>
      {(d.behind || d.lost > 0) && <p class="notice">{t("watch.lost", { n: count(d.lost) })}</p>}
      <Table label={t("watches")} head={[t("alarm.priority"), t("name"), t("rule.kind"), t("watch.match"), t("watch.how"), ...(engineer ? [""] : [])]}>
        {d.watches.map((w) => <tr key={w.name}><td><Priority of={w.priority} full /></td><td><b><a href={"#/watches?" + query({ watch: w.name })}>{w.name}</a></b></td><td>{word("watch.kind", w.kind)}</td><td>{w.match.split(",").map((m) => <div key={m}><code>{m.trim()}</code></div>)}</td>
          <td>{!w.enabled ? <Mark quality="none" text={t("rule.off")} /> : <span>{w.posts.alarms > 0 && <Mark quality="bad" text={t("watch.alarms", { n: count(w.posts.alarms) })} />}{(["learning", "active", "frozen", "stale"] as const).filter((k) => w.posts[k]).map((k, i) => `${i || w.posts.alarms ? ", " : ""}${count(w.posts[k])} ${word("watch.state", k)}`).join("") || (!w.posts.alarms && t("watch.matchesNothing"))}</span>}</td>
          {engineer && <td class="do"><button class="small" onClick={() => setEdit(w)} aria-label={t("editOf", { name: w.name })}>{t("edit")}</button><button class="small" onClick={() => able(w)} aria-label={`${t(w.enabled ? "disable" : "enable")}: ${w.name}`}>{t(w.enabled ? "disable" : "enable")}</button>
            <button class="small" onClick={() => setRemove(w)} aria-label={t("remove.of", { name: w.name })}>{t("remove")}</button></td>}</tr>)}</Table>
      <Posts /></>}</Answer>
    {edit && <Form of={edit === "new" ? null : edit} close={(changed) => { setEdit(null); if (changed) list.again(); }} />}
    {remove && <Confirm title={t("remove.title", { name: remove.name })} text={t("watch.removeText")} word={t("remove")} danger close={(done) => { setRemove(null); if (done) list.again(); }} act={() => send("DELETE", at(remove))} />}</Page>;
}

function One({ id }: { id: string }) {
  const why = useApi<Why>(`watch-posts/${encodeURIComponent(id)}`, 5000), said = useApi<{ feedback: Said[] }>(`watch-posts/${encodeURIComponent(id)}/feedback`), [from, to] = span24();
  return <Answer of={why}>{(w) => <Page title={nameOf(w.about)} crumbs={<><a href="#/watches">{t("watches")}</a> / <a href={"#/watches?" + query({ watch: w.watch })}>{w.watch}</a></>}
    tools={<>{w.signals.length > 0 && <a class="button" href={toChart(w.signals.slice(0, 8), "-24h")}>{t("chart")}</a>}<Verdict p={w} changed={() => { why.again(); said.again(); }} /></>}>
    <p>{w.about.replaceAll("/", " / ")} · <State p={w} />{w.since && <> · {t("since")} <Time at={w.since} /></>}</p>
    <section class="panel"><h2>{t("watch.lastDay")}</h2><ScoreLine post={w} from={from} to={to} /><p>{wordsOf(w)}</p>{w.drifts && <p>{t("watch.drifts")}</p>}</section>
    {w.reasons.length > 0 && <section class="panel"><h2>{t("watch.why")}</h2><Table label={t("watch.why")} head={[t("watch.about"), t("watch.share"), t("watch.actual"), t("watch.expected")]}>
      {w.reasons.map((r) => <tr key={r.signal}><td><a href={toChart([r.signal], "-24h")} title={r.signal}>{r.signal.replaceAll("/", " / ")}</a></td><td class="n">{Math.round(r.share * 100)} %</td><td class="n">{number(r.actual)} {r.unit}</td><td class="n">{number(r.expected)} {r.unit}</td></tr>)}</Table></section>}
    <section class="panel"><h2>{t("watch.memory")}</h2><dl class="plate"><div><dt>{t("watch.learntAt")}</dt><dd>{w.learntAt ? <><Time at={w.learntAt} />{w.learntFrom && `, ${word("watch.from", w.learntFrom)}`}</> : t("watch.learning", { n: count(w.learnt), of: count(w.learn) })}</dd></div>
      <div><dt>{t("watch.values")}</dt><dd>{count(w.values)}</dd></div>{w.machine !== null && <div><dt>{t("oee.machine")}</dt><dd><a href={toAsset(w.machine)}>{w.machine.replaceAll("/", " / ")}</a>{w.machineState && `, ${word("state", w.machineState)}`}{w.program && `, ${w.program}`}</dd></div>}
      {w.relearns && <div><dt>{t("watch.relearns")}</dt><dd>{w.relearns}</dd></div>}</dl></section>
    <Answer of={said}>{(d) => d.feedback.length ? <section class="panel"><h2>{t("watch.said")}</h2><Table label={t("watch.said")} head={[t("watch.at"), t("watch.verdict"), t("login.user"), t("alarm.comment")]}>
      {d.feedback.map((f) => <tr key={f.at}><td><Time at={f.at} /></td><td>{word("watch.verdict", f.verdict)}</td><td>{f.user ?? "–"}</td><td>{f.comment ?? "–"}</td></tr>)}</Table></section> : null}</Answer></Page>}</Answer>;
}
export function WatchesPage() {
  const { rest } = route.use();
  return rest ? <One id={rest} /> : <Watches />;
}
