// SPDX-License-Identifier: Apache-2.0
// One thing that is watched: how unusual it was, and why, in words.
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { clock, count, number, t, told, word } from "./lang";
import { now } from "./live";
import { nameOf } from "./model";
import { Confirm, Field, Mark, Problem } from "./ui";

export interface Post {
  id: number; watch: string; kind: string; about: string; signals: string[]; state: string; reason: string | null; score: number | null; limit: number;
  alarm: boolean; trouble: string | null; overdue: boolean; since: string | null; learnt: number; learn: number; text: string | null; at: string | null;
}
export interface Why extends Post {
  reasons: { signal: string; share: number; actual: number; expected: number; unit: string | null }[]; drifts: boolean; finding: string | null; part: number | null; actual: number | null; expected: number | null;
  machine: string | null; machineState: string | null; program: string | null; values: number; learntFrom: string | null; learntAt: string | null; relearns: string | null; alarms: number[];
}
interface Series { step: number; points: [string, number | null, boolean][] }

/** In the reader's language, from what the node knows; else as the node says it. */
export function wordsOf(w: Why): string {
  if (w.trouble) return t("watch.says.trouble", { name: nameOf(w.about), what: word("watch.trouble", w.trouble) });
  if (w.state === "learning") return t("watch.says.learning", { n: number(w.learnt), of: number(w.learn) });
  if (w.overdue) return t("watch.says.overdue");
  if (w.finding && w.actual !== null && w.expected !== null) return t("watch.says.cycle", { what: word("watch.finding", w.finding), actual: number(round(w.actual)), expected: number(round(w.expected)) });
  const list = w.reasons.slice(0, 3).map((r) => t("watch.says.one", { name: nameOf(r.signal), actual: `${number(round(r.actual))}${r.unit ? " " + r.unit : ""}`, expected: `${number(round(r.expected))}${r.unit ? " " + r.unit : ""}` }));
  return list.length ? list.join("; ") : told(w.text ?? "") || t(w.alarm ? "watch.says.waits" : "watch.says.nothing");
}
const round = (x: number) => Number(x.toPrecision(4));
/** The last day, up to now, in whole minutes so that it is not asked anew with each drawing. */
export const span24 = (): [number, number] => {
  const end = Math.ceil(now() / 60e3) * 60e3;
  return [end - 86400e3, end];
};

/** The highest score of each step below the limit's line; stretches in alarm are shaded. */
export function ScoreLine({ post, from, to, edges }: { post: Post; from: number; to: number; edges?: [number, number] }) {
  const oldest = Math.max(from, now() - 86400e3), asked = to > oldest, time = (x: number) => new Date(Math.round(x / 60e3) * 60e3).toISOString();
  const got = useApi<Series>(asked ? `watch-posts/${post.id}/score?` + query({ from: time(oldest), to: time(to) }) : null, 30000);
  const x = (at: number) => ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * 1000, y = (s: number) => 60 - s * 58, step = got.data?.step ?? 0;
  let line = "", before = -Infinity;
  const alarms: [number, number][] = [];
  for (const [text, score, alarm] of got.data?.points ?? []) {
    const at = Date.parse(text);
    if (score !== null) line += `${at > before + step * 1.5 ? "M" : "L"}${x(at).toFixed(1)} ${y(score).toFixed(1)}H${x(at + step).toFixed(1)}`;
    if (score !== null) before = at;
    if (alarm && alarms.length && alarms[alarms.length - 1][1] >= at) alarms[alarms.length - 1][1] = at + step;
    else if (alarm) alarms.push([at, at + step]);
  }
  if (got.error) return <Problem error={got.error} />;
  return <div class={edges ? "score under" : "score"} style={edges && { "--left": `${edges[0] + 9}px`, "--right": `${edges[1] + 9}px` }}>
    <svg viewBox="0 0 1000 60" preserveAspectRatio="none" role="img" aria-label={t("watch.scoreLine", { name: post.about, n: String(alarms.length) })}>
      {alarms.map(([a, b]) => <rect key={a} class="alarmed" x={x(a)} width={Math.max(1.5, x(b) - x(a))} y="0" height="60"><title>{`${t("alarms.one")}\n${clock(a)} – ${clock(b)}`}</title></rect>)}
      <line class="limit" x1="0" x2="1000" y1={y(post.limit)} y2={y(post.limit)} vector-effect="non-scaling-stroke" /><path d={line} vector-effect="non-scaling-stroke" /></svg>
    {got.data && !got.data.points.length && <p class="soft">{t("watch.noScore")}</p>}</div>;
}

/** How a post is, in a word, with a colour of its own. */
export function State({ p }: { p: Post }) {
  return p.alarm ? <Mark quality="bad" text={t("alarms.one")} /> : p.trouble ? <Mark quality="uncertain" text={word("watch.trouble", p.trouble)} />
    : <Mark quality={p.state === "active" ? "good" : "none"} text={[p.state === "learning" ? t("watch.learning", { n: count(p.learnt), of: count(p.learn) }) : word("watch.state", p.state), p.reason && word("watch.reason", p.reason)].filter(Boolean).join(", ")} />;
}
/** Says that what it sees is normal, or a fault. */
export function Verdict({ p, changed }: { p: Post; changed: () => void }) {
  const [ask, setAsk] = useState<"normal" | "fault" | null>(null), [comment, setComment] = useState("");
  if (!may("operator") || p.state === "learning") return null;
  return <>{(["normal", "fault"] as const).map((v) => <button key={v} onClick={() => setAsk(v)} aria-label={`${word("watch.verdict", v)}: ${p.about}`}>{word("watch.verdict", v)}</button>)}
    {ask && <Confirm title={word("watch.ask", ask)} text={word("watch.askText", ask)} word={word("watch.verdict", ask)} close={(done) => { setAsk(null); if (done) changed(); }} act={() => send("POST", `watch-posts/${p.id}/feedback`, { verdict: ask, comment: comment.trim() || undefined })}>
      <Field label={t("alarm.comment")}><input value={comment} maxLength={200} onInput={(e) => setComment(e.currentTarget.value)} /></Field></Confirm>}</>;
}

/** Below a chart: each thing that looks at its signals, over the time of the chart; what nobody looks at can be watched. */
function Line({ post, from, to, edges, again }: { post: Post; from: number; to: number; edges: [number, number]; again: () => void }) {
  const why = useApi<Why>(post.alarm || post.trouble ? `watch-posts/${post.id}` : null, 10000);
  return <><div class="watching"><p><a href={`#/watches/${post.id}`}>{t("watch.one")} {post.watch}</a> <State p={post} />{post.since && <span class="soft"> {t("since")} {clock(post.since)}</span>} {why.data ? wordsOf(why.data) : ""}</p><Verdict p={post} changed={again} /></div>
    {post.state !== "learning" && <ScoreLine post={post} from={from} to={to} edges={edges} />}</>;
}
export function OfSignal({ path, from, to, edges }: { path: string; from: number; to: number; edges: [number, number] }) {
  const list = useApi<{ posts: Post[] }>("watch-posts?" + query({ signal: path, limit: 20 }), 10000), [error, setError] = useState<Error | null>(null);
  const make = () => void send("POST", "watches", { name: path.replaceAll("/", ".").slice(-120), kind: "signal", match: path }).then(() => { setError(null); list.again(); }, setError);
  if (list.error) return <Problem error={list.error} />;
  return <section class="watch-of" aria-label={t("watch.ofSignal", { name: path })}>{error && <Problem error={error} />}{list.data?.posts.map((p) => <Line key={p.id} post={p} from={from} to={to} edges={edges} again={list.again} />)}
    {list.data && !list.data.posts.length && may("engineer") && <button onClick={make} aria-label={`${t("watch.this")}: ${path}`}>{t("watch.this")} <small class="soft">{nameOf(path)}</small></button>}</section>;
}
