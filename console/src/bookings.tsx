// SPDX-License-Identifier: Apache-2.0
// What was worked at which operation, from when to when, and what came of it.
import { query, usePages } from "./api";
import { worked } from "./figures";
import { count, t, word } from "./lang";
import { nameOf } from "./model";
import type { Booking } from "./order";
import { PeriodBar, periodOf, spanOf } from "./period";
import { replace, route, toAsset } from "./route";
import { Answer, csv, download, Empty, Problem, Search, Table, Time } from "./ui";

export function BookingTable({ list, order }: { list: Booking[]; order?: boolean }) {
  return <Table label={t("bookings")} head={[...(order ? [t("order.one")] : []), t("order.operation"), t("oee.machine"), t("alarm.begun"), t("calendar.end"), t("oee.goodParts"), t("oee.scrapParts"), t("booking.running"), t("order.setup"), t("booking.other"), t("booking.by")]}>
    {list.map((b) => <tr key={b.id}>{order && <td><a href={`#/orders/${b.order}`}>{b.number}</a></td>}<td>{b.operationNumber}</td><td>{b.asset ? <a href={toAsset(b.asset)} title={b.asset}>{nameOf(b.asset)}</a> : "–"}</td><td><Time at={b.start} /></td><td>{b.end ? <Time at={b.end} /> : <b>{t("booking.open")}</b>}</td><td class="n">{count(b.good)}</td><td class="n">{count(b.scrap)}</td><td class="n">{worked(b.runningSeconds)}</td><td class="n">{worked(b.setupSeconds)}</td><td class="n">{worked(b.otherSeconds)}</td>
      <td>{b.who || (b.via && word("via", b.via)) || "–"}{b.comment && <small class="block">“{b.comment}”</small>}</td></tr>)}</Table>;
}
export function Bookings() {
  const p = route.use().params, period = periodOf(p), asset = p.get("asset") ?? "", set = (change: Record<string, string | undefined>) => replace(`#/orders/bookings?${query({ asset: asset || undefined, period: p.get("period") ?? undefined, at: p.get("at") ?? undefined, ...change })}`);
  const list = usePages<Booking>("bookings?" + query({ ...spanOf(period), asset: asset || undefined, limit: 200 }), (d) => d.bookings, (b) => b.id);
  const save = (l: Booking[]) => download("bookings.csv", csv([["id", "order", "operation", "asset", "program", "start", "end", "good", "scrap", "runningSeconds", "setupSeconds", "otherSeconds", "via", "who", "comment"], ...l.map((b) => [b.id, b.number, b.operationNumber, b.asset, b.program, b.start, b.end, b.good, b.scrap, b.runningSeconds, b.setupSeconds, b.otherSeconds, b.via, b.who, b.comment])]));
  return <><div class="filters"><Search label={t("orders.at")} value={asset} set={(a) => set({ asset: a || undefined })} placeholder="hall/**" /><PeriodBar of={period} set={set} stepped={false} /></div>
    {list.data && list.error && <Problem error={list.error} />}
    <Answer of={list}>{(l) => l.length ? <><BookingTable list={l} order /><div class="buttons left">{list.more && <button disabled={list.busy} onClick={list.older}>{t("orders.more")}</button>}<button onClick={() => save(l)}>CSV</button></div></> : <Empty title={t("booking.none")}><p>{t("booking.noneText")}</p></Empty>}</Answer></>;
}
