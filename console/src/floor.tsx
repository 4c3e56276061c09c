// SPDX-License-Identifier: Apache-2.0
// The shop floor as it is now: a tile for each machine, those that need somebody first.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useApi } from "./api";
import { count, hour, language, number, second, span, t } from "./lang";
import { now } from "./live";
import { above, type Interval, nameOf, show, stateIcon, stateInk, stateWord } from "./model";
import { replace, route, toAsset } from "./route";
import { counted, type Place, reasonWord, type Reason, type Settings, since, trouble, useFloor } from "./shop";
import { Answer, Empty, Page, Priority } from "./ui";

export const percent = (n: number | null | undefined) => (n === null || n === undefined ? "–" : `${Math.round(n * 100)} %`);
const seconds = (from: number) => span((now() - from) / 1000);
export function Badge({ state, n }: { state: string | null; n?: number }) {
  return <span class="badge" style={{ "--ink": state ? stateInk(state) : "var(--soft)" }}><i aria-hidden="true">{stateIcon(state)}</i>{n !== undefined && <b>{count(n)}</b>}{stateWord(state)}</span>;
}
const toStops = (path: string) => `#/tablet/${path.split("/").map(encodeURIComponent).join("/")}`;

/** What a machine did in its shift, or lately: how long each state took is said too. */
export function Strip({ states, from, to }: { states: Interval[]; from: number; to: number }) {
  const [rects, said] = useMemo(() => drawn(states, from, to), [states, Math.floor(from / 15e3), Math.floor(to / 15e3), Math.floor(now() / 15e3), language.use()]);
  return <div class="strip"><svg viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label={said || t("floor.noStates")}>{rects}</svg><p aria-hidden="true"><span>{hour(from)}</span><span>{hour(to)}</span></p></div>;
}
function drawn(states: Interval[], from: number, to: number) {
  const end = Math.min(now(), to), sums = new Map<string, number>();
  const rects = states.map((i) => {
    const a = Math.max(from, Date.parse(i.start)), b = Math.min(end, i.end ? Date.parse(i.end) : end), state = String(i.attributes.state ?? "");
    if (b <= a) return null;
    sums.set(state, (sums.get(state) ?? 0) + b - a);
    return <rect key={i.id} x={((a - from) / (to - from)) * 1000} width={Math.max(0.8, ((b - a) / (to - from)) * 1000)} y="0" height="16" style={{ fill: stateInk(state) }}><title>{`${stateWord(state)} ${second(a)} – ${i.end ? second(b) : t("now")}`}</title></rect>;
  });
  return [rects, [...sums].sort((a, b) => b[1] - a[1]).map(([s, ms]) => `${stateWord(s)} ${span(ms / 1000)}`).join(", ")] as const;
}
/** Parts made, of those the shift should make; the mark is where it should be by now. */
export function Parts({ of: p }: { of: Place }) {
  if (!counted(p)) return null;
  const made = p.step?.gq ?? 0, all = Math.max(p.target ?? 0, made, 1), late = p.byNow !== null && made < p.byNow * 0.9;
  return <><p class="made"><b>{count(made)}</b> {p.target !== null ? t("floor.ofTarget", { n: count(p.target) }) : t("floor.good")}{p.step && p.step.scrap > 0 && <span class="soft"> · {t("floor.scrap", { n: count(p.step.scrap) })}</span>}</p>
    {p.target !== null && <svg class={`gauge${late ? " late" : ""}`} viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={p.byNow === null ? t("floor.ofTarget", { n: count(p.target) }) : t("floor.byNow", { n: count(Math.floor(p.byNow)) })}>
      <rect width={(made / all) * 1000} height="10" /><path d={`M${Math.min(998, ((p.byNow ?? 0) / all) * 1000)} 0v10`} vector-effect="non-scaling-stroke" /></svg>}</>;
}
function Tile({ of: p, from, reasons }: { of: Place; from: number; reasons: Reason[] }) {
  const m = p.machine, s = p.shift, program = m.signals.program, runs = program?.value ? show(program, program.value, true) : "", standing = p.stop && m.state !== "running", worst = ["urgent", "high", "medium", "low"].find((x) => p.alarms.some((a) => a.priority === x));
  return <li class={`tile${trouble(p) < 2 ? " ill" : ""}`} style={{ "--ink": p.lost ? "var(--faint)" : stateInk(m.state) }}>
    <div class="row"><h3><a href={toAsset(m.path)}>{nameOf(m.path)}</a></h3><small class="cut">{above(m.path).replaceAll("/", " / ")}</small>
      {worst && <a class="alarmed" href={`#/alarms?asset=${encodeURIComponent(m.path)}`} title={t("floor.alarms", { n: count(p.alarms.length) })}><Priority of={worst} full />{p.alarms.length > 1 && <small>{count(p.alarms.length)}</small>}</a>}</div>
    <p class="state"><Badge state={m.state} />{m.stateSince && <b>{seconds(since(m))}</b>}{m.stateSince && <span class="soft">{t("since")} {hour(m.stateSince)}</span>}{p.lost && <span class="soft">{t("floor.lost")}</span>}{!p.planned && <span class="soft">{t("floor.notPlanned")}</span>}</p>
    <p class="why">{standing && p.stop!.reason ? <b>{reasonWord(reasons, p.stop!.reason)}</b> : null}{standing && p.stop!.comment ? <span class="soft"> {p.stop!.comment}</span> : null}
      {p.unexplained > 0 && <a href={toStops(m.path)}>{standing && !p.stop!.reason ? t("floor.why") : t("floor.unexplained", { n: count(p.unexplained) })}</a>}</p>
    {p.job ? <p class="cut"><a href={`#/orders/${p.job.order.id}`}>{p.job.order.number}</a> <span class="soft">{[p.job.operation.name, p.job.operation.item ?? p.job.order.item].filter(Boolean).join(" · ")}{p.job.operation.quantity !== undefined && ` · ${t("floor.ofOrder", { n: number(p.job.operation.good ?? 0), of: number(p.job.operation.quantity) })}`}{runs && ` · ${runs}`}</span></p>
      : runs ? <p class="cut soft">{runs}</p> : null}
    <div class="figure"><div><Parts of={p} /></div>{p.step && p.step.oee !== null && <p class="oee" title={t("floor.oeeOf", { a: percent(p.step.availability), e: percent(p.step.effectiveness), q: percent(p.step.quality) })}><b>{percent(p.step.oee)}</b><small>OEE</small></p>}</div>
    <Strip states={p.states} from={s?.from ?? from} to={s?.to ?? now()} />
  </li>;
}

export const byTrouble = (a: Place, b: Place) => trouble(a) - trouble(b) || (trouble(a) < 4 ? since(a.machine) - since(b.machine) : 0) || (a.machine.path < b.machine.path ? -1 : 1);
function Counts({ list }: { list: Place[] }) {
  const by = new Map<string | null, number>();
  for (const p of list) by.set(p.machine.state, (by.get(p.machine.state) ?? 0) + 1);
  const order = ["stopped", null, "idle", "setup", "maintenance", "running", "off"], open = list.reduce((n, p) => n + p.unexplained, 0);
  return <p class="counts" role="status">{[...by].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0])).map(([s, n]) => <Badge key={s} state={s} n={n} />)}
    {open > 0 && <a href="#/stops?reason=none">{t("floor.unexplained", { n: count(open) })}</a>}</p>;
}
const FIRST = 24;
export function FloorPage() {
  const want = route.use().params.get("find") ?? "", floor = useFloor("", 3000), shop = useApi<Settings>("shop"), [most, setMost] = useState(FIRST);
  useEffect(() => {
    if (floor.data && most === FIRST) requestAnimationFrame(() => setTimeout(() => setMost(Infinity))); // those that are seen first
  }, [!floor.data]);
  const list = useMemo(() => [...(floor.data ?? [])].sort(byTrouble).filter((p) => p.machine.path.toLowerCase().includes(want.toLowerCase())), [floor.data, want, language.use()]);
  return <Page title={t("floor")} tools={<><input type="search" placeholder={t("find")} aria-label={t("find")} value={want} onInput={(e) => replace(`#/floor${e.currentTarget.value && "?find=" + encodeURIComponent(e.currentTarget.value)}`)} /><a class="button" href="#/wall">{t("wall")}</a></>}>
    <Answer of={floor}>{(all) => !all.length ? <Empty title={t("floor.none")}><p>{t("floor.noneText")}</p><p><a class="button" href="#/start">{t("addMachine")}</a></p></Empty>
      : <><Counts list={all} />{list.length ? <ul class="tiles">{list.slice(0, most).map((p) => <Tile key={p.machine.path} of={p} from={floor.from} reasons={shop.data?.reasons ?? []} />)}</ul> : <p class="soft">{t("noMatch")}</p>}</>}</Answer>
  </Page>;
}
