// SPDX-License-Identifier: Apache-2.0
// Who did what, who was refused, and the proof that nothing was changed in it.
import { useState } from "preact/hooks";
import { api, query, usePages } from "./api";
import { clock, count, span, t, word } from "./lang";
import { replace, route } from "./route";
import { Answer, browserOf, Choose, csv, download, Empty, Field, Mark, Page, Problem, Search, Table, Time } from "./ui";

interface Entry { id: number; at: string | null; user: string | null; via: string | null; from: string | null; action: string; target: string | null; detail: string | null; result: string; hash: string }
interface Proof { ok: boolean; entries: number; first: number; last: number; hash: string; sealed: boolean; broken?: { id: number; why: string } }
const PAGE = 100, back = ["-24h", "-7d", "-30d", "-365d", "", "own"], actions = ["", "login", "logout", "POST", "PATCH", "PUT", "DELETE", "PUT /value", "POST /alarms", "start"];

function Verify() {
  const [proof, setProof] = useState<Proof | null>(null), [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    setError(null);
    setProof(null);
    await api<Proof>("audit/verify").then(setProof, setError);
    setBusy(false);
  };
  return <div class="verify"><button onClick={() => void go()} disabled={busy}>{t("audit.verify")}</button><div role="status">
    {busy && <span class="soft">{t("audit.verifying")}</span>}{error && <Problem error={error} />}
    {proof && (proof.ok ? <><p><Mark quality={proof.sealed ? "good" : "uncertain"} text={t(proof.sealed ? "audit.whole" : "audit.unsealed", { n: count(proof.entries), first: proof.first, last: proof.last })} /></p><p class="soft">{t("audit.note")} <code>{proof.last} {proof.hash}</code></p></>
      : <p class="notice bad"><span><b>{t("audit.broken", { id: proof.broken?.id ?? proof.first })}</b> {proof.broken?.why}</span></p>)}</div></div>;
}
const address = (o: Record<string, string | undefined>) => `#/audit?${query(o)}`;
const local = (iso: string | null) => (iso ? new Date(Date.parse(iso) - new Date(iso).getTimezoneOffset() * 60e3).toISOString().slice(0, 16) : "");

export function AuditPage() {
  const p = route.use().params, from = p.get("from") ?? "-7d", to = p.get("to") ?? "", user = p.get("user") ?? "", action = p.get("action") ?? "";
  const list = usePages<Entry>("audit?" + query({ from: from || undefined, to: to || undefined, user: user || undefined, action: action || undefined, limit: PAGE }), (d) => d.entries, (e) => e.id);
  const own = !!from && !back.includes(from) || !!to;
  const set = (change: Record<string, string | undefined>) => {
    const all = { from, to, user, action, ...change };
    replace(address({ from: all.from, to: all.to || undefined, user: all.user || undefined, action: all.action || undefined }));
  };
  const period = (v: string) => (v === "own" ? set({ from: new Date(Date.now() - 86400e3).toISOString(), to: new Date().toISOString() }) : set({ from: v, to: undefined }));
  const at = (k: "from" | "to") => <Field label={t(k === "from" ? "audit.from" : "audit.to")}><input type="datetime-local" value={local(k === "from" ? from : to)} onChange={(e) => e.currentTarget.value && set({ [k]: new Date(e.currentTarget.value).toISOString() })} /></Field>;
  return <Page title={t("audit")} tools={<>{list.data && <button onClick={() => download("koppel-audit.csv", csv([["id", "at", "user", "via", "from", "action", "target", "detail", "result", "hash"], ...list.data!.map((e) => [e.id, e.at, e.user, e.via, e.from, e.action, e.target, e.detail, e.result, e.hash])]))}>CSV</button>}</>}>
    <p class="soft">{t("audit.text")}</p><Verify />
    <div class="filters"><Choose label={t("chart.period")} value={own ? "own" : from} set={period} of={back.map((b) => [b, b === "own" ? t("audit.own") : b ? t("lastSpan", { span: span(b === "-24h" ? 86400 : parseInt(b.slice(1)) * 86400) }) : t("always")])} />
      {own && <>{at("from")}{at("to")}</>}
      <Search label={t("audit.user")} value={user} set={(u) => set({ user: u })} />
      <Choose label={t("audit.action")} value={action} set={(a) => set({ action: a })} of={[...new Set([...actions, action])].map((a) => [a, a ? word("did", a) : t("delivery.all")])} /></div>
    {list.data && list.error && <Problem error={list.error} />}
    <Answer of={list}>{(l) => l.length ? <><Table label={t("audit")} head={["#", t("time"), t("audit.user"), t("audit.action"), t("audit.target"), t("audit.detail"), t("audit.result"), t("audit.address")]}>
      {l.map((e) => <tr key={e.id} title={e.hash}><td class="n soft">{e.id}</td><td><Time at={e.at} /></td><td>{e.user ?? "–"}{e.via && <small class="block">{word("via", e.via)}</small>}</td><td>{word("did", e.action)}</td><td>{e.target ? <code>{e.target}</code> : "–"}</td><td class="wrap" title={e.detail ?? undefined}>{(e.action === "login" ? browserOf(e.detail) : e.detail) || "–"}</td>
        <td>{e.result === "ok" ? <Mark quality="good" text={t("audit.ok")} /> : <Mark quality="bad" text={word("refusal", e.result)} />}</td><td>{e.from ?? t("audit.here")}</td></tr>)}</Table>
      <div class="buttons left">{list.more ? <button disabled={list.busy} onClick={list.older}>{t("older")}</button> : <span class="soft">{t("audit.end", { n: count(l.length), at: l[l.length - 1].at ? clock(l[l.length - 1].at!) : "–" })}</span>}</div></> : <Empty title={t("audit.none")} />}</Answer>
  </Page>;
}
