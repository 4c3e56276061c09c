// SPDX-License-Identifier: Apache-2.0
// What others know of holes, held against the devices that are here: what concerns us now, and what to do.
import { AdvisoryPart } from "./advisory";
import { may, query, useApi } from "./api";
import { FeedsPart } from "./feeds";
import { useRenewal } from "./form";
import { Card, type Finding, Pager, Reasons, severity, State, toAdvisory, toDevice, toFindings, useAnswer } from "./finding";
import { HitsPart } from "./hits";
import { IncidentsPart } from "./incidents";
import { InventoryPart } from "./inventory";
import { age, count, type Key, number, t, word } from "./lang";
import { now } from "./live";
import { replace, route, toAsset } from "./route";
import { SharingPart } from "./sharing";
import { Answer, Choose, Empty, Page, Priority, Problem, Search, Table, Tabs } from "./ui";

interface Concerned { device: number; name: string; asset: string | null; manufacturer: string | null; product: string | null; firmware: string | null; affected: number; review: number; inHand: number; findings: Finding[] }
interface FeedSum { name: string; kind: string; enabled: boolean; running: boolean; pulled: string | null; faulty: boolean }
interface Sum { affected: Record<string, number>; review: number; inHand: number; total: number; concerned: Concerned[]; devices: number; withoutFirmware: number; unexpectedChanges: number; advisories: number; feeds: FeedSum[] }
const SHOWN = 20, LISTED = 50, urgencies = ["urgent", "high", "medium", "low"];

/** What to do first on a node that knows nothing yet. */
function Begin({ s }: { s: Sum }) {
  const step = (done: boolean, title: Key, text: Key, href: string, button: Key, role: "engineer" | "viewer" = "engineer") => <li class={done ? "past" : "now"}><h2>{t(title)}{done && " ✓"}</h2><p>{t(text)}</p>{may(role) && <p><a class={`button${done ? "" : " main"}`} href={href}>{t(button)}</a></p>}</li>;
  return <><p class="soft">{t("security.beginText")}</p><ol class="steps">{step(s.devices > 0, "security.begin1", "security.begin1Text", "#/security/inventory", "security.toInventory")}{step(s.feeds.length > 0, "security.begin2", "security.begin2Text", "#/security/feeds", "security.toFeeds")}<li><h2>{t("security.begin3")}</h2><p>{t("security.begin3Text")}</p></li></ol></>;
}
/** How fresh what is known is. */
function Fresh({ s }: { s: Sum }) {
  const on = s.feeds.filter((f) => f.enabled), pulled = on.map((f) => f.pulled).filter((x) => x) as string[], oldest = pulled.sort()[0], ill = on.filter((f) => f.faulty), link = (text: string) => (may("engineer") ? <a href="#/security/feeds">{text}</a> : text);
  if (!on.length) return <p class="notice"><span>{t("security.noFeed")}</span>{may("engineer") && <a class="button" href="#/security/feeds">{t("security.toFeeds")}</a>}</p>;
  return <>{ill.length > 0 && <p class="notice bad"><span>{t("security.faulty", { names: ill.map((f) => f.name).join(", ") })}</span>{may("engineer") && <a class="button" href="#/security/feeds">{t("security.toFeeds")}</a>}</p>}
    <p class="soft">{link(pulled.length < on.length ? t("security.neverPulled", { n: on.length - pulled.length }) : t("security.pulled", { n: on.length, age: age(now() - Date.parse(oldest)) }))} · {t("security.known", { n: count(s.advisories), devices: count(s.devices) })}</p></>;
}
function Device({ c, say }: { c: Concerned; say: ReturnType<typeof useAnswer>["say"] }) {
  const more = c.affected + c.review + c.inHand - c.findings.length, what = [c.manufacturer, c.product].filter(Boolean).join(" ");
  return <section class="panel device" aria-label={c.name}><div class="above"><h2><a href={c.asset === null ? toDevice(c.device) : toAsset(c.asset)}>{c.name.replaceAll("/", " / ")}</a></h2>{c.asset !== null && <a class="button" href={toDevice(c.device)}>{t("security.toDevice")}</a>}</div>
    <p class="soft">{[what, c.firmware ? t("device.runs", { firmware: c.firmware }) : t("device.noFirmware")].filter(Boolean).join(" · ")}</p>
    <ul class="findings">{c.findings.map((f) => <Card key={f.advisory} f={f} say={say} />)}</ul>
    {more > 0 && <p><a href={toFindings({ device: c.device })}>{t("security.more", { n: count(more) })}</a></p>}</section>;
}
function Now() {
  const r = route.use(), skip = Number(r.params.get("skip") ?? 0), s = useApi<Sum>(`security?${query({ skip, limit: SHOWN })}`), { say, said } = useAnswer(s.again);
  useRenewal({ data: s.data ? [] : null, busy: s.busy, again: s.again }, 0, 30000);
  return <Answer of={s}>{(d) => {
    const n = urgencies.map((u) => d.affected[u]), todo = n.reduce((a, b) => a + b, 0), figure = (name: string, value: number, href: string, bad?: boolean) => <div><dt>{name}</dt><dd>{value ? <a href={href} class={bad ? "error" : undefined}>{count(value)}</a> : 0}</dd></div>;
    if (!d.devices || (!d.advisories && !d.feeds.length)) return <Begin s={d} />;
    return <>{said}<Fresh s={d} />
      <p class="lead">{d.total ? t(n[0] ? "security.leadUrgent" : "security.lead", { devices: count(d.total), of: count(d.devices), urgent: count(n[0]) }) : t("security.calm", { of: count(d.devices) })}</p>
      <dl class="figures">{urgencies.map((u, i) => n[i] > 0 && <div key={u}><dt><Priority of={u} full={true} /></dt><dd><a href={toFindings({ urgency: u, verdict: "affected", state: "waiting" })}>{count(n[i])}</a></dd></div>)}
        {todo === 0 && figure(t("security.todo"), 0, "")}{figure(t("security.review"), d.review, toFindings({ verdict: "review", state: "waiting" }))}{figure(t("security.inHand"), d.inHand, toFindings({ state: "in_hand" }))}
        {figure(t("security.blind"), d.withoutFirmware, "#/security/inventory?needs=firmware")}{d.unexpectedChanges > 0 && figure(t("security.changed"), d.unexpectedChanges, "#/security/inventory?needs=confirmation", true)}</dl>
      {s.error && <Problem error={s.error} />}
      <div class="list">{d.concerned.map((c) => <Device key={c.device} c={c} say={say} />)}</div>
      <Pager skip={skip} limit={SHOWN} total={d.total} to={(at) => { replace(`#/security${at ? `?skip=${at}` : ""}`); document.getElementById("main")!.scrollTo(0, 0); }} /></>;
  }}</Answer>;
}

function Findings() {
  const r = route.use(), get = (k: string) => r.params.get(k) ?? undefined, skip = Number(get("skip") ?? 0), state = get("state") ?? "open", device = get("device");
  const ask = { find: get("find"), state: state === "all" ? undefined : state, all: state === "all" ? true : undefined, verdict: get("verdict"), urgency: get("urgency"), device };
  const list = useApi<{ findings: Finding[]; total: number; advisories: number }>(`advisories?${query({ ...ask, skip, limit: LISTED })}`), put = (change: Record<string, string | undefined>) => replace(toFindings({ find: get("find"), state: get("state"), verdict: get("verdict"), urgency: get("urgency"), device, ...change }));
  const choice = (k: string, label: Key, of: [string, Key][]) => <Choose label={t(label)} value={get(k) ?? ""} set={(v) => put({ [k]: v || undefined })} of={of.map(([v, name]) => [v, t(name)])} />;
  return <><div class="filters"><Search label={t("find")} value={get("find") ?? ""} set={(find) => put({ find: find || undefined })} placeholder={t("findings.findHint")} />
      {choice("state", "findings.state", [["", "findings.open"], ["waiting", "findings.waiting"], ["in_hand", "findings.inHand"], ["closed", "findings.closed"], ["all", "findings.all"]])}
      {choice("verdict", "findings.verdict", [["", "findings.any"], ["affected", "finding.affected"], ["review", "finding.review"]])}
      <Choose label={t("findings.urgency")} value={get("urgency") ?? ""} set={(urgency) => put({ urgency: urgency || undefined })} of={[["", t("findings.any")], ...urgencies.map((u) => [u, word("priority", u)] as [string, string])]} /></div>
    <Answer of={list}>{(d) => <>{device && <p class="notice good"><span>{t("findings.ofDevice", { name: d.findings[0]?.name ?? `#${device}` })}</span><button onClick={() => put({ device: undefined })}>{t("findings.allDevices")}</button></p>}
      {d.findings.length ? <Table label={t("findings")} head={[t("alarm.priority"), t("device"), t("advisory"), t("findings.score"), t("rule.state")]}>
        {d.findings.map((f) => <tr key={`${f.device} ${f.advisory}`}><td><Priority of={f.urgency} full={!f.answer && !f.closed} /></td><td class="wrap"><a href={toDevice(f.device)}>{f.name}</a></td><td class="wrap"><a href={toAdvisory(f.advisory)}><b>{f.title}</b></a><small class="block">{f.advisory}{f.reasons.length > 1 && <>: <Reasons of={f.reasons.filter((x) => x.is !== "score")} /></>}</small></td>
          <td>{f.score === null ? "–" : <>{number(f.score)} <small>{severity(f.score)}</small></>}</td><td><State f={f} /></td></tr>)}</Table>
        : <Empty title={t(d.advisories ? "findings.none" : "security.noFeed")}>{!d.advisories && may("engineer") && <p><a class="button main" href="#/security/feeds">{t("security.toFeeds")}</a></p>}</Empty>}
      <Pager skip={skip} limit={LISTED} total={d.total} to={(at) => put({ skip: at ? String(at) : undefined })} /></>}</Answer></>;
}

export function SecurityPage() {
  const r = route.use(), at = r.rest.split("/")[0], engineer = may("engineer"), tab = ({ advisory: "findings", device: "inventory", incident: "incidents" } as Record<string, string>)[at] ?? at;
  const tabs: [string, string, string][] = [["", t("security.now"), "#/security"], ["findings", t("findings"), "#/security/findings"], ["inventory", t("inventory"), "#/security/inventory"], ["hits", t("hits"), "#/security/hits"], ...(engineer ? [["incidents", t("incidents"), "#/security/incidents"], ["feeds", t("feeds"), "#/security/feeds"], ["sharing", t("sharing"), "#/security/sharing"]] as [string, string, string][] : [])];
  return <Page title={t("security")}><Tabs label={t("security")} at={tab} of={tabs} />
    {at === "findings" ? <Findings /> : at === "advisory" ? <AdvisoryPart /> : tab === "inventory" ? <InventoryPart /> : at === "hits" ? <HitsPart /> : tab === "incidents" && engineer ? <IncidentsPart /> : at === "feeds" && engineer ? <FeedsPart /> : at === "sharing" && engineer ? <SharingPart /> : <Now />}</Page>;
}
