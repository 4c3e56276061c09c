// SPDX-License-Identifier: Apache-2.0
// Reports of a working day and of a month, to read, print and pass on; and the mail they go out by.
import { useState } from "preact/hooks";
import { may, query, send, useApi } from "./api";
import { dateText } from "./days";
import { MachineChoice, useAct, useMachines } from "./form";
import { language, t } from "./lang";
import { now } from "./live";
import { Answer, Choose, Field, Mark, Time } from "./ui";

const report = (kind: string, o: Record<string, string | undefined>) => `/api/v1/reports/${kind}?${query(o)}`;
/** The report of the working day that began on that day is over at this time of the next. */
function over(day: string, at: string) {
  const [y, m, d] = day.split("-").map(Number), [h, min] = at.split(":").map(Number);
  return new Date(Math.min(now(), new Date(y, m - 1, d + 1, h, min).getTime())).toISOString();
}
interface Post { next: string | null; last: string | null; sent: string[]; error: string | null }
function Mail() {
  const of = useApi<Post>("reports", 30000), { act, busy, problem } = useAct(), [sent, setSent] = useState<number | null>(null);
  return <section class="panel"><h2>{t("report.mail")}</h2><Answer of={of}>{(p) => p.next ? <><p>{t("report.next")} <Time at={p.next} />. {p.last && <>{t("report.last")} <Time at={p.last} />: {p.sent.join(", ") || "–"}.</>}</p>{p.error && <p><Mark quality="bad" text={p.error} /></p>}
    <div class="buttons left"><button disabled={busy} onClick={() => void act(async () => setSent((await send<{ sent: number }>("POST", "reports/send", { report: "shift" })).sent))}>{t("report.send")}</button><span class="soft" role="status">{sent !== null && t("report.sent", { n: sent })}</span></div>{problem}</>
    : <p class="soft">{t("report.nobody")} <a href="#/oee/settings">{t("oee.toSettings")}</a></p>}</Answer></section>;
}
export function Reports() {
  const today = new Date(now()), yesterday = dateText(new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1)), [asset, setAsset] = useState(""), [speaks, setSpeaks] = useState<string>(language.get()), [day, setDay] = useState(yesterday), [month, setMonth] = useState(dateText(new Date(today.getFullYear(), today.getMonth() - (today.getDate() < 3 ? 1 : 0), 1)).slice(0, 7));
  const at = useApi<{ report?: { at?: string } }>("shop").data?.report?.at ?? "06:00", more = { asset: asset || undefined, language: speaks };
  return <><div class="filters"><MachineChoice of={useMachines()} none={t("oee.all")} value={asset} set={setAsset} />
    <Choose label={t("language")} value={speaks} set={setSpeaks} of={[["nl", "Nederlands"], ["en", "English"]]} /></div>
    <div class="panels"><section class="panel"><h2>{t("report.shift")}</h2><p class="soft">{t("report.shiftText")}</p><Field label={t("period.day")} help={t("report.dayHelp", { at })}><input type="date" required value={day} max={yesterday} onInput={(e) => setDay(e.currentTarget.value)} /></Field>
      <div class="buttons left"><a class="button main" target="_blank" href={day ? report("shift", { at: over(day, at), ...more }) : undefined}>{t("report.open")}</a>{day && <a class="button" target="_blank" href={report("shift", { at: over(day, at), ...more, format: "pdf" })}>PDF</a>}</div></section>
    <section class="panel"><h2>{t("report.month")}</h2><p class="soft">{t("report.monthText")}</p><Field label={t("period.month")}><input type="month" required pattern="[0-9]{4}-[0-9]{2}" placeholder="2026-10" value={month} max={dateText(today).slice(0, 7)} onInput={(e) => setMonth(e.currentTarget.value)} /></Field>
      <div class="buttons left"><a class="button main" target="_blank" href={report("month", { month, ...more })}>{t("report.open")}</a><a class="button" target="_blank" href={report("month", { month, ...more, format: "pdf" })}>PDF</a></div></section>
    {may("engineer") && <Mail />}</div></>;
}
