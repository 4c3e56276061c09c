// SPDX-License-Identifier: Apache-2.0
// What is ordered, how far it is, what was worked at it, what time is free, and the folders through which orders come.
import type { ComponentChildren } from "preact";
import { may, query, usePages } from "./api";
import { Bookings } from "./bookings";
import { Capacity } from "./capacity";
import { Folders } from "./folders";
import { rounded } from "./figures";
import { useRenewal } from "./form";
import { count, day, hour, t, word } from "./lang";
import { now } from "./live";
import { nameOf } from "./model";
import { looks, type Order, progress } from "./order";
import { NewOrder } from "./order_new";
import { OrderView } from "./order_page";
import { replace, route } from "./route";
import { Answer, Choose, Empty, Mark, Page, Problem, Search, Table, Tabs } from "./ui";

export function State({ of, late }: { of: string; late?: boolean }) {
  return <><span class="badge" style={{ "--ink": looks[of] ?? "var(--soft)" }}>{word("order.state", of)}</span>{late && <> <Mark quality="bad" text={t("order.late")} /></>}</>;
}
/** The day by the end of which something must be ready, or the time; red when it is past. */
export function Due({ at, over }: { at?: string; over?: boolean }) {
  return at ? <time dateTime={at} class={over && Date.parse(at) < now() ? "error" : undefined}>{day(Date.parse(at) - 1)}{!/T(23:59:59|00:00:00)/.test(new Date(Date.parse(at) - new Date(at).getTimezoneOffset() * 60e3).toISOString()) && ` ${hour(at)}`}</time> : <>–</>;
}
export const amount = (n: number | undefined, unit?: string) => (n === undefined ? "–" : rounded(n, 3, unit && !/^(H87|C62|EA)$/.test(unit) ? unit : t("order.pieces")));
/** At which machines it is, or would be. */
const where = (o: Order) => [...new Set(o.operations.filter((x) => x.state === "started").map((x) => nameOf(x.asset ?? "")))].filter(Boolean).join(", ");

const states = ["active", "open", "started", "late", "finished", "cancelled", "all"];
function List() {
  const p = route.use().params, asked = p.get("state") ?? "active", state = states.includes(asked) ? asked : "active", q = p.get("q") ?? "", asset = p.get("asset") ?? "";
  const set = (o: Record<string, string>) => { const next = { state, q, asset, ...o }; replace(`#/orders?${query({ state: next.state === "active" ? undefined : next.state, q: next.q || undefined, asset: next.asset || undefined })}`); };
  const list = usePages<Order>("orders?" + query({ state, q: q || undefined, asset: asset || undefined, limit: 100 }), (d) => d.orders, (o) => o.id);
  useRenewal(list, 100, 15000);
  return <><div class="above"><div class="filters"><Choose label={t("alarm.which")} value={state} set={(s) => set({ state: s })} of={states.map((s) => [s, word("orders.which", s)])} />
    <Search label={t("orders.find")} value={q} set={(s) => set({ q: s })} placeholder={t("orders.findHint")} /><Search label={t("orders.at")} value={asset} set={(s) => set({ asset: s })} placeholder="hall/**" /></div>{may("operator") && <a class="button main" href="#/orders/new">{t("orders.new")}</a>}</div>
    {list.data && list.error && <Problem error={list.error} />}
    <Answer of={list}>{(l) => l.length ? <><Table label={t("orders")} head={[t("order.due"), t("order.one"), t("order.customer"), t("order.item"), t("order.quantity"), t("order.progress"), t("order.now"), t("order.confirmation")]}>
      {l.map((o) => <tr key={o.id}><td><Due at={o.promised ?? o.due} over={o.state === "open" || o.state === "started"} /></td><td><a href={`#/orders/${o.id}`}><b>{o.number}</b></a>{o.direction === "out" && <small class="block">{t("order.out")}</small>}</td><td>{o.customer ?? o.sender ?? "–"}</td><td>{o.item ?? o.operations[0]?.item ?? "–"}{o.description && <small class="block">{o.description}</small>}</td><td class="n">{amount(o.quantity ?? o.operations[0]?.quantity, o.unit)}</td>
        <td><progress max={1} value={progress(o)} aria-label={t("order.progress")} /> <small>{o.operations.length === 1 ? t("order.made", { n: count(o.operations[0].good), of: count(o.operations[0].quantity) }) : t("orders.done", { n: o.operations.filter((x) => x.state === "finished").length, of: o.operations.length })}</small></td><td><State of={o.state} late={o.late} />{where(o) && <small class="block">{where(o)}</small>}</td><td>{o.confirmation ? word("confirmation", o.confirmation) : "–"}</td></tr>)}</Table>
      <div class="buttons left">{list.more ? <button disabled={list.busy} onClick={list.older}>{t("orders.more")}</button> : null}</div></>
      : state === "active" && !q && !asset ? <Empty title={t("orders.none")}><p>{t("orders.noneText")}</p><p>{may("operator") && <a class="button main" href="#/orders/new">{t("orders.new")}</a>} <a class="button" href="#/orders/folders">{t("folders")}</a></p></Empty> : <Empty title={t("orders.noneSuch")} />}</Answer></>;
}

export function OrdersPage() {
  const { rest } = route.use(), [at, ...more] = rest.split("/"), id = Number(at), tabs: [string, string][] = [["", t("orders")], ["bookings", t("bookings")], ["capacity", t("capacity")], ["folders", t("folders")]];
  const known: Record<string, ComponentChildren> = { bookings: <Bookings />, capacity: <Capacity />, folders: <Folders name={more.join("/")} /> };
  if (id > 0) return <OrderView id={id} />;
  if (at === "new" && may("operator")) return <NewOrder />;
  return <Page title={t("orders")}><Tabs label={t("orders")} at={at in known ? at : ""} of={tabs.map(([k, n]) => [k, n, `#/orders${k && "/" + k}`])} />{known[at] ?? <List />}</Page>;
}
