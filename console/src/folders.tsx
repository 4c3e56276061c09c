// SPDX-License-Identifier: Apache-2.0
// Folders through which orders come as files: what came, what was refused and why, and what the files look like.
import { useState } from "preact/hooks";
import { api, may, query, send, useApi, usePages } from "./api";
import { Drop, list, Text, useAct, useRenewal } from "./form";
import { type Key, language, t, word } from "./lang";
import { Due } from "./orders";
import { go, route } from "./route";
import { Answer, Choose, Confirm, Empty, Mark, Problem, Table, Time } from "./ui";

interface Party { name?: string | null; endpoint?: string | null; scheme?: string | null; country?: string | null; registration?: string | null }
interface Folder {
  name: string; path?: string | null; sender?: string | null; format?: string | null; encoding?: string | null; separator?: string | null; decimal?: string | null; dates?: string | null; times?: string | null; columns?: Record<string, string> | null;
  machines?: Record<string, string> | null; units?: Record<string, string> | null; own?: Party | null; partner?: Party | null; currency?: string | null; language?: string | null; changes?: string | null; acknowledge?: boolean | string | null; bookings?: boolean | string | null;
}
interface Doc { folders?: Folder[] | null }
interface Came { id: number; folder: string; name: string; at: string; result: string; orders: number; reason?: string; reason_nl?: string; acknowledged?: string }
interface Tried { good: boolean; orders: { number: string | null; customer?: string; item?: string; quantity?: number; due?: string; operations: number }[]; faults: { line?: number; column?: number; header?: string; en: string; nl: string }[] }

const columns: Record<string, Key> = { number: "order.number", quantity: "order.quantity", customer: "order.customer", item: "order.item", description: "order.description", unit: "order.unit", due: "order.due", operation: "order.operation", name: "folder.name", machine: "oee.machine", group: "shop.group", program: "oee.program", cycle: "shop.cycle", setup: "order.setup" }, needed = ["number", "quantity"];
const result: Record<string, "good" | "none" | "bad"> = { taken: "good", repeated: "none", refused: "bad" };
const why = (c: Came) => (language.get() === "nl" ? c.reason_nl ?? c.reason : c.reason) ?? "";

function Log({ folder }: { folder: string }) {
  const files = usePages<Came>("order-folders/log?" + query({ folder: folder || undefined, limit: 50 }), (d) => d.files, (c) => c.id), [error, setError] = useState<Error | null>(null), operator = may("operator");
  useRenewal(files, 50, 5000);
  const seen = (c: Came) => void send("POST", `order-folders/log/${c.id}/acknowledge`).then(() => { setError(null); files.again(); }, setError);
  return <section class="panel"><div class="above"><h2>{t("folder.log")}</h2><button onClick={files.again}>{t("folder.again")}</button></div>{(error ?? (files.data && files.error)) && <Problem error={(error ?? files.error)!} />}<Answer of={files}>{(l) => l.length ? <><Table label={t("folder.log")} head={[t("time"), ...(folder ? [] : [t("folder")]), t("file"), t("folder.result"), t("orders"), t("folder.why"), ...(operator ? [""] : [])]}>
    {l.map((c) => <tr key={c.id}><td><Time at={c.at} /></td>{!folder && <td><a href={`#/orders/folders/${encodeURIComponent(c.folder)}`}>{c.folder}</a></td>}<td class="wrap">{c.name}</td><td><Mark quality={result[c.result] ?? "none"} text={word("folder.result", c.result)} /></td><td class="n">{c.orders}</td><td class="wrap told">{why(c) || "–"}</td>{operator && <td class="do">{c.result === "refused" && !c.acknowledged && <button class="small" onClick={() => seen(c)} aria-label={t("folder.seenOf", { name: c.name })}>{t("folder.seen")}</button>}</td>}</tr>)}</Table>
    {files.more && <div class="buttons left"><button disabled={files.busy} onClick={files.older}>{t("older")}</button></div>}</> : <p class="soft">{t("folder.noLog")}</p>}</Answer></section>;
}
/** What a file would do, without doing it. */
function Try({ folder }: { folder: string }) {
  const { act, busy, problem } = useAct(), [said, setSaid] = useState<Tried | null>(null);
  const go = (file: File | undefined) => file && void act(async () => { setSaid(null); setSaid(await api<Tried>(`order-folders/${encodeURIComponent(folder)}/check`, { method: "POST", body: file, headers: { "Content-Type": "text/plain" } })); });
  return <section class="panel"><h2>{t("folder.try")}</h2><p class="soft">{t("folder.tryText")}</p><input type="file" aria-label={t("folder.try")} accept=".csv,.txt,.xml" disabled={busy} onChange={(e) => go(e.currentTarget.files?.[0])} />{problem}
    <div role="status">{said && <p><Mark quality={said.good ? "good" : "bad"} text={said.good ? t("folder.wouldTake", { n: said.orders.length }) : t("folder.wouldRefuse", { n: said.faults.length })} /></p>}</div>
    {said && !said.good && <ul class="faults">{said.faults.map((f, i) => <li key={i}>{language.get() === "nl" ? f.nl : f.en}</li>)}</ul>}
    {said?.good && said.orders.length > 0 && <Table label={t("folder.try")} head={[t("order.one"), t("order.customer"), t("order.item"), t("order.quantity"), t("order.due"), t("order.operations")]}>{said.orders.slice(0, 50).map((o, i) => <tr key={i}><td>{o.number}</td><td>{o.customer ?? "–"}</td><td>{o.item ?? "–"}</td><td class="n">{o.quantity ?? "–"}</td><td><Due at={o.due} /></td><td class="n">{o.operations}</td></tr>)}</Table>}</section>;
}
const rows = (o: Record<string, string> | null | undefined) => Object.entries(o ?? {}).map(([theirs, ours]) => ({ theirs, ours }));
const object = (l: { theirs: string; ours: string }[]) => Object.fromEntries(l.filter((x) => x.theirs && x.ours).map((x) => [x.theirs, x.ours]));
function Words({ title, text, of, set, hint }: { title: string; text: string; of: { theirs: string; ours: string }[]; set: (l: { theirs: string; ours: string }[]) => void; hint: [string, string] }) {
  const word_ = list(of, set);
  return <details open={of.length > 0}><summary>{title}</summary><p class="soft">{text}</p>{of.map((x, i) => <div class="item" key={i}><Drop name={x.theirs || title} act={() => word_.drop(i)} /><div class="two"><Text label={t("folder.theirs")} value={x.theirs} set={(theirs) => word_.set(i, { theirs })} required placeholder={hint[0]} /><Text label={t("folder.ours")} value={x.ours} set={(ours) => word_.set(i, { ours })} required placeholder={hint[1]} /></div></div>)}
    <div class="buttons left"><button type="button" onClick={() => word_.add({ theirs: "", ours: "" })}>{t("folder.addWord")}</button></div></details>;
}
function PartyForm({ title, of, set, peppol }: { title: string; of: Party; set: (p: Party) => void; peppol: boolean }) {
  const put = (change: Party) => set({ ...of, ...change }), any = peppol || !!(of.endpoint || of.scheme || of.country || of.registration);
  return <fieldset class="party"><legend>{title}</legend><div class="three"><Text label={t("name")} value={of.name} set={(name) => put({ name })} required={any} maxLength={200} /><Text label={t("folder.endpoint")} value={of.endpoint} set={(endpoint) => put({ endpoint })} required={peppol} /><Text label={t("folder.scheme")} help={t("folder.schemeHelp")} value={of.scheme} set={(scheme) => put({ scheme })} required={peppol || !!of.endpoint} placeholder="0106" />
    <Text label={t("folder.country")} value={of.country} set={(country) => put({ country: country.toUpperCase() })} required={peppol} maxLength={2} placeholder="NL" /><Text label={t("folder.registration")} value={of.registration} set={(registration) => put({ registration })} /></div></fieldset>;
}
const trim = <T extends object>(o: T | null | undefined) => { const kept = Object.entries(o ?? {}).filter(([, v]) => v !== "" && v !== null && v !== undefined); return kept.length ? (Object.fromEntries(kept) as T) : undefined; };
function Form({ doc, of, done }: { doc: Doc; of: Folder | null; done: (name: string) => void }) {
  const [f, setF] = useState<Folder>(of ?? { name: "", format: "csv" }), [machines, setMachines] = useState(rows(of?.machines)), [units, setUnits] = useState(rows(of?.units)), { act, busy, problem } = useAct(), put = (change: Partial<Folder>) => setF({ ...f, ...change }), csv = f.format === "csv" || !f.format, yes = (v: unknown) => String(v ?? true) !== "false";
  const save = (e: SubmitEvent) => {
    e.preventDefault();
    const made = { ...trim(f)!, columns: csv ? trim(f.columns) : undefined, machines: trim(object(machines)), units: trim(object(units)), own: trim(f.own), partner: trim(f.partner) } as Folder, all = doc.folders ?? [];
    void act(async () => {
      await send("PUT", "order-folders", { folders: of ? all.map((x) => (x.name === of.name ? made : x)) : [...all, made] });
      done(made.name);
    });
  };
  const choose = (label: string, k: "encoding" | "separator" | "decimal" | "dates" | "times" | "changes" | "language", of: [string, string][], help?: string) => <Choose label={label} value={f[k] ?? of[0][0]} set={(v) => put({ [k]: v })} of={of} help={help} />;
  return <form class="plan" onSubmit={save}><section class="panel"><h2>{of ? t("editOf", { name: of.name }) : t("folder.add")}</h2><div class="two">
    <Text label={t("name")} value={f.name} set={(name) => put({ name })} required maxLength={60} readOnly={!!of} pattern="[^\/.][^\/]*" placeholder="isah" help={t("folder.nameHelp")} /><Choose label={t("folder.format")} value={f.format ?? "csv"} set={(format) => put({ format })} of={["csv", "ubl21", "peppol"].map((x) => [x, word("folder.format", x)])} />
    <Text label={t("folder.path")} help={t("folder.pathHelp")} value={f.path} set={(path) => put({ path })} placeholder="/srv/orders/isah" /><Text label={t("order.sender")} help={t("folder.senderHelp")} value={f.sender} set={(sender) => put({ sender })} />
    {choose(t("folder.changes"), "changes", [["refuse", t("folder.refuse")], ["replace", t("folder.replace")]], t("folder.changesHelp"))}{choose(t("language"), "language", [["en", "English"], ["nl", "Nederlands"]], t("folder.languageHelp"))}</div>
    <label class="check"><input type="checkbox" checked={yes(f.bookings)} onChange={(e) => put({ bookings: e.currentTarget.checked })} /> <span>{t("folder.bookings")}</span></label>{!csv && <label class="check"><input type="checkbox" checked={yes(f.acknowledge)} onChange={(e) => put({ acknowledge: e.currentTarget.checked })} /> <span>{t("folder.acknowledge")}</span></label>}</section>
    {csv ? <section class="panel"><h2>{t("folder.csv")}</h2><div class="three">{choose(t("folder.encoding"), "encoding", [["auto", t("folder.auto")], ["utf-8", "UTF-8"], ["windows-1252", "Windows-1252"]])}{choose(t("folder.separator"), "separator", [["auto", t("folder.auto")], [";", "; "], [",", ", "], ["tab", "tab"]])}{choose(t("folder.decimal"), "decimal", [["auto", t("folder.auto")], [",", "12,5"], [".", "12.5"]])}
      {choose(t("folder.dates"), "dates", [["auto", t("folder.auto")], ["dmy", "31-12-2026"], ["mdy", "12-31-2026"]])}{choose(t("folder.times"), "times", [["", t("folder.timesNot")], ["seconds", t("folder.seconds")], ["minutes", t("folder.minutes")], ["hours", t("folder.hours")]], t("folder.timesHelp"))}</div>
      <h3>{t("folder.columns")}</h3><p class="soft">{t("folder.columnsText")}</p><div class="three">{Object.entries(columns).map(([c, name]) => <Text key={c} label={`${t(name)}${needed.includes(c) ? " *" : ""}`} value={f.columns?.[c]} set={(v) => put({ columns: { ...f.columns, [c]: v } })} placeholder={t("folder.byItself")} />)}</div></section>
      : <section class="panel"><h2>{t("folder.parties")}</h2><p class="soft">{t("folder.partiesText")}</p><PartyForm title={t("folder.own")} of={f.own ?? {}} set={(own) => put({ own })} peppol={f.format === "peppol"} /><PartyForm title={t("folder.partner")} of={f.partner ?? {}} set={(partner) => put({ partner })} peppol={f.format === "peppol"} /><div class="three"><Text label={t("folder.currency")} value={f.currency} set={(currency) => put({ currency: currency.toUpperCase() })} maxLength={3} placeholder="EUR" /></div></section>}
    <section class="panel"><h2>{t("folder.words")}</h2><Words title={t("folder.machines")} text={t("folder.machinesText")} of={machines} set={setMachines} hint={["DMG50", "hall/mill"]} /><Words title={t("folder.units")} text={t("folder.unitsText")} of={units} set={setUnits} hint={["STUKS", "H87"]} /></section>
    {problem}<div class="buttons left save"><button class="main" disabled={busy}>{t("save")}</button><a class="button" href={of ? `#/orders/folders/${encodeURIComponent(of.name)}` : "#/orders/folders"}>{t("cancel")}</a></div></form>;
}
function One({ f, doc, changed }: { f: Folder; doc: Doc; changed: () => void }) {
  const [remove, setRemove] = useState(false), mapped = Object.entries(f.columns ?? {}).map(([k, v]) => `${columns[k] ? t(columns[k]) : k}: ${v}`).join(", ");
  return <><div class="above"><h2><a href="#/orders/folders">{t("folders")}</a> / {f.name}</h2>{may("engineer") && <span class="buttons"><a class="button" href={`#/orders/folders/${encodeURIComponent(f.name)}?edit=1`}>{t("edit")}</a><button onClick={() => setRemove(true)}>{t("remove")}</button></span>}</div>
    <dl class="plate"><div><dt>{t("folder.format")}</dt><dd>{word("folder.format", f.format ?? "csv")}</dd></div><div><dt>{t("folder.path")}</dt><dd><code>{f.path ?? `orders/${f.name}`}</code></dd></div>{f.sender && <div><dt>{t("order.sender")}</dt><dd>{f.sender}</dd></div>}<div><dt>{t("folder.changes")}</dt><dd>{t(f.changes === "replace" ? "folder.replace" : "folder.refuse")}</dd></div>{mapped && <div><dt>{t("folder.columns")}</dt><dd>{mapped}</dd></div>}</dl>
    <p class="soft">{t("folder.how")}</p><Log folder={f.name} />{may("operator") && <Try folder={f.name} />}
    {remove && <Confirm title={t("remove.of", { name: f.name })} text={t("folder.removeText")} word={t("remove")} danger act={() => send("PUT", "order-folders", { folders: (doc.folders ?? []).filter((x) => x.name !== f.name) })} close={(done) => { setRemove(false); if (done) { changed(); go("#/orders/folders"); } }} />}</>;
}
export function Folders({ name }: { name: string }) {
  const d = useApi<Doc>("order-folders"), edit = route.use().params.get("edit"), engineer = may("engineer");
  const done = (n: string) => { d.again(); go(`#/orders/folders/${encodeURIComponent(n)}`); };
  return <Answer of={d}>{(doc) => {
    const all = doc.folders ?? [], f = all.find((x) => x.name === name);
    if (engineer && (edit === "1" || edit === "new")) return <Form key={name} doc={doc} of={f ?? null} done={done} />;
    if (f) return <One f={f} doc={doc} changed={d.again} />;
    return <><div class="above"><p class="soft">{t("folder.text")}</p>{engineer && <a class="button main" href="#/orders/folders?edit=new">{t("folder.add")}</a>}</div>
      {all.length ? <Table label={t("folders")} head={[t("name"), t("folder.format"), t("folder.path"), t("folder.changes")]}>{all.map((x) => <tr key={x.name}><td><a href={`#/orders/folders/${encodeURIComponent(x.name)}`}><b>{x.name}</b></a></td><td>{word("folder.format", x.format ?? "csv")}</td><td class="wrap"><code>{x.path ?? `orders/${x.name}`}</code></td><td>{t(x.changes === "replace" ? "folder.replace" : "folder.refuse")}</td></tr>)}</Table> : <Empty title={t("folder.none")}><p>{t("folder.noneText")}</p></Empty>}
      {all.length > 0 && <Log folder="" />}</>;
  }}</Answer>;
}
