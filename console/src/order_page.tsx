// SPDX-License-Identifier: Apache-2.0
// One order: its operations, begun and ended here by tablet, what was booked, and what the customer is told.
import { useState } from "preact/hooks";
import { may, send, useApi } from "./api";
import { BookingTable } from "./bookings";
import { MachineChoice, Text, useAct, useMachines } from "./form";
import { worked } from "./figures";
import { count, lasting, t, word } from "./lang";
import { now } from "./live";
import { nameOf } from "./model";
import { type Booking, living, type Operation, type Order } from "./order";
import { amount, Due, State } from "./orders";
import { dateText } from "./days";
import { toAsset } from "./route";
import { Answer, Choose, Confirm, Dialog, Field, Page, Problem, Time, useTick } from "./ui";

type Verb = "start" | "interrupt" | "finish";
/** The end of that day on this clock; nothing when none is chosen. */
export const endOf = (date: string) => (date ? new Date(`${date}T23:59:59`).toISOString() : undefined);
/** The day that ends then. */
const dayOf = (at: string) => dateText(new Date(Date.parse(at) - 1));
const whole = (s: string) => (s.trim() === "" ? undefined : Number(s));

export interface Places { groups: { name: string }[]; paths: string[] }
export function usePlaces(): Places {
  return { paths: useMachines(), groups: useApi<{ groups?: { name: string }[] }>("shop").data?.groups ?? [] };
}
/** Where it is worked: one machine, or any of a group. */
export function Place({ of: { groups, paths }, asset, group, set }: { of: Places; asset: string; group: string; set: (asset: string, group: string) => void }) {
  return <Choose label={t("order.where")} value={asset ? "m" + asset : group ? "g" + group : ""} set={(v) => set(v[0] === "m" ? v.slice(1) : "", v[0] === "g" ? v.slice(1) : "")}
    of={[["", t("order.nowhere")], ...groups.map((g) => ["g" + g.name, t("order.anyOf", { group: g.name })] as [string, string]), ...[...new Set([...(asset ? [asset] : []), ...paths])].map((p) => ["m" + p, p.replaceAll("/", " / ")] as [string, string])]} />;
}
/** What is said of work that begins or ends. */
function Act({ op, verb, close }: { op: Operation; verb: Verb; close: (said?: string) => void }) {
  const { act, busy, problem } = useAct(), [asset, setAsset] = useState(op.asset ?? ""), [good, setGood] = useState(""), [scrap, setScrap] = useState(""), [comment, setComment] = useState(""), machines = useMachines();
  const go = (e: Event) => {
    e.preventDefault();
    void act(async () => {
      const r = await send<{ interrupted?: number | null }>("POST", `operations/${op.id}/${verb}`, verb === "start" ? { asset: asset || undefined, comment: comment || undefined } : { good: whole(good), scrap: whole(scrap), comment: comment || undefined });
      close(r?.interrupted ? t("order.interruptedOther") : undefined);
    });
  };
  return <Dialog title={`${word("order.verb", verb)}: ${op.number}${op.name ? ` ${op.name}` : ""}`} close={() => close()}><form onSubmit={go}>
    {verb === "start" ? <MachineChoice of={machines} none="–" value={asset} set={setAsset} help={op.machineGroup && t("order.anyOf", { group: op.machineGroup })} />
      : <><p class="soft">{t("order.counted")}</p><div class="two"><Text label={t("oee.goodParts")} type="number" min={0} step={1} inputMode="numeric" value={good} set={setGood} placeholder={t("order.asCounted")} /><Text label={t("oee.scrapParts")} type="number" min={0} step={1} inputMode="numeric" value={scrap} set={setScrap} placeholder={t("order.asCounted")} /></div></>}
    <Text label={t("alarm.comment")} value={comment} set={setComment} maxLength={500} />
    {problem}<div class="buttons touch"><button type="button" onClick={() => close()}>{t("cancel")}</button><button class="main" disabled={busy || (verb === "start" && !asset)}>{word("order.verb", verb)}</button></div></form></Dialog>;
}
function Plan({ op, close }: { op: Operation; close: () => void }) {
  const { act, busy, problem } = useAct(), [at, setAt] = useState({ asset: op.asset ?? "", group: op.machineGroup ?? "" }), [due, setDue] = useState(op.due ? dayOf(op.due) : "");
  return <Dialog title={t("order.planOf", { op: op.number })} close={close}><form onSubmit={(e) => { e.preventDefault(); void act(() => send("PATCH", `operations/${op.id}`, { asset: at.asset || null, machineGroup: at.group || null, due: endOf(due) ?? null }).then(close)); }}>
    <Place of={usePlaces()} {...at} set={(asset, group) => setAt({ asset, group })} /><Field label={t("order.due")} help={t("order.dueHelp")}><input type="date" value={due} onInput={(e) => setDue(e.currentTarget.value)} /></Field>
    {problem}<div class="buttons"><button type="button" onClick={close}>{t("cancel")}</button><button class="main" disabled={busy}>{t("save")}</button></div></form></Dialog>;
}
function Step({ op, o, act, plan, quick }: { op: Operation; o: Order; act: (v: Verb) => void; plan: () => void; quick: () => void }) {
  const share = op.quantity > 0 ? Math.min(1, op.good / op.quantity) : 0, operator = may("operator") && living(o) && living(op), ours = o.direction === "in", since = op.startedAt && op.state === "started";
  return <li class={`step ${op.state}`}><div class="step-head"><h3>{op.number}{op.name && ` ${op.name}`}</h3><State of={op.state} />{op.due && op.due !== o.due && <span class="soft">{t("order.due")}: <Due at={op.due} over={living(op)} /></span>}</div>
    <p>{op.asset ? <a href={toAsset(op.asset)} title={op.asset}>{nameOf(op.asset)}</a> : op.machineGroup ? t("order.anyOf", { group: op.machineGroup }) : <span class="soft">{t("order.nowhere")}</span>}{op.program && <> · {t("oee.program")} <code>{op.program}</code></>}{op.item && op.item !== o.item && ` · ${op.item}`}
      <span class="soft"> {[op.setup && `${t("order.setup")} ${lasting(op.setup)}`, op.cycle && `${t("order.cycle")} ${lasting(op.cycle)}`].filter(Boolean).map((x) => ` · ${x}`)}</span></p>
    <div class="made-so"><progress max={1} value={share} aria-label={t("order.madeOf", { op: op.number })} /><b>{t("order.made", { n: count(op.good), of: amount(op.quantity, o.unit) })}</b>{op.scrap > 0 && <span class="error">{t("order.scrapN", { n: count(op.scrap) })}</span>}
      <span class="soft">{[op.workedSeconds > 0 && t("order.worked", { span: worked(op.workedSeconds) }), living(op) && op.remainingSeconds !== undefined && t("order.remaining", { span: worked(op.remainingSeconds) })].filter(Boolean).join(" · ")}{since && <> · {t("since")} <Time at={op.startedAt} /></>}{op.state === "finished" && op.finishedAt && <> · <Time at={op.finishedAt} /></>}</span></div>
    {operator && <div class="buttons left touch">{op.state === "started" ? <><button onClick={() => act("interrupt")}>{word("order.verb", "interrupt")}</button><button class="main" onClick={() => act("finish")}>{word("order.verb", "finish")}</button></> : <>{ours && <button class="main" onClick={op.asset ? quick : () => act("start")}>{op.asset ? t("order.startAt", { machine: nameOf(op.asset) }) : word("order.verb", "start")}</button>}
      {ours && op.asset && <button onClick={() => act("start")} aria-label={t("order.elsewhereOf", { op: op.number })}>{t("order.elsewhere")}</button>}<button onClick={() => act("finish")}>{word("order.verb", "finish")}</button></>}{ours && <button onClick={plan} aria-label={t("order.planOf", { op: op.number })}>{t("order.plan")}</button>}</div>}</li>;
}
/** What the customer is told; of an order we placed, what the supplier said. */
function Answer_({ o, close }: { o: Order; close: () => void }) {
  const { act, busy, problem } = useAct(), [answer, setAnswer] = useState(o.confirmation && o.confirmation !== "acknowledged" ? o.confirmation : "accepted"), [date, setDate] = useState(o.promised ?? o.due ? dayOf((o.promised ?? o.due)!) : dateText(new Date(now()))), [comment, setComment] = useState("");
  return <Dialog title={t(o.direction === "out" ? "order.said" : "order.confirm")} close={close}><form onSubmit={(e) => { e.preventDefault(); void act(() => send("POST", `orders/${o.id}/confirm`, { answer, promised: answer === "rejected" ? undefined : endOf(date), comment: comment || undefined }).then(close)); }}>
    <p class="soft">{t(o.folder && o.direction === "in" ? "order.confirmFolder" : "order.confirmText", { folder: o.folder ?? "" })}</p>
    <Choose label={t("order.answer")} value={answer} set={setAnswer} of={["accepted", "changed", "rejected"].map((a) => [a, word("answer", a)])} />
    {answer !== "rejected" && <Field label={t("order.promised")}><input type="date" required={answer === "changed"} value={date} onInput={(e) => setDate(e.currentTarget.value)} /></Field>}
    <Text label={t(answer === "rejected" ? "alarm.reason" : "alarm.comment")} value={comment} set={setComment} maxLength={500} required={answer === "rejected"} help={answer === "rejected" ? t("order.rejectHelp") : undefined} />
    {problem}<div class="buttons"><button type="button" onClick={close}>{t("cancel")}</button><button class={answer === "rejected" ? "danger" : "main"} disabled={busy}>{word("answer", answer)}</button></div></form></Dialog>;
}
function Facts({ o }: { o: Order }) {
  const all: [string, preact.ComponentChildren][] = [[t("order.customer"), o.customer], [t("order.sender"), o.sender], [t("order.item"), o.item], [t("order.quantity"), o.quantity !== undefined && amount(o.quantity, o.unit)], [t("order.due"), o.due && <Due at={o.due} over={living(o)} />], [t("order.promised"), o.promised && <Due at={o.promised} over={living(o)} />],
    [t("order.confirmation"), o.confirmation && word("confirmation", o.confirmation)], [t("alarm.comment"), o.comment], [t("order.source"), o.folder ? <><a href={`#/orders/folders/${encodeURIComponent(o.folder)}`}>{o.folder}</a>{o.source && <small class="block">{o.source}</small>}</> : o.source && word("via", o.source)], [t("order.received"), o.received && <Time at={o.received} />]];
  return <dl class="plate">{all.filter(([, v]) => v).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}
export function OrderView({ id }: { id: number }) {
  const of = useApi<Order>(`orders/${id}`, 10000), booked = useApi<{ bookings: Booking[] }>(`bookings?order=${id}&limit=200`, 10000), [act, setAct] = useState<{ op: Operation; verb: Verb } | null>(null), [plan, setPlan] = useState<Operation | null>(null), [dialog, setDialog] = useState<"confirm" | "cancel" | null>(null), [said, setSaid] = useState(""), [error, setError] = useState<Error | null>(null), o = of.data, operator = may("operator");
  useTick(30000);
  const again = (text = "") => { setAct(null); setPlan(null); setDialog(null); setError(null); setSaid(text); of.again(); booked.again(); };
  const quick = (op: Operation) => void send<{ interrupted?: number | null }>("POST", `operations/${op.id}/start`, {}).then((r) => again(r?.interrupted ? t("order.interruptedOther") : ""), setError);
  return <Page title={o ? <>{t(o.direction === "out" ? "order.titleOut" : "order.title", { number: o.number })} <State of={o.state} late={o.late} /></> : t("order.one")} crumbs={<a href="#/orders">{t("orders")}</a>}
    tools={o && operator && o.state !== "cancelled" && <>{living(o) && <button class={o.confirmation && o.confirmation !== "acknowledged" ? "" : "main"} onClick={() => setDialog("confirm")}>{t(o.direction === "out" ? "order.said" : "order.confirm")}</button>}{living(o) && <button onClick={() => setDialog("cancel")}>{t("order.cancel")}</button>}</>}>
    <Answer of={of}>{(d) => <>{d.description && <p>{d.description}</p>}<Facts o={d} />{error && <Problem error={error} />}{said && <div class="notice" role="status">{said}</div>}
      <section><h2>{t("order.operations")}</h2><ol class="steps-list">{d.operations.map((op) => <Step key={op.id} op={op} o={d} act={(verb) => setAct({ op, verb })} plan={() => setPlan(op)} quick={() => quick(op)} />)}</ol></section>
      <section class="panel"><h2>{t("bookings")}</h2><Answer of={booked}>{(b) => b.bookings.length ? <BookingTable list={b.bookings} /> : <p class="soft">{t("order.noBookings")}</p>}</Answer></section></>}</Answer>
    {act && <Act op={act.op} verb={act.verb} close={(text) => again(text)} />}
    {plan && <Plan op={plan} close={() => again()} />}
    {dialog === "confirm" && o && <Answer_ o={o} close={() => again()} />}
    {dialog === "cancel" && o && <Confirm title={t("order.cancelOf", { number: o.number })} text={t("order.cancelText")} word={t("order.cancel")} danger act={() => send("POST", `orders/${o.id}/cancel`)} close={() => again()} />}
  </Page>;
}
