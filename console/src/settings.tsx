// SPDX-License-Identifier: Apache-2.0
// How long things are kept, backups, this node, this browser.
import { useState } from "preact/hooks";
import { may, raw, send, useApi } from "./api";
import { bytes, count, language, languages, number, span, speak, t, told, word } from "./lang";
import { status } from "./live";
import { theme } from "./theme";
import { Answer, Confirm, download, Field, Page, Problem, Time } from "./ui";

interface Rule { pattern: string; points: string | null; rollups: string | null; size: string | null }
interface Retention { rules: (Rule & { signals: number; storedBytes: number; oldest: string | null; frees: { points: number; bytes: number } })[]; withoutRule: { signals: number; storedBytes: number; oldest: string | null }; removed: string | null; intervals: string | null; disk: string | null }

function Rules() {
  const r = useApi<Retention>("retention"), [rules, setRules] = useState<Rule[] | null>(null), [preview, setPreview] = useState<Retention | null>(null), [error, setError] = useState<Error | null>(null);
  const body = (d: Retention) => ({ rules: (rules ?? []).filter((x) => x.pattern).map(({ pattern, points, rollups, size }) => ({ pattern, points: points || null, rollups: rollups || null, size: size || null })), removed: d.removed, intervals: d.intervals, disk: d.disk });
  const look = (d: Retention) => send<Retention>("PUT", "retention?dryRun=1", body(d)).then((p) => { setError(null); setPreview(p); }, setError);
  const set = (i: number, k: keyof Rule, v: string) => setRules(rules!.map((x, n) => (n === i ? { ...x, [k]: v } : x)));
  return <section class="panel"><h2>{t("retention")}</h2><Answer of={r}>{(d) => <>
    <p class="soft">{t("retention.text")}</p>
    {rules ? <>{rules.map((x, i) => <div class="rule" key={i}>{(["pattern", "points", "rollups", "size"] as const).map((k) => <Field key={k} label={word("retention", k)}><input value={x[k] ?? ""} spellcheck={false} placeholder={{ pattern: "eindhoven/**", points: "30d", rollups: "5y", size: "10GB" }[k]} onInput={(e) => set(i, k, e.currentTarget.value)} /></Field>)}<button onClick={() => setRules(rules.filter((_, n) => n !== i))} aria-label={t("remove.of", { name: x.pattern })}>×</button></div>)}
      {error && <Problem error={error} />}
      <div class="buttons left"><button onClick={() => setRules([...rules, { pattern: "", points: "", rollups: "", size: "" }])}>{t("retention.add")}</button><button class="main" onClick={() => look(d)}>{t("retention.check")}</button><button onClick={() => { setRules(null); setError(null); }}>{t("cancel")}</button></div></>
      : <>{d.rules.length ? <div class="scroll" tabIndex={0} role="region" aria-label={t("retention")}><table><thead><tr><th>{word("retention", "pattern")}</th><th>{word("retention", "points")}</th><th>{word("retention", "rollups")}</th><th>{word("retention", "size")}</th><th class="n">{t("onDisk")}</th></tr></thead>
        <tbody>{d.rules.map((x) => <tr><td><code>{x.pattern}</code></td><td>{x.points ?? t("forever")}</td><td>{x.rollups ?? t("forever")}</td><td>{x.size ?? "–"}</td><td class="n">{bytes(x.storedBytes)}</td></tr>)}</tbody></table></div> : <p>{t("retention.none", { n: count(d.withoutRule.signals), bytes: bytes(d.withoutRule.storedBytes) })}</p>}
        <div class="buttons left"><button onClick={() => setRules(d.rules.length ? d.rules : [{ pattern: "**", points: "", rollups: "", size: "" }])}>{t("edit")}</button></div></>}
    {preview && <Confirm title={t("retention")} text={t("retention.frees", { n: count(preview.rules.reduce((n, x) => n + x.frees.points, 0)), bytes: bytes(preview.rules.reduce((n, x) => n + x.frees.bytes, 0)) })} word={t("save")} danger act={() => send("PUT", "retention", body(d))} close={(done) => { setPreview(null); if (done) { setRules(null); r.again(); } }} />}
  </>}</Answer></section>;
}
function Usage() {
  const u = useApi<any>("usage?limit=8");
  return <section class="panel"><h2>{t("usage")}</h2><Answer of={u}>{(d) => <>
    <p>{d.forecast.fullInSeconds !== undefined ? t("usage.full", { span: span(d.forecast.fullInSeconds) }) : d.forecast.bytesPerDay ? told(d.forecast.text) : t("usage.unknown")}</p>
    <dl class="plate"><div><dt>{t("usage.file")}</dt><dd>{bytes(d.fileBytes)}</dd></div><div><dt>{t("usage.free")}</dt><dd>{bytes(d.forecast.diskFreeBytes)}</dd></div><div><dt>{t("usage.day")}</dt><dd>{d.forecast.bytesPerDay ? bytes(d.forecast.bytesPerDay) : "–"}</dd></div><div><dt>{t("usage.points")}</dt><dd>{count(d.points)}</dd></div></dl>
    <meter min={0} max={d.forecast.diskBytes} value={d.forecast.diskBytes - d.forecast.diskFreeBytes} aria-label={t("usage.free")} />
    <div class="scroll" tabIndex={0} role="region" aria-label={t("usage")}><table><thead><tr><th>{t("usage.largest")}</th><th class="n">{t("usage.points")}</th><th class="n">{t("onDisk")}</th><th>{t("usage.oldest")}</th></tr></thead><tbody>{d.largest.map((x: any) => <tr><td>{x.path ?? t("removed")}</td><td class="n">{count(x.points)}</td><td class="n">{bytes(x.bytes)}</td><td><Time at={x.oldest} only="day" /></td></tr>)}</tbody></table></div></>}</Answer></section>;
}
function Backups() {
  const b = useApi<any>("backups", 2000), [error, setError] = useState<Error | null>(null), act = (what: string) => send("POST", "backups/" + what).then(() => { setError(null); b.again(); }, setError);
  return <section class="panel"><h2>{t("backups")}</h2><Answer of={b}>{(d) => <>
    {d.to ? <p>{t("backups.daily", { at: d.daily, to: d.to, keep: d.keep })}{d.encrypted ? ` ${t("backups.encrypted")}` : ""}</p> : <><p>{t("backups.none")}</p><p><code>koppel backup --to /mnt/nas/koppel --daily 02:00</code></p></>}
    {d.sameDisk && <p class="advice">{t("backups.sameDisk")}</p>}
    {(d.running || d.proving) && <p role="status"><progress max={d.totalBytes || 1} value={d.doneBytes} aria-label={t("backups")} /> {t(d.proving ? "backups.proving" : "backups.running")} {bytes(d.doneBytes)} / {bytes(d.totalBytes)}</p>}
    {error && <Problem error={error} />}
    {d.to && <div class="buttons left"><button class="main" disabled={d.running} onClick={() => act("now")}>{t("backups.now")}</button><button disabled={!d.runs.length || d.proving} onClick={() => act("prove")}>{t("backups.prove")}</button></div>}
    {d.runs.length > 0 && <div class="scroll" tabIndex={0} role="region" aria-label={t("backups")}><table><thead><tr><th>{t("time")}</th><th>{t("file")}</th><th class="n">{t("size")}</th><th>{t("backups.proven")}</th></tr></thead><tbody>{d.runs.slice(0, 14).map((x: any) => <tr><td><Time at={x.at} /></td><td>{x.error ? <span class="error">{x.error}</span> : x.file.split("/").pop()}</td><td class="n">{bytes(x.bytes)}</td><td><Time at={x.proven} /></td></tr>)}</tbody></table></div>}</>}</Answer></section>;
}
function ThisNode() {
  const s = status.use(), [error, setError] = useState<Error | null>(null);
  const save = (path: string, name: string) => raw(path).then(async (r) => download(name, await r.blob())).catch(setError);
  return <section class="panel"><h2>{t("node")}</h2>{s && <dl class="plate"><div><dt>{t("name")}</dt><dd>{s.node}</dd></div><div><dt>{t("version")}</dt><dd>koppel {s.version}</dd></div><div><dt>{t("started")}</dt><dd><Time at={s.started} /></dd></div><div><dt>{t("usage.commits")}</dt><dd>{number(s.store.commitEveryMs)} ms</dd></div></dl>}
    <p class="soft">{t("node.certificate")}</p>{error && <Problem error={error} />}
    <div class="buttons left"><button onClick={() => save("certificate?format=der", "koppel.der")}>{t("node.der")}</button><button onClick={() => save("certificate", "koppel.pem")}>{t("node.pem")}</button>{may("engineer") && <button onClick={() => save("export", "koppel.yaml")}>{t("node.export")}</button>}</div></section>;
}
export function Settings() {
  const l = language.use(), th = theme.use();
  return <Page title={t("settings")}><div class="panels">
    <section class="panel"><h2>{t("browser")}</h2><div class="two"><Field label={t("language")}><select value={l} onChange={(e) => void speak(e.currentTarget.value)}>{languages.map((x) => <option value={x}>{{ en: "English", nl: "Nederlands" }[x]}</option>)}</select></Field>
      <Field label={t("theme")}><select value={th} onChange={(e) => theme.set(e.currentTarget.value)}>{["auto", "light", "dark"].map((x) => <option value={x}>{word("theme", x)}</option>)}</select></Field></div></section>
    <ThisNode />{may("engineer") && <><Usage /><Rules /><Backups /></>}</div>{!may("engineer") && <p class="soft">{t("settings.more", { role: t("role.engineer") })}</p>}</Page>;
}
