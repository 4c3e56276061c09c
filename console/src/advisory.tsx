// SPDX-License-Identifier: Apache-2.0
// One warning: which devices it is about and how that was found, what to do, what people said.
import { useState } from "preact/hooks";
import { useApi } from "./api";
import { Answers, Away, doubtful, type Finding, howRead, inWords, Reasons, Remedy, severity, State, toDevice, useAnswer, whyClosed } from "./finding";
import { count, day, number, t, word } from "./lang";
import { route } from "./route";
import { Answer, Priority, Table, Time } from "./ui";

interface Said { device: number; name: string; at: string; answer: string; comment: string | null; who: string | null }
interface Advisory { id: string; publisher: string | null; title: string | null; version: string | null; changed: string | null; url: string | null; tlp: string | null; references: { category: string; summary: string | null; url: string | null }[]; findings: Finding[]; answers: Said[] }
const FIRST = 20;

function Of({ f, say }: { f: Finding; say: ReturnType<typeof useAnswer>["say"] }) {
  const clear = f.closed && !f.answer;
  return <li class={`finding ${f.urgency}`}><div class="row"><Priority of={f.urgency} full={!f.answer && !f.closed} /><h3><a href={toDevice(f.device)}>{f.name}</a></h3><State f={f} />{doubtful(f) && !f.closed && <b>{t("finding.ask")}</b>}</div>
    <dl class="plate evidence"><div><dt>{t("evidence.rule")}</dt><dd>{word("rule", f.evidence.rule)}</dd></div><div><dt>{t("evidence.version")}</dt><dd>{clear ? whyClosed(f) : howRead(f)}</dd></div><div><dt>{t("evidence.product")}</dt><dd><code>{f.evidence.product}</code></dd></div></dl>
    {!f.closed && <p class="soft"><b>{t("finding.why")}</b> <Reasons of={f.reasons} /></p>}
    {f.answer && <p class="soft">{word("reply", f.answer)}, {f.who}, <Time at={f.answered} />{f.comment && ` “${f.comment}”`}</p>}
    <Answers f={f} say={say} /></li>;
}
/** What to do, once for the devices it is the same for. */
function Remedies({ of }: { of: Finding[] }) {
  const groups = new Map<string, Finding[]>();
  for (const f of of) groups.set(JSON.stringify(f.do), [...(groups.get(JSON.stringify(f.do)) ?? []), f]);
  return <section class="panel"><h2>{t("advisory.do")}</h2>{[...groups.values()].map((g, i) => <div key={i}>{groups.size > 1 && <h3>{g.slice(0, 5).map((f) => f.name).join(", ")}{g.length > 5 && ` ${t("finding.more", { n: g.length - 5 })}`}</h3>}
    {g[0].do.length ? <ol class="remedies">{g[0].do.map((d, k) => <li key={k}><Remedy of={d} full={true} /></li>)}</ol> : <p>{t("finding.noFix")}</p>}</div>)}</section>;
}
function Holes({ of }: { of: Finding[] }) {
  const all = new Map(of.flatMap((f) => f.vulnerabilities).map((h) => [h.id, h]));
  return all.size > 0 && <section class="panel"><h2>{t("advisory.holes")}</h2><Table label={t("advisory.holes")} head={[t("advisory.hole"), t("findings.score"), t("advisory.means")]}>
    {[...all.values()].sort((a, b) => (b.score ?? 0) - (a.score ?? 0)).map((h) => <tr key={h.id}><td><Away url={/^CVE-\d+-\d+$/.test(h.id) ? `https://www.cve.org/CVERecord?id=${h.id}` : null}>{h.id || "–"}</Away></td><td>{h.score === null ? "–" : <>{number(h.score)} <small>{severity(h.score)}</small></>}</td><td class="wrap" title={h.vector ?? undefined}>{inWords(h.vector) || "–"}</td></tr>)}</Table></section>;
}
function One({ a, again }: { a: Advisory; again: () => void }) {
  const { say, said } = useAnswer(again), [all, setAll] = useState(false), open = a.findings.filter((f) => !f.closed), shown = all ? a.findings : a.findings.slice(0, FIRST);
  const own = a.references.filter((r) => r.url || r.summary), links = [...new Set([a.url, ...a.findings.flatMap((f) => f.do.map((d) => d.url))].filter((u): u is string => !!u && !own.some((r) => r.url === u)))];
  return <><div class="above"><h2>{a.title}</h2></div>
    <dl class="plate"><div><dt>{t("advisory")}</dt><dd>{a.id}</dd></div><div><dt>{t("advisory.publisher")}</dt><dd>{a.publisher ?? "–"}</dd></div><div><dt>{t("advisory.version")}</dt><dd>{a.version}{a.changed && `, ${day(a.changed)} ${new Date(a.changed).getFullYear()}`}</dd></div>{a.tlp && <div><dt>TLP</dt><dd>{a.tlp}</dd></div>}</dl>{said}
    {a.findings.length ? <><section class="panel"><h2>{t("advisory.devices", { n: count(open.length) })}</h2><ul class="findings">{shown.map((f) => <Of key={f.device} f={f} say={say} />)}</ul>{a.findings.length > shown.length && <div class="buttons left"><button onClick={() => setAll(true)}>{t("advisory.all", { n: count(a.findings.length) })}</button></div>}</section>
      <Remedies of={open.length ? open : a.findings} /><Holes of={a.findings} /></> : <p class="soft">{t("advisory.nobody")}</p>}
    {own.length + links.length > 0 && <section class="panel"><h2>{t("advisory.links")}</h2><ul class="faults">{own.map((r, i) => <li key={i} class="theirs">{r.category === "self" && <span class="tag">{t("advisory.self")}</span>}<Away url={r.url}>{r.summary ?? r.url}</Away>{r.summary && r.url && <small class="block">{r.url}</small>}</li>)}{links.map((u) => <li key={u} class="theirs"><Away url={u}>{u}</Away></li>)}</ul></section>}
    {a.answers.length > 0 && <section class="panel"><h2>{t("advisory.said")}</h2><Table label={t("advisory.said")} head={[t("time"), t("device"), t("advisory.answer"), t("login.user"), t("advisory.comment")]}>
      {a.answers.map((x, i) => <tr key={i}><td><Time at={x.at} /></td><td class="wrap">{x.name}</td><td>{word("reply", x.answer)}</td><td>{x.who ?? "–"}</td><td class="wrap">{x.comment ?? "–"}</td></tr>)}</Table></section>}</>;
}
export function AdvisoryPart() {
  const id = route.use().rest.split("/").slice(1).join("/"), a = useApi<Advisory>(`advisories/${encodeURIComponent(id)}`);
  return <Answer of={a}>{(d) => <One a={d} again={a.again} />}</Answer>;
}
