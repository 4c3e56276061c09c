// SPDX-License-Identifier: Apache-2.0
// The devices that warnings are held against: what is known of each, by whom, what its firmware was.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { Card, type Finding, Pager, toDevice, toFindings, useAnswer } from "./finding";
import { blank, Saver, Text, useAct } from "./form";
import { count, type Key, t, word } from "./lang";
import { go, replace, route, toAsset } from "./route";
import { Answer, Choose, Confirm, Dialog, Empty, Field, Mark, Problem, Search, Table, Time } from "./ui";

const fields = ["manufacturer", "product", "orderCode", "serialNumber", "hardware", "firmware", "cpe", "purl"] as const;
type Fields = Record<(typeof fields)[number], string | null>;
interface Device extends Fields { id: number; name: string; source: string; weight: string; partOf: number | null; expected: string | null; expectedUntil: string | null; unexpectedChange: boolean; changed: string; readAs: { manufacturer: string | null; orderCode: string | null; firmware: boolean } }
interface Version { at: string; old: string | null; new: string | null; via: string; expected: boolean; confirmed: string | null; who: string | null }
const LISTED = 50, weights = ["by-kind", "low", "normal", "high"];
const at = (id: number) => `inventory/${id}`;

/** How sure its firmware is. */
function Firmware({ d }: { d: Device }) {
  if (!d.firmware) return <Mark quality="uncertain" text={t("inventory.noFirmware")} />;
  return <>{d.firmware}{!d.readAs.firmware && <Mark quality="uncertain" text={t("inventory.unread")} />}{d.unexpectedChange && <Mark quality="bad" text={t("inventory.surprise")} />}</>;
}
const Fieldset = ({ of, set, children }: { of: Partial<Fields>; set: (f: Partial<Fields>) => void; children?: ComponentChildren }) => <div class="two">{fields.map((k) => <Text key={k} label={t(`device.${k}` as Key)} help={k === "firmware" || k === "orderCode" ? t(`device.${k}Help` as Key) : undefined} value={of[k]} maxLength={500} set={(v) => set({ ...of, [k]: v })} />)}{children}</div>;
function Add({ close }: { close: (done: boolean) => void }) {
  const [name, setName] = useState(""), [f, setF] = useState<Partial<Fields>>({});
  return <Confirm title={t("inventory.add")} text={t("inventory.addText")} word={t("inventory.add")} close={close} act={() => send("POST", "inventory", { name: name.trim(), ...Object.fromEntries(Object.entries(f).filter(([, v]) => v?.trim())) })}>
    <Text label={t("name")} help={t("inventory.nameHelp")} value={name} set={setName} required placeholder="hall1/press/drive" /><Fieldset of={f} set={setF} /></Confirm>;
}
/** A spreadsheet's list, or a bill of materials of one device. */
function Import({ of, close }: { of?: string; close: (done: boolean) => void }) {
  const [text, setText] = useState(""), [host, setHost] = useState(of ?? ""), [done, setDone] = useState<{ devices: number; made: number; changed: number; removed: number } | null>(null), { act, busy, problem } = useAct(), bom = /^\s*\{/.test(text);
  const go = (e: Event) => { e.preventDefault(); void act(async () => setDone(await send("POST", "inventory/import", { text, ...(bom && host.trim() ? { of: host.trim() } : {}) }))); };
  return <Dialog title={t("inventory.import")} close={() => close(!!done)}>{done ? <><p role="status">{t("inventory.imported", { n: count(done.devices), made: count(done.made), changed: count(done.changed), removed: count(done.removed) })}</p><div class="buttons"><button class="main" onClick={() => close(true)}>{t("inventory.close")}</button></div></>
    : <form onSubmit={go}><p>{t("inventory.importText")}</p><p class="soft"><code>name;manufacturer;product;orderCode;serialNumber;firmware</code></p>
      <Field label={t("file")}><input type="file" accept=".csv,.txt,.json" required onChange={(e) => void e.currentTarget.files?.[0]?.text().then(setText)} /></Field>
      {bom && <Text label={t("inventory.of")} help={t("inventory.ofHelp")} value={host} set={setHost} required />}{problem}
      <div class="buttons"><button type="button" onClick={() => close(false)}>{t("cancel")}</button><button class="main" disabled={busy || !text}>{t("inventory.take")}</button></div></form>}</Dialog>;
}
function Aliases({ close }: { close: () => void }) {
  const a = useApi<{ text: string }>("vendor-aliases"), [text, setText] = useState<string | null>(null);
  return <Answer of={a}>{(d) => <Confirm title={t("inventory.aliases")} text={t("inventory.aliasesText")} word={t("save")} act={() => send("PUT", "vendor-aliases", { text: text ?? d.text })} close={close}>
    <Field label={t("inventory.aliases")}><textarea rows={8} spellcheck={false} value={text ?? d.text} placeholder="Allen-Bradley = Rockwell Automation" onInput={(e) => setText(e.currentTarget.value)} /></Field></Confirm>}</Answer>;
}

function List() {
  const r = route.use(), find = r.params.get("find") ?? undefined, needs = r.params.get("needs") ?? undefined, skip = Number(r.params.get("skip") ?? 0), engineer = may("engineer"), [open, setOpen] = useState<"add" | "import" | "aliases" | null>(null);
  const list = useApi<{ devices: Device[]; total: number }>(`inventory?${query({ find, needs, skip, limit: LISTED })}`), put = (q: Record<string, string | number | undefined>) => replace(`#/security/inventory?${query({ find, needs, ...q })}`);
  const close = (done?: boolean) => { setOpen(null); if (done) list.again(); };
  return <><div class="above"><div class="filters"><Search label={t("find")} value={find ?? ""} set={(v) => put({ find: v || undefined })} placeholder={t("inventory.findHint")} />
      <Choose label={t("findings.state")} value={needs ?? ""} set={(v) => put({ needs: v || undefined })} of={[["", t("findings.all")], ...["firmware", "product", "confirmation"].map((k) => [k, word("needs", k)] as [string, string])]} /></div>
      {engineer && <span class="buttons"><button class="main" onClick={() => setOpen("add")}>{t("inventory.add")}</button><button onClick={() => setOpen("import")}>{t("inventory.importDo")}</button><button onClick={() => setOpen("aliases")}>{t("inventory.aliasesDo")}</button></span>}</div>
    {needs === "firmware" && <p class="notice"><span>{t("inventory.blindText")}</span></p>}
    <Answer of={list}>{(d) => d.devices.length ? <><Table label={t("inventory")} head={[t("device"), t("device.manufacturer"), t("device.product"), t("device.orderCode"), t("device.firmware"), t("device.source")]}>
      {d.devices.map((x) => <tr key={x.id}><td class="wrap"><a href={toDevice(x.id)}><b>{x.name}</b></a></td><td class="wrap">{x.manufacturer ?? "–"}</td><td class="wrap">{x.product ?? "–"}</td><td class="wrap">{x.orderCode ?? "–"}</td><td class="wrap"><Firmware d={x} /></td><td>{word("source", x.source)}</td></tr>)}</Table>
      <Pager skip={skip} limit={LISTED} total={d.total} to={(s) => put({ skip: s || undefined })} /></> : <Empty title={t(find || needs ? "findings.none" : "inventory.none")}>{!find && !needs && <p>{t("security.begin1Text")}</p>}</Empty>}</Answer>
    {open === "add" && <Add close={close} />}{open === "import" && <Import close={close} />}{open === "aliases" && <Aliases close={close} />}</>;
}

/** What a person knows better; what is emptied the machine says again. */
function Edit({ d, done, saved }: { d: Device; done: boolean; saved: () => void }) {
  const now = Object.fromEntries([...fields.map((k) => [k, d[k] ?? ""])]) as Record<string, string>, [f, setF] = useState<Record<string, string>>(now), [weight, setWeight] = useState(d.weight), { act, busy, problem } = useAct();
  const changed = Object.fromEntries(fields.filter((k) => f[k] !== now[k]).map((k) => [k, blank(f[k].trim())])), dirty = Object.keys(changed).length > 0 || weight !== d.weight;
  const save = (e: Event) => { e.preventDefault(); void act(() => send("PATCH", at(d.id), { ...changed, ...(weight !== d.weight ? { weight } : {}) }).then(saved)); };
  return <form class="panel" onSubmit={save}><h2>{t("device.known")}</h2><p class="soft">{t(d.source === "model" ? "device.knownMachine" : "device.knownText")}</p>
    <Fieldset of={f} set={(x) => setF(x as Record<string, string>)}><Choose label={t("device.weight")} help={t("device.weightHelp")} value={weight} set={setWeight} of={weights.map((w) => [w, word("weight", w)])} /></Fieldset>
    {(d.readAs.manufacturer || d.readAs.orderCode) && <p class="soft">{t("device.readAs")} {[d.readAs.manufacturer, d.readAs.orderCode].filter(Boolean).map((x, i) => <code key={i}>{x}</code>)}</p>}
    {problem}{may("engineer") && <Saver busy={busy} dirty={dirty} done={done} back={() => { setF(now); setWeight(d.weight); }} />}</form>;
}
function Expect({ d, close }: { d: Device; close: (done: boolean) => void }) {
  const [version, setVersion] = useState(""), [hours, setHours] = useState("8");
  return <Confirm title={t("device.expect")} text={t("device.expectText")} word={t("device.expectDo")} close={close} act={() => send("POST", `${at(d.id)}/expect`, { version: version.trim(), until: new Date(Date.now() + Number(hours) * 3600e3).toISOString() })}>
    <div class="two"><Text label={t("device.expectVersion")} help={t("device.expectAny")} value={version} set={setVersion} placeholder="V2.9.7" /><Choose label={t("device.expectFor")} value={hours} set={setHours} of={["1", "4", "8", "24", "72"].map((h) => [h, `${h} ${t("hours")}`])} /></div></Confirm>;
}
function Past({ of }: { of: Version[] }) {
  if (!of.length) return <p class="soft">{t("device.noPast")}</p>;
  return <Table label={t("device.past")} head={[t("time"), t("device.from"), t("device.to"), t("device.via"), t("device.how")]}>{of.map((v, i) => <tr key={i}><td><Time at={v.at} /></td><td>{v.old ?? "–"}</td><td>{v.new ?? "–"}</td><td>{word("by", v.via)}{v.who && `, ${v.who}`}</td>
    <td>{v.expected ? <Mark quality="good" text={t("device.announced")} /> : v.confirmed ? <Mark quality="good" text={t("device.confirmed")} /> : <Mark quality="bad" text={t("inventory.surprise")} />}</td></tr>)}</Table>;
}
function Findings({ id }: { id: number }) {
  const list = useApi<{ findings: Finding[]; total: number }>(`advisories?${query({ device: id, limit: 10 })}`), { say, said } = useAnswer(list.again);
  return <section class="panel"><h2>{t("findings")}</h2>{said}<Answer of={list}>{(d) => d.total ? <><ul class="findings">{d.findings.map((f) => <Card key={f.advisory} f={f} say={say} />)}</ul>{d.total > d.findings.length && <p><a href={toFindings({ device: id })}>{t("security.more", { n: count(d.total - d.findings.length) })}</a></p>}</> : <p class="soft">{t("device.clear")}</p>}</Answer></section>;
}
function One({ id }: { id: number }) {
  const d = useApi<Device & { history: Version[] }>(at(id)), [done, setDone] = useState(false), engineer = may("engineer"), [open, setOpen] = useState<"expect" | "remove" | "import" | null>(null), { act, busy, problem } = useAct();
  const close = (done: boolean) => { setOpen(null); if (done) d.again(); };
  return <Answer of={d}>{(x) => <><div class="above"><h2>{x.name}</h2>{x.source === "model" && <a class="button" href={toAsset(x.name)}>{t("device.toAsset")}</a>}{x.partOf !== null && <a class="button" href={toDevice(x.partOf)}>{t("device.toHost")}</a>}
      {engineer && <span class="buttons"><button onClick={() => setOpen("expect")}>{t("device.expect")}</button><button onClick={() => setOpen("import")}>{t("device.parts")}</button><button onClick={() => setOpen("remove")}>{t("remove")}</button></span>}</div>
    {d.error && <Problem error={d.error} />}{problem}
    {x.unexpectedChange && <p class="notice bad"><span>{t("device.surpriseText")}</span>{engineer && <button disabled={busy} onClick={() => void act(() => send("POST", `${at(id)}/confirm`).then(d.again))}>{t("device.confirm")}</button>}</p>}
    {x.expected !== null && x.expectedUntil && Date.parse(x.expectedUntil) > Date.now() && <p class="notice good"><span>{t(x.expected ? "device.awaits" : "device.awaitsAny", { version: x.expected })} <Time at={x.expectedUntil} /></span></p>}
    <Findings id={id} /><Edit key={x.changed} d={x} done={done} saved={() => { setDone(true); d.again(); }} /><section class="panel"><h2>{t("device.past")}</h2><Past of={x.history} /></section>
    {open === "expect" && <Expect d={x} close={close} />}{open === "import" && <Import of={x.name} close={close} />}
    {open === "remove" && <Confirm title={t("remove.of", { name: x.name })} text={t(x.source === "model" ? "device.removeModel" : "device.removeText")} word={t("remove")} danger act={() => send("DELETE", at(id))} close={(done) => { setOpen(null); if (done) go("#/security/inventory"); }} />}</>}</Answer>;
}
export function InventoryPart() {
  const [part, id] = route.use().rest.split("/");
  return part === "device" && Number(id) ? <One key={id} id={Number(id)} /> : <List />;
}
