// SPDX-License-Identifier: Apache-2.0
// A finding, an advisory that concerns a device, as people without a training in security read it: what it is, what to do, why now.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { may, query, send } from "./api";
import { useAct } from "./form";
import { count, number, type Key, t, word } from "./lang";
import "./lang/shield";
import { Confirm, Field, Mark, Priority, Problem, Time } from "./ui";

export interface Fix { category: string; text: string; url: string | null; restart: string | null }
export interface Hole { id: string; verdict: string; score: number | null; vector: string | null }
export interface Finding { advisory: string; title: string; device: number; name: string; firmware: string | null; verdict: "affected" | "review" | "not_affected"; score: number | null; urgency: string; reasons: { is: string; value: number | null }[]
  evidence: { product: string; rule: string; version: string }; vulnerabilities: Hole[]; do: Fix[]; answer: string | null; comment: string | null; who: string | null; answered: string | null; since: string; closed: string | null; closedWhy: string | null; url: string | null }

export const toAdvisory = (id: string) => `#/security/advisory/${encodeURIComponent(id)}`;
export const toDevice = (id: number) => `#/security/device/${id}`;
export const toFindings = (q: Record<string, string | number | undefined>) => `#/security/findings?${query(q)}`;
/** A doubt that nobody has answered yet. */
export const doubtful = (f: Finding) => f.verdict === "review" && f.answer !== "affected" && f.answer !== "in_progress";
export const inHand = (f: Finding) => f.answer === "in_progress" && !f.closed;

// ---- in words ----
export const severity = (score: number | null) => (score === null ? "" : t(score >= 9 ? "cvss.critical" : score >= 7 ? "cvss.high" : score >= 4 ? "cvss.medium" : "cvss.low"));
/** What a CVSS vector says: from where, with what, to do what. */
export function inWords(vector: string | null) {
  const v = new Map((vector ?? "").split("/").map((x) => x.split(":") as [string, string])), get = (k: string) => v.get(k) ?? "", hit = (...k: string[]) => k.some((x) => /^[HLCP]/.test(get(x)));
  if (!get("AV")) return "";
  const can: Key[] = [...(hit("A", "VA") ? ["can.stop" as Key] : []), ...(hit("I", "VI") ? ["can.change" as Key] : []), ...(hit("C", "VC") ? ["can.read" as Key] : [])];
  const free = get("PR") === "N" || get("Au") === "N", helped = /^[RAP]/.test(get("UI"));
  return [word("from", get("AV")), free ? t("with.nothing") : t("with.login"), ...(helped ? [t("with.help")] : [])].join(", ") + (can.length ? `: ${can.map((k) => t(k)).join(", ")}` : "");
}
const worst = (f: Finding) => f.vulnerabilities.filter((h) => h.verdict !== "not_affected").sort((a, b) => (b.score ?? 0) - (a.score ?? 0))[0];
/** How the version was read; the node says "inside 'RANGE'", "'RANGE': DOUBT", "all versions" or a doubt alone. */
export function howRead(f: Finding) {
  const said = f.evidence.version, inside = /^(inside|outside) '(.*)'$/.exec(said), doubt = /^'(.*)': (.*)$/.exec(said), firmware = f.firmware ?? t("finding.unknown");
  if (inside) return t(inside[1] === "inside" ? "finding.inside" : "finding.outside", { firmware, range: inside[2] });
  if (doubt) return t("finding.doubt", { firmware, range: doubt[1], why: word("doubt", doubt[2]) });
  return word("doubt", said);
}
export const whyClosed = (f: Finding) => { const said = f.closedWhy ?? "", by = /^firmware (.*) is (.*)$/.exec(said); return by ? howRead({ ...f, firmware: by[1], evidence: { ...f.evidence, version: by[2] } }) : word("doubt", said); };
const reason = (r: Finding["reasons"][number]) => (r.is === "score" ? (r.value === null ? t("because.noScore") : t("because.score", { n: number(r.value), how: severity(r.value) })) : r.is === "probable" ? t("because.probable", { n: count(r.value! * 100) }) : word("because", r.is));
export const Reasons = ({ of }: { of: Finding["reasons"] }) => <span class="why-now">{of.map((r) => <span key={r.is}>{reason(r)}</span>)}</span>;
/** https alone is followed: the text is a stranger's. */
export const Away = ({ url, children }: { url: string | null; children: ComponentChildren }) => (url && /^https?:\/\//.test(url) ? <a href={url} target="_blank" rel="noreferrer noopener">{children}</a> : <>{children}</>);
export function Remedy({ of, full }: { of: Fix; full?: boolean }) {
  const cut = !full && of.text.length > 240;
  return <><span class={`tag ${of.category}`}>{word("fix", of.category)}</span><span class="theirs">{cut ? of.text.slice(0, 240).replace(/\s+\S*$/, "") + " ..." : of.text}</span>{of.restart && of.restart !== "none" && <> <small>{word("restart", of.restart)}</small></>}{of.url && <> <Away url={of.url}>{t("finding.source")}</Away></>}</>;
}
/** What is to be done first, and how much more there is. */
function Todo({ f }: { f: Finding }) {
  if (!f.do.length) return <p><b>{t("finding.do")}</b> {t("finding.noFix")}</p>;
  return <p><b>{t("finding.do")}</b> <Remedy of={f.do[0]} />{f.do.length > 1 && <> <a href={toAdvisory(f.advisory)}>{t("finding.more", { n: f.do.length - 1 })}</a></>}</p>;
}
export const State = ({ f }: { f: Finding }) => <Mark quality={f.closed ? "good" : doubtful(f) ? "uncertain" : inHand(f) ? "stale" : "bad"} text={f.closed ? t(f.answer ? `reply.${f.answer}` as Key : "finding.closed") : doubtful(f) ? t("finding.review") : inHand(f) ? t("reply.in_progress") : t("finding.affected")} />;

// ---- answers ----
export type Say = (f: Finding, answer: string, comment?: string) => Promise<unknown>;
/** One press; what is accepted is asked a reason for. */
export function Answers({ f, say }: { f: Finding; say: Say }) {
  const [why, setWhy] = useState<string | null>(null), { act, busy, problem } = useAct(), of = `${f.advisory}, ${f.name}`;
  const button = (answer: string, name: Key, main?: boolean) => <button class={main ? "main" : undefined} disabled={busy} aria-label={`${t(name)}: ${of}`} onClick={() => void act(() => say(f, answer))}>{t(name)}</button>;
  if (!may("engineer")) return null;
  return <>{problem}<div class="buttons left">
    {f.closed ? f.answer && button("open", "reply.back") : doubtful(f) ? <>{button("affected", "reply.yes")}{button("not_affected", "reply.no")}</>
      : <>{inHand(f) ? button("done", "reply.isDone", true) : button("in_progress", "reply.start", true)}{inHand(f) ? button("open", "reply.back") : button("done", "reply.isDone")}<button onClick={() => setWhy("")} aria-label={`${t("reply.accept")}: ${of}`}>{t("reply.accept")}</button></>}</div>
    {why !== null && <Confirm title={t("reply.acceptTitle")} text={t("reply.acceptText", { name: f.name })} word={t("reply.accept")} act={() => say(f, "accepted", why.trim())} close={() => setWhy(null)}>
      <Field label={t("partners.reason")} help={t("reply.acceptHelp")}><input required maxLength={500} value={why} onInput={(e) => setWhy(e.currentTarget.value)} /></Field></Confirm>}</>;
}
/** Says it, and lets the last one be taken back. */
export function useAnswer(changed: () => void) {
  const [last, setLast] = useState<{ f: Finding; answer: string } | null>(null), [error, setError] = useState<Error | null>(null);
  const put = (f: Finding, answer: string, comment?: string) => send("PUT", `advisories/${encodeURIComponent(f.advisory)}/answer`, { device: f.device, answer, ...(comment ? { comment } : {}) });
  const say: Say = async (f, answer, comment) => { await put(f, answer, comment); setLast(answer === "open" ? null : { f, answer }); setError(null); changed(); };
  const back = () => last && void put(last.f, last.f.answer ?? "open").then(() => { setLast(null); changed(); }, setError);
  return { say, said: <div role="status">{last && <p class="notice good"><span>{t("reply.said", { advisory: last.f.advisory, name: last.f.name, answer: word("reply", last.answer) })}</span><button onClick={back}>{t("reply.undo")}</button></p>}{error && <Problem error={error} />}</div> };
}

/** One of a device: what, what to do, why now. */
export function Card({ f, say, device }: { f: Finding; say: Say; device?: boolean }) {
  const hole = worst(f), means = hole && inWords(hole.vector);
  return <li class={`finding ${f.urgency}`}>
    <div class="row"><Priority of={f.urgency} full={!inHand(f) && !f.closed} /><h3><a href={toAdvisory(f.advisory)}>{f.title}</a></h3><small>{f.advisory}</small><State f={f} /></div>
    {device && <p><a href={toDevice(f.device)}>{f.name}</a></p>}
    {doubtful(f) ? <p class="advice">{t("finding.ask")} {howRead(f)}. {f.evidence.rule === "one of the product names is a part of the other" && t("finding.askName")}</p> : means && <p>{means}.</p>}
    <Todo f={f} />
    <p class="soft"><b>{t("finding.why")}</b> <Reasons of={f.reasons} />{f.answer && f.who && <> · {word("reply", f.answer)}, {f.who}, <Time at={f.answered} />{f.comment && ` “${f.comment}”`}</>}</p>
    <Answers f={f} say={say} /></li>;
}
/** Which of a list are seen. */
export function Pager({ skip, limit, total, to }: { skip: number; limit: number; total: number; to: (skip: number) => void }) {
  if (total <= limit && !skip) return null;
  return <nav class="buttons left" aria-label={t("pager")}><button disabled={!skip} onClick={() => to(Math.max(0, skip - limit))}>{t("pager.back")}</button><span>{t("pager.at", { from: count(skip + 1), to: count(Math.min(total, skip + limit)), total: count(total) })}</span><button disabled={skip + limit >= total} onClick={() => to(skip + limit)}>{t("pager.on")}</button></nav>;
}
