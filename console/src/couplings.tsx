// SPDX-License-Identifier: Apache-2.0
// The links to machines: how they are, what to do when one is not well, adding and changing them.
import { useState } from "preact/hooks";
import { may, send, useApi } from "./api";
import { count, short, t, told, word } from "./lang";
import type { Coupling, Quality } from "./model";
import { go, route, toAsset, toCoupling } from "./route";
import { Answer, Confirm, Dialog, Empty, Field, Mark, Page, Problem, Time } from "./ui";

interface Option { name: string; help: string; type: string; default: string | null; choices?: string }
interface Protocol { name: string; schemes: string; writes: boolean; options: Option[] }
interface Certificate { fingerprint: string; trusted: boolean; subject: string | null; firstSeen: string | null; notAfter: string | null }
export interface Found { protocol: string; address: string; port: number; unit: number | null; manufacturer: string | null; product: string | null; name: string | null; detail: string | null; url: string | null }

const look: Record<string, Quality> = { online: "good", connecting: "stale", waiting: "uncertain", refused: "bad", off: "none" };
export const schemeOf = (url: string) => url.slice(0, Math.max(0, url.indexOf(":")));
const isTheirs = (c: Coupling) => /does not trust|trust list|cert export/i.test(c.detail);
const isCertificate = (c: Coupling) => c.state === "refused" && !isTheirs(c) && /certificate|trust/i.test(c.detail);
/** What a person can do about a state. */
function advice(c: Coupling): string | null {
  if (c.state === "online" || c.state === "connecting" || c.state === "off") return null;
  if (isTheirs(c)) return t("advice.theirs");
  if (isCertificate(c)) return t("advice.certificate");
  if (/user|password|denied|authori/i.test(c.detail)) return t("advice.password");
  if (/refused|unreachable|timeout|timed out|resolve|no route|answer/i.test(c.detail)) return t("advice.reach");
  return t("advice.other");
}

/** A form for all that can be said of a coupling; the protocol's options come from its table. */
function Form({ of, url, protocols, done, close }: { of?: Coupling; url?: string; protocols: Protocol[]; done: (name: string) => void; close?: () => void }) {
  const [address, setAddress] = useState(of?.url ?? url ?? ""), [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const scheme = schemeOf(address), protocol = protocols.find((p) => (of && p.name === of.protocol) || p.schemes.split(" ").includes(scheme));
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), settings: Record<string, unknown> = {}, body: Record<string, unknown> = { url: address.trim() };
    for (const k of ["name", "at", "include", "exclude", "every", "deadband"] as const) {
      const v = String(f.get(k) ?? "").trim();
      if (v !== (of?.[k] ?? "")) body[k] = v === "" ? null : v;
    }
    for (const o of protocol?.options ?? []) {
      const v = String(f.get("o." + o.name) ?? ""), old = of?.settings[o.name];
      if (o.type === "secret" ? v : v !== String(old ?? "")) settings[o.name] = v === "" ? null : v;
    }
    if (Object.keys(settings).length) body.settings = settings;
    setBusy(true);
    try {
      const c = await send<Coupling>(of ? "PATCH" : "POST", of ? `couplings/${encodeURIComponent(of.name)}` : "couplings", body);
      done(c.name);
    } catch (x) {
      setError(x as Error);
      setBusy(false);
    }
  };
  const input = (o: Option) => {
    const name = "o." + o.name, value = of?.settings[o.name], said = value === undefined || value === null ? "" : String(value);
    if (o.type === "choice" || o.type === "bool") return <select name={name}><option value="">{t("standard", { value: o.default ?? "–" })}</option>{(o.type === "bool" ? ["true", "false"] : o.choices!.split(",")).map((c) => <option value={c} selected={said === c}>{o.type === "bool" ? t(c === "true" ? "yes" : "no") : c}</option>)}</select>;
    if (o.type === "map") return <textarea name={name} rows={5} spellcheck={false}>{said}</textarea>;
    return <input name={name} type={o.type === "secret" ? "password" : "text"} autocomplete={o.type === "secret" ? "new-password" : "off"} spellcheck={false} inputMode={o.type === "int" ? "numeric" : undefined} defaultValue={said} placeholder={o.type === "secret" && of ? t("unchanged") : o.default ?? ""} />;
  };
  return <form onSubmit={save} class="wide">
    <Field label={t("coupling.url")} help={t("coupling.urlHelp", { schemes: [...new Set(protocols.flatMap((p) => p.schemes.split(" ")))].map((s) => s + "://").join("  ") })}><input name="url" value={address} required spellcheck={false} placeholder="opc.tcp://192.0.2.7:4840" onInput={(e) => setAddress(e.currentTarget.value)} /></Field>
    <div class="two"><Field label={t("coupling.at")} help={t("coupling.atHelp")}><input name="at" defaultValue={of?.at ?? ""} spellcheck={false} placeholder="eindhoven/milling" /></Field>
      <Field label={t("name")} help={of ? undefined : t("coupling.nameHelp")}><input name="name" defaultValue={of?.name ?? ""} spellcheck={false} /></Field></div>
    {protocol && <details open={!!of || protocol.options.some((o) => o.type === "map")}><summary>{t("coupling.options", { protocol: protocol.name })}</summary><div class="two">{protocol.options.map((o) => <Field key={protocol.name + o.name} label={o.name} help={o.help}>{input(o)}</Field>)}</div></details>}
    <details><summary>{t("coupling.filter")}</summary><div class="two">{(["include", "exclude", "every", "deadband"] as const).map((k) => <Field key={k} label={word("coupling", k)} help={word("coupling", k + "Help")}><input name={k} defaultValue={of?.[k] ?? ""} spellcheck={false} /></Field>)}</div></details>
    {address && !protocol && /:\/\//.test(address) && <p class="error">{t("coupling.noScheme", { scheme })}</p>}
    {error && <Problem error={error} />}
    <div class="buttons">{close && <button type="button" onClick={close}>{t("cancel")}</button>}<button class="main" disabled={busy}>{of ? t("save") : t("couple")}</button></div>
  </form>;
}
export function CoupleForm({ url, done }: { url?: string; done: (name: string) => void }) {
  const p = useApi<{ protocols: Protocol[] }>("protocols");
  return <Answer of={p}>{(d) => <Form key={url} url={url} protocols={d.protocols} done={done} />}</Answer>;
}

function Trust({ c, close }: { c: Coupling; close: () => void }) {
  const list = useApi<{ certificates: Certificate[] }>(`couplings/${encodeURIComponent(c.name)}/certificates`), [chosen, setChosen] = useState("");
  const open = list.data?.certificates.filter((x) => !x.trusted) ?? [];
  return <Confirm title={t("trust.title", { name: c.name })} text={t("trust.text")} word={t("trust")} close={close} act={() => send("POST", `couplings/${encodeURIComponent(c.name)}/trust`, { fingerprint: chosen || open[0]?.fingerprint || null })}>
    <Answer of={list}>{() => open.length ? <>{open.map((x, i) => <label class="check certificate" key={x.fingerprint}><input type="radio" name="f" checked={chosen ? chosen === x.fingerprint : !i} onChange={() => setChosen(x.fingerprint)} />
      <span><code>{x.fingerprint}</code><br /><small>{x.subject} · {t("until")} <Time at={x.notAfter} /></small></span></label>)}</> : <p class="soft">{t("trust.none")}</p>}</Answer></Confirm>;
}
export function CouplingCard({ c, changed }: { c: Coupling; changed: () => void }) {
  const [ask, setAsk] = useState<"trust" | "remove" | "toggle" | null>(null), [forget, setForget] = useState(false), [error, setError] = useState<Error | null>(null);
  const say = advice(c), engineer = may("engineer"), at = `couplings/${encodeURIComponent(c.name)}`;
  const again = () => send("POST", `${at}/reconnect`).then(changed, setError);
  const done = () => {
    setAsk(null);
    changed();
  };
  return <article class={`coupling ${c.state}`}>
    <div class="row"><h3>{engineer ? <a href={toCoupling(c.name)}>{c.name}</a> : c.name}</h3><Mark quality={look[c.state] ?? "none"} text={word("link", c.state)} />{c.since && <span class="soft">{t("since")} <Time at={c.since} /></span>}</div>
    <p class="soft cut"><code>{c.url}</code>{c.at && <> → <a href={toAsset(c.at)}>{c.at}</a></>}</p>
    <p>{told(c.detail)}{c.retryAt && <span class="soft"> · {t("nextTry")} <Time at={c.retryAt} only="time" /></span>}</p>
    {say && <p class="advice">{say}</p>}
    {c.state === "online" && <p class="soft">{t("signalsN", { n: count(c.items) })} · {short(c.rate)} {t("perSecond")}{c.counters.lost ? ` · ${t("lostN", { n: count(c.counters.lost) })}` : ""}</p>}
    {error && <Problem error={error} />}
    {engineer && <div class="buttons left">{isCertificate(c) && <button class="main" onClick={() => setAsk("trust")}>{t("trust.do")}</button>}
      {c.enabled && c.state !== "online" && <button onClick={again}>{t("reconnect")}</button>}
      <a class="button" href={toCoupling(c.name)}>{t("edit")}</a><button onClick={() => setAsk("toggle")}>{c.enabled ? t("disable") : t("enable")}</button><button onClick={() => setAsk("remove")}>{t("remove")}</button></div>}
    {ask === "trust" && <Trust c={c} close={done} />}
    {ask === "toggle" && <Confirm title={c.enabled ? t("disable.title", { name: c.name }) : t("enable.title", { name: c.name })} text={c.enabled ? t("disable.text") : t("enable.text")} word={c.enabled ? t("disable") : t("enable")} close={done} act={() => send("PATCH", at, { enabled: !c.enabled })} />}
    {ask === "remove" && <Confirm title={t("remove.title", { name: c.name })} text={t("remove.text")} word={t("remove")} danger close={done} act={() => send("DELETE", `${at}${forget ? "?forget=1" : ""}`)}>
      <label class="check"><input type="checkbox" checked={forget} onChange={(e) => setForget(e.currentTarget.checked)} /> {t("remove.forget")}</label></Confirm>}
  </article>;
}

function One({ name }: { name: string }) {
  const c = useApi<Coupling>(`couplings/${encodeURIComponent(name)}`, 3000), p = useApi<{ protocols: Protocol[] }>("protocols"), [saved, setSaved] = useState(0);
  return <Page title={name} crumbs={<a href="#/couplings">{t("couplings")}</a>}>
    {c.error && !c.data ? <Problem error={c.error} /> : <Answer of={c}>{(d) => <><CouplingCard c={d} changed={c.again} />
      <section><h2>{t("counters")}</h2><dl class="plate">{Object.entries(d.counters).map(([k, v]) => <div><dt>{word("counter", k)}</dt><dd>{count(v)}</dd></div>)}</dl></section>
      <section><h2>{t("settings")}</h2><Answer of={p}>{(x) => <Form key={saved} of={d} protocols={x.protocols} done={(n) => { setSaved(saved + 1); c.again(); if (n !== name) go(toCoupling(n)); }} />}</Answer>{saved > 0 && <p role="status" class="soft">{t("saved")}</p>}</section></>}</Answer>}
  </Page>;
}

/** Looks for machines at addresses a person names. */
export function Discover({ take }: { take: (f: Found) => void }) {
  const d = useApi<{ state: string; done: number; total: number; found: Found[]; more: boolean }>("discover", 1000), [error, setError] = useState<Error | null>(null);
  const start = async (e: SubmitEvent) => {
    e.preventDefault();
    setError(null);
    const targets = String(new FormData(e.currentTarget as HTMLFormElement).get("targets")).split(/[\s,]+/).filter(Boolean);
    await send("POST", "discover", { targets }).then(d.again, setError);
  };
  const s = d.data, running = s?.state === "running";
  return <><form class="inline" onSubmit={start}><Field label={t("discover.targets")} help={t("discover.help")}><input name="targets" required spellcheck={false} placeholder="192.0.2.0/24" /></Field>
    <button class="main" disabled={running}>{t("discover.start")}</button>{running && <button type="button" onClick={() => send("DELETE", "discover").then(d.again, setError)}>{t("cancel")}</button>}</form>
    {error && <Problem error={error} />}
    {s && s.state !== "none" && <p role="status">{running && <progress max={s.total || 1} value={s.done} aria-label={t("discover")} />} {t(running ? "discover.running" : "discover.done", { done: count(s.done), total: count(s.total), found: count(s.found.length) })}</p>}
    {s && <ul class="found">{s.found.map((f) => <li key={`${f.address}:${f.port}/${f.unit}`}><span><b>{[f.manufacturer, f.product, f.name].filter(Boolean).join(" ") || word("protocol", f.protocol)}</b><br /><small>{word("protocol", f.protocol)} · {f.address}:{f.port}{f.unit !== null ? ` · ${t("unit")} ${f.unit}` : ""}{f.detail ? ` · ${f.detail}` : ""}</small></span>
      {f.url ? <button onClick={() => take(f)}>{t("couple")}</button> : <small class="soft">{t("discover.noCoupling")}</small>}</li>)}</ul>}</>;
}

export function CouplingsPage() {
  const r = route.use(), list = useApi<{ couplings: Coupling[] }>("couplings", 3000), [how, setHow] = useState<"add" | "discover" | null>(null), [url, setUrl] = useState<string | undefined>();
  if (r.rest && may("engineer")) return <One name={r.rest} />;
  const worst = ["refused", "waiting", "connecting", "online", "off"];
  return <Page title={t("couplings")} tools={may("engineer") && <><button onClick={() => setHow("discover")}>{t("discover")}</button><button class="main" onClick={() => { setUrl(undefined); setHow("add"); }}>{t("couple")}</button></>}>
    <Answer of={list}>{(d) => d.couplings.length ? <div class="list">{[...d.couplings].sort((a, b) => worst.indexOf(a.state) - worst.indexOf(b.state)).map((c) => <CouplingCard key={c.name} c={c} changed={list.again} />)}</div>
      : <Empty title={t("couplings.empty")}><p>{t("empty.text")}</p>{may("engineer") && <p><a class="button main" href="#/start">{t("empty.start")}</a></p>}</Empty>}</Answer>
    {how === "add" && <Dialog title={t("couple")} close={() => setHow(null)}><CoupleForm url={url} done={() => { setHow(null); list.again(); }} /></Dialog>}
    {how === "discover" && <Dialog title={t("discover")} close={() => setHow(null)}><Discover take={(f) => { setUrl(f.url!); setHow("add"); }} /><div class="buttons"><button onClick={() => setHow(null)}>{t("close")}</button></div></Dialog>}
  </Page>;
}
