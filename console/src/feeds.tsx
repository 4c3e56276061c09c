// SPDX-License-Identifier: Apache-2.0
// Where warnings come from: how each source is, adding, changing, pulling, and files for a plant without internet.
import { useState } from "preact/hooks";
import { send, useApi } from "./api";
import { Text, useAct } from "./form";
import { age, count, type Key, span, t, told, word } from "./lang";
import "./lang/shield";
import { now } from "./live";
import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Problem, Table, Time } from "./ui";

interface Feed { id: number; name: string; kind: string; url: string; every: string; enabled: boolean; running: boolean; next: string | null; pulled: string | null; fault: string | null; note: string | null; tries: number; taken: number; refused: number; documents: number; settings: Record<string, any>; secrets: string[] }
interface Provider { url: string; publisher: string; role: string; servers: string[]; keys: { fingerprint: string; owner: string }[]; notes?: string[] }
interface Paper { path: string; state: string; why: string | null }
const kinds = ["csaf", "kev", "epss", "taxii", "misp"], at = (name: string) => `feeds/${encodeURIComponent(name)}`;
const usual: Record<string, string> = { kev: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", epss: "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", csaf: "", taxii: "https://", misp: "https://" };
const fours = (f: string) => f.replace(/(.{4})(?=.)/g, "$1 ");

// ---- what a source may be told ----
interface Wanted { url: string; every: string; enabled: boolean; user: string; password: string; token: string; proxy: string; ca: string; certificate: string; key: string; collections: string; into: string; post: string; share: string }
const wantedOf = (f?: Feed): Wanted => { const s = (k: string) => String(f?.settings[k] ?? ""); return { url: f?.url ?? "", every: f?.every ?? "", enabled: f?.enabled ?? true, user: s("user"), password: "", token: "", proxy: s("proxy"), ca: s("ca"), certificate: s("certificate"), key: "", collections: s("collections"), into: s("into"), post: s("post"), share: s("share") }; };
const own: Record<string, (keyof Wanted)[]> = { taxii: ["collections", "into", "post", "share"], misp: ["into"] };
/** What is empty goes away where something was, and is not named where nothing was. */
function bodyOf(w: Wanted, kind: string, f?: Feed) {
  const settings: Record<string, string | null> = {}, secrets: Record<string, string> = {}, had = wantedOf(f);
  for (const k of ["user", "proxy", "ca", "certificate", ...(own[kind] ?? [])] as (keyof Wanted)[]) {
    const v = String(w[k]).trim();
    if (v !== String(had[k])) settings[k] = v || null;
  }
  for (const k of ["password", "token", "key"] as const) if (w[k].trim()) secrets[k] = w[k].trim();
  return { url: w.url.trim(), ...(w.every.trim() ? { every: w.every.trim() } : {}), enabled: w.enabled, ...(Object.keys(settings).length ? { settings } : {}), ...(Object.keys(secrets).length ? { secrets } : {}) };
}
function Options({ w, put, kind, f }: { w: Wanted; put: (c: Partial<Wanted>) => void; kind: string; f?: Feed }) {
  const text = (k: keyof Wanted, help?: Key, more?: object) => <Text label={t(`feed.${k}` as Key)} help={help && t(help)} value={String(w[k])} set={(v) => put({ [k]: v })} {...more} />, secret = (k: "password" | "token") => text(k, undefined, { type: "password", autocomplete: "new-password", placeholder: f?.secrets.includes(k) ? t("unchanged") : "" });
  const pem = (k: "ca" | "certificate" | "key") => <Field label={t(`feed.${k}` as Key)}><textarea rows={2} spellcheck={false} value={w[k]} placeholder={k === "key" && f?.secrets.includes("key") ? t("unchanged") : "-----BEGIN ..."} onInput={(e) => put({ [k]: e.currentTarget.value })} /></Field>;
  return <><div class="two">{text("every", "feed.everyHelp", { placeholder: kind === "csaf" ? "6h" : "1h" })}{kind === "taxii" && <>{text("collections", "feed.collectionsHelp")}{text("post", "feed.postHelp")}<Choose label={t("feed.share")} help={t("feed.shareHelp")} value={w.share} set={(share) => put({ share })} of={[["", "TLP:GREEN"], ["clear", "TLP:CLEAR"], ["amber", "TLP:AMBER"]]} /></>}{own[kind] && text("into", "feed.intoHelp")}</div>
    <details><summary>{t("feed.login")}</summary><div class="two">{text("user", undefined, { autocomplete: "off" })}{secret("password")}{secret("token")}{text("proxy", "feed.proxyHelp", { placeholder: "http://proxy:3128" })}</div>{pem("ca")}{pem("certificate")}{pem("key")}</details></>;
}

/** First what, then who is there and whether that is he; nothing is kept before. */
function Add({ close }: { close: (done: boolean) => void }) {
  const [kind, setKind] = useState("csaf"), [name, setName] = useState(""), [w, setW] = useState(wantedOf()), [met, setMet] = useState<Provider | null>(null), [trust, setTrust] = useState<string[]>([]), { act, busy, problem } = useAct();
  const put = (c: Partial<Wanted>) => setW({ ...w, ...c }), body = () => ({ kind, ...bodyOf(w, kind) });
  const go = (e: Event) => {
    e.preventDefault();
    void act(async () => {
      if (kind === "csaf" && !met) return setMet(await send("POST", "feeds/look", body()));
      const b = body();
      await send("POST", "feeds", { ...b, name: name.trim(), ...(kind === "csaf" ? { settings: { ...b.settings, trust } } : {}) });
      close(true);
    });
  };
  return <Dialog title={t("feed.add")} close={() => close(false)}><form onSubmit={go}>
    {met ? <><p>{t("feed.met", { name: met.publisher, role: word("feed.role", met.role) })}</p><dl class="plate"><div><dt>{t("feed.url")}</dt><dd class="theirs">{met.url}</dd></div><div><dt>{t("feed.servers")}</dt><dd class="theirs">{met.servers.join(", ")}</dd></div></dl>
      {met.keys.length ? <><p>{t("feed.compare")}</p>{met.keys.map((k) => <label class="check" key={k.fingerprint}><input type="checkbox" checked={trust.includes(k.fingerprint)} onChange={() => setTrust(trust.includes(k.fingerprint) ? trust.filter((x) => x !== k.fingerprint) : [...trust, k.fingerprint])} /> <span><code>{fours(k.fingerprint)}</code><small class="block">{k.owner}</small></span></label>)}</> : <p class="notice"><span>{t("feed.noKey")}</span></p>}
      {met.keys.length > 0 && !trust.length && <p class="notice"><span>{t("feed.unsigned")}</span></p>}{met.notes?.map((n, i) => <p class="soft" key={i}>{n}</p>)}</>
      : <><Choose label={t("feed.kind")} help={t(`feed.kind.${kind}.help` as Key)} value={kind} set={(k) => { setKind(k); put({ url: usual[k] }); if (!name && (k === "kev" || k === "epss")) setName(k); }} of={kinds.map((k) => [k, t(`feed.kind.${k}` as Key)])} />
        <Text label={t("name")} value={name} set={setName} required maxLength={100} placeholder="siemens" /><Text label={t(kind === "csaf" ? "feed.domain" : "feed.url")} help={kind === "csaf" ? t("feed.domainHelp") : undefined} value={w.url} set={(url) => put({ url })} required placeholder={kind === "csaf" ? "siemens.com" : "https://"} /><Options w={w} put={put} kind={kind} /></>}
    {problem}<div class="buttons"><button type="button" onClick={() => (met ? setMet(null) : close(false))}>{t(met ? "partners.back" : "cancel")}</button><button class="main" disabled={busy}>{t(kind === "csaf" && !met ? "feed.look" : "feed.add")}</button></div></form></Dialog>;
}
function Change({ f, close }: { f: Feed; close: (done: boolean) => void }) {
  const [w, setW] = useState(wantedOf(f)), put = (c: Partial<Wanted>) => setW({ ...w, ...c });
  const save = () => { const { url, ...rest } = bodyOf(w, f.kind, f); return send("PATCH", at(f.name), { ...rest, ...(url !== f.url ? { url } : {}) }); };
  return <Confirm title={t("editOf", { name: f.name })} text={t(`feed.kind.${f.kind}.help` as Key)} word={t("save")} act={save} close={close}>
    <Text label={t("feed.url")} value={w.url} set={(url) => put({ url })} required /><label class="check"><input type="checkbox" checked={w.enabled} onChange={(e) => put({ enabled: e.currentTarget.checked })} /> <span>{t("feed.enabled")}</span></label><Options w={w} put={put} kind={f.kind} f={f} /></Confirm>;
}

// ---- from a stick ----
/** A provider's folder: documents with what vouches for them, some at a time. */
async function handIn(feed: string, files: File[], told: (n: number) => void) {
  const path = (f: File) => f.webkitRelativePath.split("/").slice(1).join("/") || f.name, by = new Map(files.map((f) => [path(f), f])), papers = files.filter((f) => /\.json$/.test(f.name) && !/provider-metadata\.json$|^feed/.test(f.name)), said: Paper[] = [];
  let opened = 0, batch: object[] = [], size = 0, done = 0;
  const flush = async () => {
    if (!batch.length) return;
    const reply = await send<{ documents: Paper[]; opened: number }>("POST", `${at(feed)}/documents`, { documents: batch });
    said.push(...reply.documents);
    opened += reply.opened;
    done += batch.length;
    told(done);
    batch = [];
    size = 0;
  };
  for (const f of papers) {
    const p = path(f), beside = async (end: string) => by.get(p + end)?.text(), text = await f.text();
    const sha256 = await beside(".sha256"), sha512 = await beside(".sha512"), signature = await beside(".asc");
    if (size + text.length > 2e6) await flush();
    batch.push({ path: p, text, ...(sha256 ? { sha256 } : {}), ...(sha512 ? { sha512 } : {}), ...(signature ? { signature } : {}) });
    size += text.length;
  }
  await flush();
  return { said, opened };
}
/** Lists are longer than a request may be: some lines at a time. */
function pieces(text: string) {
  const out: string[] = [];
  if (/^\s*\{/.test(text)) return [text];
  for (let at = 0, end; at < text.length; at = end) {
    end = text.length - at > 2e6 ? text.lastIndexOf("\n", at + 2e6) + 1 || text.length : text.length;
    out.push(text.slice(at, end));
  }
  return out;
}
/** Documents without a source, as somebody has them from a mail or a web page. */
async function takeEach(files: File[], told: (n: number) => void) {
  const said: Paper[] = [];
  let opened = 0;
  for (const f of files.filter((x) => /\.(json|csv)$/.test(x.name))) {
    let known = false, why: string | null = null;
    try {
      for (const text of pieces(await f.text())) {
        const reply = await send<{ opened?: number; known?: boolean }>("POST", "advisories", { text });
        opened += reply.opened ?? 0;
        known = !!reply.known;
      }
    } catch (e) {
      why = (e as Error).message;
    }
    said.push({ path: f.name, state: why ? "refused" : known ? "known" : "taken", why });
    told(said.length);
  }
  return { said, opened };
}
function Files({ f, close }: { f?: Feed; close: (done: boolean) => void }) {
  const [files, setFiles] = useState<File[]>([]), [n, setN] = useState(0), [came, setCame] = useState<{ said: Paper[]; opened: number } | null>(null), { act, busy, problem } = useAct();
  const sum = (state: string) => came?.said.filter((x) => x.state === state).length ?? 0, bad = came?.said.filter((x) => x.why) ?? [];
  const go = (e: Event) => { e.preventDefault(); void act(async () => setCame(await (f ? handIn(f.name, files, setN) : takeEach(files, setN)))); };
  return <Dialog title={t(f ? "feed.folderOf" : "feed.files", { name: f?.name ?? "" })} close={() => close(!!came)}><form onSubmit={go}><p>{t(f ? "feed.folderText" : "feed.filesText")}</p>
    <Field label={t(f ? "feed.folder" : "feed.filesChoose")}><input type="file" multiple required accept={f ? undefined : ".json,.csv"} ref={(e) => void (e && f && e.setAttribute("webkitdirectory", ""))} onChange={(e) => { setFiles([...(e.currentTarget.files ?? [])]); setCame(null); setN(0); }} /></Field>
    {busy && <p role="status"><progress max={files.length} value={n} aria-label={t("feed.taking")} /></p>}{problem}
    {came && <div role="status"><p><b>{t("feed.came", { taken: count(came.said.length - sum("refused") - sum("known")), known: count(sum("known") + sum("older than what is here")), refused: count(sum("refused")), opened: count(came.opened) })}</b></p>{bad.length > 0 && <ul class="faults">{bad.slice(0, 20).map((x) => <li key={x.path} class="theirs"><b>{x.path}</b>: {word("feed.state", x.state)}, {x.why}</li>)}</ul>}</div>}
    <div class="buttons"><button type="button" onClick={() => close(!!came)}>{t(came ? "inventory.close" : "cancel")}</button><button class="main" disabled={busy || !files.length}>{t("inventory.take")}</button></div></form></Dialog>;
}
function Refused({ f, close }: { f: Feed; close: () => void }) {
  const d = useApi<{ documents: { url: string; advisory: string | null; version: string | null; state: string; why: string | null; at: string }[] }>(`${at(f.name)}/documents`);
  return <Dialog title={t("feed.faultsOf", { name: f.name })} close={close}><p>{t("feed.faultsText")}</p><Answer of={d}>{(x) => x.documents.length ? <Table label={t("feed.faults")} head={[t("advisory"), t("rule.state"), t("folder.why"), t("time")]}>{x.documents.slice(0, 200).map((p) => <tr key={p.url}><td class="wrap" title={p.url}>{p.advisory ?? p.url.split("/").pop()}</td><td>{word("feed.state", p.state)}</td><td class="wrap">{p.why ?? "–"}</td><td><Time at={p.at} /></td></tr>)}</Table> : <p class="soft">{t("feed.noFaults")}</p>}</Answer><div class="buttons"><button onClick={close}>{t("inventory.close")}</button></div></Dialog>;
}

/** What to look at, of what goes wrong most. */
const hints: [RegExp, Key][] = [[/resolve|getaddrinfo/i, "feed.hint.name"], [/\b40[13]\b|unauthori|forbidden/i, "feed.hint.login"], [/\b404\b|\b410\b/, "feed.hint.address"], [/certificate|SSL|TLS/i, "feed.hint.certificate"], [/connect|timed? ?out|unreachable|reset/i, "feed.hint.connect"], [/signature|fingerprint|\bkeys?\b|trust/i, "feed.hint.key"]];
const hint = (fault: string) => hints.find(([r]) => r.test(fault))?.[1];
const mood = (f: Feed): ["good" | "bad" | "uncertain" | "none" | "stale", string] => (!f.enabled ? ["none", t("feed.off")] : f.running ? ["stale", t("feed.running")] : f.fault ? ["bad", t("feed.ill")] : f.pulled ? ["good", t("feed.well")] : ["uncertain", t("feed.never")]);
function One({ f, changed }: { f: Feed; changed: () => void }) {
  const [open, setOpen] = useState<"change" | "remove" | "folder" | "faults" | null>(null), { act, busy, problem } = useAct(), [quality, text] = mood(f), of = (name: Key) => `${t(name)}: ${f.name}`, close = (done: boolean) => { setOpen(null); if (done) changed(); };
  return <section class={`coupling ${!f.enabled ? "off" : f.fault ? "refused" : f.pulled ? "" : "waiting"}`} aria-label={f.name}><div class="row"><h3>{f.name}</h3><Mark quality={quality} text={text} /><small>{t(`feed.kind.${f.kind}` as Key)}</small></div>
    <p class="soft theirs">{f.url}{f.settings.provider?.publisher && ` · ${f.settings.provider.publisher}`}</p>
    {f.running && <p role="status"><progress aria-label={t("feed.running")} /> {f.kind === "csaf" && t("feed.progress", { n: count(f.documents) })}</p>}
    {f.fault && <p class="error">{t("feed.fault")} {told(f.fault)}</p>}{f.fault && <p class="advice">{hint(f.fault) && `${t(hint(f.fault)!)} `}{t(f.tries > 0 && f.next ? "feed.retry" : "feed.mend", { span: f.next ? span(Math.max(0, (Date.parse(f.next) - now()) / 1000)) : "" })}</p>}{f.note && <p class="advice">{told(f.note)}</p>}
    <p>{f.pulled ? <>{t("feed.pulled", { age: age(now() - Date.parse(f.pulled)) })} (<Time at={f.pulled} />)</> : t("feed.never")}{" · "}{t("feed.taken", { taken: count(f.taken), refused: count(f.refused) })}{f.enabled && f.next && !f.running && !f.fault && <>{" · "}{t("feed.next")} <Time at={f.next} /></>}</p>{problem}
    <div class="buttons left"><button disabled={busy || f.running || !f.enabled} onClick={() => void act(() => send("POST", `${at(f.name)}/pull`).then(changed))} aria-label={of("feed.pull")}>{t("feed.pull")}</button><button onClick={() => setOpen("change")} aria-label={t("editOf", { name: f.name })}>{t("edit")}</button>
      <button disabled={busy} onClick={() => void act(() => send("PATCH", at(f.name), { enabled: !f.enabled }).then(changed))} aria-label={of(f.enabled ? "feed.switchOff" : "feed.switchOn")}>{t(f.enabled ? "feed.switchOff" : "feed.switchOn")}</button>
      {f.kind === "csaf" && <><button onClick={() => setOpen("folder")} aria-label={of("feed.folderDo")}>{t("feed.folderDo")}</button><button onClick={() => setOpen("faults")} aria-label={of("feed.faults")}>{t("feed.faults")}</button></>}<button onClick={() => setOpen("remove")} aria-label={t("remove.of", { name: f.name })}>{t("remove")}</button></div>
    {open === "change" && <Change f={f} close={close} />}{open === "folder" && <Files f={f} close={close} />}{open === "faults" && <Refused f={f} close={() => setOpen(null)} />}
    {open === "remove" && <Confirm title={t("remove.of", { name: f.name })} text={t("feed.removeText")} word={t("remove")} danger act={() => send("DELETE", at(f.name))} close={close} />}</section>;
}
export function FeedsPart() {
  const [busy, setBusy] = useState(false), list = useApi<{ feeds: Feed[] }>("feeds", busy ? 1500 : 6000), [open, setOpen] = useState<"add" | "files" | null>(null), running = !!list.data?.feeds.some((f) => f.running);
  if (running !== busy && list.data) queueMicrotask(() => setBusy(running));
  const close = (done: boolean) => { setOpen(null); if (done) list.again(); };
  return <><div class="above"><p class="soft">{t("feed.text")}</p><span class="buttons"><button class="main" onClick={() => setOpen("add")}>{t("feed.add")}</button><button onClick={() => setOpen("files")}>{t("feed.filesDo")}</button></span></div>
    {list.data && list.error && <Problem error={list.error} />}
    <Answer of={list}>{(d) => d.feeds.length ? <div class="list">{d.feeds.map((f) => <One key={f.id} f={f} changed={list.again} />)}</div> : <Empty title={t("feed.none")}><p>{t("feed.noneText")}</p></Empty>}</Answer>
    {open === "add" && <Add close={close} />}{open === "files" && <Files close={close} />}</>;
}
