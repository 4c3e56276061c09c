// SPDX-License-Identifier: Apache-2.0
// An order by hand.
import { useState } from "preact/hooks";
import { type Failure, send, useApi } from "./api";
import { Drop, list, Text, useAct } from "./form";
import { t } from "./lang";
import { endOf, Place, usePlaces } from "./order_page";
import { go } from "./route";
import { Choose, Field, Page } from "./ui";

interface Op { number: string; name: string; asset: string; group: string; program: string; cycle: string; setup: string }
const numeral = (s: string) => { const n = Number(s.trim().replace(",", ".")); return s.trim() && Number.isFinite(n) ? n : undefined; };
const fresh = (n: number): Op => ({ number: String((n + 1) * 10), name: "", asset: "", group: "", program: "", cycle: "", setup: "" });
export function NewOrder() {
  const [o, setO] = useState({ number: "", customer: "", item: "", description: "", unit: "H87", quantity: "", due: "", direction: "in", folder: "" }), [ops, setOps] = useState([fresh(0)]), { act, busy, problem, error } = useAct(), [there, setThere] = useState<number | null>(null), places = usePlaces();
  const put = (change: Partial<typeof o>) => setO({ ...o, ...change }), op = list(ops, setOps), folders = (useApi<{ folders?: { name: string; format?: string }[] }>("order-folders").data?.folders ?? []).filter((f) => f.format === "ubl21" || f.format === "peppol");
  const save = (replace: boolean) => act(async () => {
    const some = (s: string) => s.trim() || undefined;
    const made = await send<{ id: number; repeated?: boolean }>("POST", "orders", { direction: o.direction, number: o.number.trim(), customer: some(o.customer), item: some(o.item), description: some(o.description), unit: some(o.unit), quantity: numeral(o.quantity), due: endOf(o.due), folder: o.direction === "out" ? some(o.folder) : undefined, replace: replace || undefined,
      operations: ops.map((x) => ({ number: x.number.trim(), name: some(x.name), asset: some(x.asset), machineGroup: some(x.group), program: some(x.program), cycle: some(x.cycle), setup: some(x.setup) })) });
    if (made.repeated) setThere(made.id);
    else go(`#/orders/${made.id}`);
  });
  return <Page title={t("orders.new")} crumbs={<a href="#/orders">{t("orders")}</a>}><form class="plan" onSubmit={(e) => { e.preventDefault(); void save(false); }}>
    <section class="panel"><div class="two"><Text label={t("order.number")} value={o.number} set={(number) => put({ number })} required maxLength={127} autofocus />
      <Choose label={t("order.direction")} value={o.direction} set={(direction) => put({ direction })} of={[["in", t("order.in")], ["out", t("order.out")]]} />
      {o.direction === "out" ? <Choose label={t("order.supplier")} value={o.folder} set={(folder) => put({ folder })} help={t("order.supplierHelp")} of={[["", "–"], ...folders.map((f) => [f.name, f.name] as [string, string])]} /> : <Text label={t("order.customer")} value={o.customer} set={(customer) => put({ customer })} maxLength={500} />}
      <Text label={t("order.item")} value={o.item} set={(item) => put({ item })} required={o.direction === "out"} maxLength={500} /><Text label={t("order.quantity")} value={o.quantity} set={(quantity) => put({ quantity })} required inputMode="decimal" pattern="[0-9]+([.,][0-9]+)?" /><Text label={t("order.unit")} help={t("order.unitHelp")} value={o.unit} set={(unit) => put({ unit })} maxLength={3} />
      <Field label={t("order.due")}><input type="date" required value={o.due} onInput={(e) => put({ due: e.currentTarget.value })} /></Field><Text label={t("order.description")} value={o.description} set={(description) => put({ description })} maxLength={500} /></div></section>
    <section class="panel"><h2>{t("order.operations")}</h2>{ops.map((x, i) => <div class="item" key={i}>{ops.length > 1 && <Drop name={x.number} act={() => op.drop(i)} />}<div class="three"><Text label={t("order.opNumber")} value={x.number} set={(number) => op.set(i, { number })} required maxLength={127} /><Text label={t("name")} value={x.name} set={(name) => op.set(i, { name })} placeholder={t("order.opHint")} /><Place of={places} asset={x.asset} group={x.group} set={(asset, group) => op.set(i, { asset, group })} />
      <Text label={t("oee.program")} help={t("order.programHelp")} value={x.program} set={(program) => op.set(i, { program })} placeholder="O1000.NC" /><Text label={t("shop.cycle")} help={t("shop.cycleHelp")} value={x.cycle} set={(cycle) => op.set(i, { cycle })} placeholder="190s" /><Text label={t("order.setup")} value={x.setup} set={(setup) => op.set(i, { setup })} placeholder="45m" /></div></div>)}
      <div class="buttons left"><button type="button" onClick={() => op.add(fresh(ops.length))}>{t("order.addOperation")}</button></div></section>
    {problem}{there !== null && <div class="notice" role="status">{t("order.repeated")} <a href={`#/orders/${there}`}>{o.number}</a></div>}
    <div class="buttons left"><button class="main" disabled={busy}>{t("order.take")}</button><a class="button" href="#/orders">{t("cancel")}</a>{(error as Failure | null)?.status === 409 && <button type="button" disabled={busy} onClick={() => void save(true)}>{t("order.replace")}</button>}</div></form></Page>;
}
