// SPDX-License-Identifier: Apache-2.0
// The factory at a glance: what is wrong, then each machine.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, may, query, seen, useApi } from "./api";
import { age, bytes, count, language, span, t, told, word } from "./lang";
import { follow, now, rate, status } from "./live";
import { above, type Alarm, type Asset, type Bucket, type Coupling, nameOf, quality, show, type Signal, stateIcon, stateInk, stateWord, sum, unit } from "./model";
import { toAsset, toChart, toCoupling } from "./route";
import { Answer, Empty, Mark, Page, Priority, Spark, Time, useTick } from "./ui";

interface Card { asset: Asset; counts: ReturnType<typeof sum> }
/** What a person calls a machine: the topmost asset that is one, has a state, or has signals of its own. */
function cards(a: Asset, out: Card[] = []): Card[] {
  const own = a.path && (a.state || a.counts.signals || /^(machine|plc|meter|sensor)$/.test(a.kind));
  if (own) out.push({ asset: a, counts: sum(a) });
  else for (const k of a.assets) cards(k, out);
  return out;
}
const badness = (c: Card) => {
  const n = c.counts;
  if (n.signals && n.bad + n.stale === n.signals) return 0;
  if (c.asset.state === "stopped") return 1;
  return n.bad + n.stale ? 2 : 3;
};

function Wrong({ couplings, cards, alarms }: { couplings: Coupling[]; cards: Card[]; alarms: Alarm[] }) {
  const s = status.use(), [later, setLater] = useState(false), holes = useApi<{ affected: { urgent: number } }>(later ? "security?limit=1" : null, 120e3).data?.affected.urgent ?? 0; // costs more than what is waited for
  useEffect(() => void seen.then(() => setLater(true)), []);
  const list: { bad: boolean; text: ComponentChildren; href?: string; since?: string | null }[] = [];
  if (s?.store.stalled) list.push({ bad: true, text: t("wrong.stalled", { why: told(s.store.stalledWhy ?? "") }), href: "#/settings" });
  for (const c of s?.conditions ?? []) if (!alarms.some((a) => a.text === c.text)) list.push({ bad: true, text: told(c.text ?? c.key), since: c.since, href: "#/settings" });
  for (const c of couplings) if (c.enabled && (c.state === "refused" || c.state === "waiting"))
    list.push({ bad: c.state === "refused", text: <><b>{c.name}</b> {word("link", c.state)}: {told(c.detail)}</>, since: c.since, href: may("engineer") ? toCoupling(c.name) : "#/couplings" });
  const rank = ["urgent", "high", "medium", "low"], link = new Set(couplings.filter((c) => c.state === "refused" || c.state === "waiting").map((c) => `${c.name} is not connected`)); // said with the reason above
  for (const a of alarms.filter((x) => !link.has(x.text)).sort((x, y) => rank.indexOf(x.priority) - rank.indexOf(y.priority))) list.push({ bad: true, text: <><Priority of={a.priority} full={a.state !== "acknowledged"} /> <b>{a.asset ? nameOf(a.asset) : s?.node}</b> {told(a.text)}</>, since: a.since, href: "#/alarms" });
  if (holes) list.push({ bad: true, text: <><Priority of="urgent" full={true} /> {t("wrong.holes", { n: count(holes) })}</>, href: "#/security" });
  for (const { asset, counts } of cards) if (counts.bad + counts.stale)
    list.push({ bad: false, text: <><b>{nameOf(asset.path)}</b> {t("wrong.signals", { n: count(counts.bad + counts.stale), of: count(counts.signals) })}</>, href: toAsset(asset.path) });
  if (!list.length) return null;
  const most = 8;
  return <section class="wrong" aria-label={t("wrong")}><ul>{list.slice(0, most).map((p, i) => <li key={i} class={p.bad ? "bad" : "warn"}>
    <a href={p.href}>{p.text}</a>{p.since && <span class="soft"> {t("since")} <Time at={p.since} /></span>}</li>)}</ul>
    {list.length > most && <p class="soft">{t("wrong.more", { n: count(list.length - most) })}</p>}</section>;
}

const WINDOW = 15 * 60e3;
interface Moving { signal: Signal; points: [number, number][]; value: any; code: number; time: string | null }
/** The signals of this asset that move most, with what they did lately. */
async function moving(path: string): Promise<Moving[]> {
  const { signals } = await api<{ signals: Signal[] }>("signals?" + query({ match: path.replace(/[,*?]/g, "?"), limit: 200 }));
  const some = signals.filter((s) => /^(u?int64|float|double)$/.test(s.type) && !s.enums && s.stored).sort((a, b) => Number(!!b.role) - Number(!!a.role)).slice(0, 12);
  if (!some.length) return [];
  const h = await api<{ series: { id: number; buckets: Bucket[] }[] }>(`history?${some.map((s) => "path=" + encodeURIComponent(s.path)).join("&")}&from=-15m&points=180&fn=mean,last`);
  const found = some.map((signal) => {
    const points = (h.series.find((x) => x.id === signal.id)?.buckets ?? []).filter((b) => b.mean !== null).map((b) => [Date.parse(b.to), b.mean!] as [number, number]);
    return { signal, points, value: signal.value, code: signal.status.code, time: signal.time };
  });
  const changes = (m: Moving) => m.points.reduce((n, p, i) => n + Number(i > 0 && p[1] !== m.points[i - 1][1]), 0);
  const rank = new Map(found.map((m) => [m, changes(m) + (m.signal.role ? 20 : 0) - (/energy|total|count/i.test(m.signal.path) ? 30 : 0)]));
  return found.sort((a, b) => rank.get(b)! - rank.get(a)!).slice(0, 3);
}

function Machine({ card, roles }: { card: Card; roles?: Record<string, any> }) {
  const { asset, counts } = card, ref = useRef<HTMLElement>(null), [seen, setSeen] = useState(false), [list, setList] = useState<Moving[]>([]);
  useTick(5000);
  useEffect(() => {
    const o = new IntersectionObserver((e) => setSeen(e[e.length - 1].isIntersecting), { root: document.getElementById("main"), rootMargin: "100px" });
    o.observe(ref.current!);
    return () => o.disconnect();
  }, []);
  useEffect(() => {
    if (!seen) return;
    let alive = true;
    moving(asset.path).then((l) => alive && setList(l), () => null);
    return () => void (alive = false);
  }, [seen, asset.path]);
  const paths = list.map((m) => m.signal.path).join("\n");
  useEffect(() => {
    if (!seen || !paths) return;
    let dirty = false;
    const timer = setInterval(() => {
      if (dirty) setList((l) => [...l]);
      dirty = false;
    }, 1000);
    const stop = follow(paths.split("\n"), (v) => {
      const m = list.find((x) => x.signal.path === v.path);
      if (!m) return;
      m.value = v.value;
      m.code = v.status;
      m.time = v.time;
      const at = v.time ? Date.parse(v.time) : 0, last = m.points[m.points.length - 1];
      if (typeof v.value === "number" && (!last || at - last[0] > WINDOW / 180)) m.points.push([at, v.value]);
      while (m.points.length > 2 && m.points[0][0] < now() - WINDOW) m.points.shift();
      dirty = true;
    });
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [seen, paths]);
  const ill = counts.bad + counts.stale, lost = counts.signals > 0 && ill === counts.signals;
  const program = roles?.program?.value, parts = roles?.["part-count"] ?? roles?.["good-count"];
  return <article ref={ref} class="card" style={{ "--ink": lost ? "var(--faint)" : asset.state ? stateInk(asset.state) : "var(--line)" }}>
    <h3><a href={toAsset(asset.path)}>{nameOf(asset.path)}</a></h3>
    <p class="state">{asset.state ? <><span class="badge"><i aria-hidden="true">{stateIcon(asset.state)}</i>{stateWord(asset.state)}</span>
      {asset.stateSince && <span class="soft" title={asset.stateSince}>{span((now() - Date.parse(asset.stateSince)) / 1000)}</span>}</>
      : <span class="soft">{asset.kind === "folder" ? "" : word("asset", asset.kind)}</span>}</p>
    {(program || parts) && <p class="soft cut">{program ? `${program}` : ""}{program && parts ? " · " : ""}{parts ? t("parts", { n: show(parts, parts.value) }) : ""}</p>}
    <ul class="moving">{seen && list.map((m) => {
      const q = quality(m.code, m.time);
      return <li key={m.signal.id}><a href={toChart([m.signal.path])} title={m.signal.path}>{m.signal.path.slice(asset.path.length + 1)}</a>
        <Spark points={m.points} from={now() - WINDOW} to={now()} label={t("last15")} /><b class={q}>{show(m.signal, m.value, true)}<small> {unit(m.signal)}</small></b></li>;
    })}</ul>
    <p class="foot">{!counts.signals ? <span class="soft">{t("noSignalsYet")}</span> : ill ? <Mark quality={counts.bad >= counts.stale ? "bad" : "stale"} text={t("wrong.signals", { n: count(ill), of: count(counts.signals) })} />
      : <Mark quality="good" text={t("signalsN", { n: count(counts.signals) })} />}</p>
  </article>;
}

/** `read`: what the couplings say they read a second, until two looks at the node have told what it stores. */
function Figures({ read }: { read: number | null }) {
  const s = status.use(), n = rate.use() ?? read;
  if (!s) return <dl class="figures" aria-hidden="true"><div><dt>&nbsp;</dt><dd>&nbsp;</dd></div></dl>;
  return <dl class="figures">
    <div><dt>{t("couplings")}</dt><dd>{s.couplings.online}/{s.couplings.total}</dd></div>
    <div><dt>{t("signals")}</dt><dd>{count(s.signals)}</dd></div>
    <div><dt>{t("perSecond")}</dt><dd>{n === null ? "–" : count(Math.round(n))}</dd></div>
    <div><dt>{t("onDisk")}</dt><dd>{bytes(s.store.fileBytes + s.store.walBytes)}</dd></div>
    <div><dt>{t("up")}</dt><dd>{age(s.uptimeSeconds * 1000)}</dd></div>
  </dl>;
}

const FIRST = 24;
export function Overview() {
  const tree = useApi<Asset>("tree?depth=16&signals=0", 5000), machines = useApi<{ machines: any[] }>("machines?limit=1000", 5000);
  const couplings = useApi<{ couplings: Coupling[] }>("couplings", 5000), alarms = useApi<{ alarms: Alarm[] }>("alarms?state=active&limit=100", 5000);
  const [want, setWant] = useState(""), [most, setMost] = useState(FIRST);
  useEffect(() => {
    if (tree.data && most === FIRST) requestAnimationFrame(() => setTimeout(() => setMost(Infinity))); // those that are seen first
  }, [tree.data]);
  const all = useMemo(() => (tree.data ? cards(tree.data) : []), [tree.data]);
  const area = useMemo(() => { // as it is while only something else has changed
    const roles = new Map((machines.data?.machines ?? []).map((m) => [m.path, m.signals])), groups = new Map<string, Card[]>();
    const sorted = all.filter((c) => !want || c.asset.path.toLowerCase().includes(want.toLowerCase())).map((c, i) => ({ c, i })).sort((a, b) => badness(a.c) - badness(b.c) || a.i - b.i);
    for (const { c } of sorted.slice(0, most)) groups.set(above(c.asset.path), [...(groups.get(above(c.asset.path)) ?? []), c]);
    return [...groups].map(([place, list]) => <section key={place} class="area"><h2>{place ? <a href={toAsset(place)}>{place.replaceAll("/", " / ")}</a> : t("topLevel")}</h2>
      <div class="cards">{list.map((c) => <Machine key={c.asset.id} card={c} roles={roles.get(c.asset.path)} />)}</div></section>);
  }, [all, machines.data, want, most, language.use()]);
  return <Page title={t("overview")} tools={<><input type="search" placeholder={t("find")} aria-label={t("find")} value={want} onInput={(e) => setWant(e.currentTarget.value)} />{may("engineer") && <a class="button main" href="#/start">{t("addMachine")}</a>}</>}>
    <Figures read={couplings.data?.couplings.length ? couplings.data.couplings.reduce((n, c) => n + c.rate, 0) : null} />
    <Wrong couplings={couplings.data?.couplings ?? []} cards={all} alarms={alarms.data?.alarms ?? []} />
    <Answer of={tree}>{() => !all.length ? <Empty title={t("empty.title")}><p>{t("empty.text")}</p>{may("engineer") && <p><a class="button main" href="#/start">{t("empty.start")}</a></p>}</Empty>
      : area.length ? area : <Empty title={t("noMatch")} />}</Answer>
  </Page>;
}
