// SPDX-License-Identifier: Apache-2.0
// A screen on the wall of the hall: read from far, touched by nobody, always on.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useApi } from "./api";
import { count, hour, span, t, told } from "./lang";
import { link, now, status } from "./live";
import { nameOf, stateIcon, stateInk, stateWord } from "./model";
import { route } from "./route";
import { percent } from "./floor";
import { counted, type Place, reasonWord, type Reason, type Settings, since, trouble, useFloor } from "./shop";
import { Answer, Empty, useAwake, useTick } from "./ui";

const TURN = 12e3;
/** A press gives the page the whole screen, another takes it back. */
function useWhole() {
  useEffect(() => {
    const press = () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.())?.catch(() => undefined);
    addEventListener("click", press);
    return () => {
      removeEventListener("click", press);
      if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
    };
  }, []);
}
/** A node of another version has other pages: they are fetched once it is there. */
function useNewest() {
  const version = status.use()?.version, first = useRef("");
  useEffect(() => {
    if (!version) return;
    if (first.current && first.current !== version) location.reload();
    first.current = version;
  }, [version]);
}
/** As many columns and rows as can be read from eight metres, and no page almost empty. */
function useRoom(all: number) {
  const [wide, setWide] = useState(innerWidth >= innerHeight);
  useEffect(() => {
    const look = () => setWide(innerWidth >= innerHeight);
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  const pages = Math.max(1, Math.ceil(all / (wide ? 6 : 4))), n = Math.max(1, Math.ceil(all / pages));
  const [columns, rows] = !wide ? [1, n] : n <= 2 ? [n, 1] : n <= 4 ? [2, 2] : [3, 2];
  return { pages, n, columns, rows };
}
const standing = (p: Place) => trouble(p) < 4;
const forLong = (p: Place) => span((now() - since(p.machine)) / 1000);

function Tile({ of: p, reasons }: { of: Place; reasons: Reason[] }) {
  const state = p.machine.state, made = p.step?.gq, late = p.byNow !== null && (made ?? 0) < p.byNow * 0.9;
  const why = state !== "running" && p.stop ? (p.stop.reason ? reasonWord(reasons, p.stop.reason) : t("stops.unexplained")) : told(p.alarms[0]?.text ?? "");
  return <li class={`on-wall${trouble(p) < 2 ? " ill" : ""}`} style={{ "--ink": p.lost ? "var(--faint)" : stateInk(state) }}>
    <h2>{nameOf(p.machine.path)}</h2>
    <p class="doing"><i aria-hidden="true">{stateIcon(state)}</i><span class="cut">{p.lost ? t("floor.lost") : stateWord(state)}</span> <span>{p.machine.stateSince && forLong(p)}</span></p>
    <p class="because">{why || (p.job ? `${p.job.order.number} ${p.job.operation.item ?? p.job.order.item ?? ""}` : String(p.machine.signals.program?.value ?? ""))}</p>
    <p class={`numbers${late ? " late" : ""}`}>{made !== undefined && counted(p) && <span><b>{count(made)}</b>{p.target !== null && ` / ${count(p.target)}`}</span>}{p.step && p.step.oee !== null && <span><b>{percent(p.step.oee)}</b> OEE</span>}</p>
  </li>;
}
export function WallPage() {
  const params = route.use().params, match = params.get("match") ?? "", floor = useFloor(match, 3000), shop = useApi<Settings>("shop"), [turn, setTurn] = useState(0), l = link.use();
  const heard = useRef(now());
  if (l === "open") heard.current = now();
  useAwake();
  useWhole();
  useNewest();
  useTick(1000);
  const list = useMemo(() => [...(floor.data ?? [])].sort((a, b) => (a.machine.path < b.machine.path ? -1 : 1)), [floor.data]); // each has its place
  const { pages, n, columns, rows } = useRoom(list.length), at = turn % pages;
  useEffect(() => {
    const timer = setInterval(() => setTurn((n) => n + 1), TURN);
    return () => clearInterval(timer);
  }, []);
  const ill = list.filter(standing).sort((a, b) => trouble(a) - trouble(b) || since(a.machine) - since(b.machine)), told = 3, first = (turn % Math.max(1, Math.ceil(ill.length / told))) * told, running = list.filter((p) => p.machine.state === "running").length;
  return <div class="wall" style={{ "--columns": columns, "--rows": rows }}>
    <div class="wall-head"><h1>{params.get("title") ?? status.use()?.node}</h1><p><b>{t("wall.running", { n: count(running), of: count(list.length) })}</b></p>{pages > 1 && <p class="dots" role="img" aria-label={t("wall.page", { n: at + 1, of: pages })}>{Array.from({ length: pages }, (_, i) => <i key={i} class={i === at ? "at" : ""} />)}</p>}<time>{hour(now())}</time></div>
    {l !== "open" && <p class="wall-lost" role="alert">{t("wall.lost", { time: hour(heard.current) })}</p>}
    <Answer of={floor}>{(all) => all.length ? <ul>{list.slice(at * n, (at + 1) * n).map((p) => <Tile key={p.machine.path} of={p} reasons={shop.data?.reasons ?? []} />)}</ul> : <Empty title={t("floor.none")}><p>{t("floor.noneText")}</p></Empty>}</Answer>
    <p class={`wall-foot${ill.length ? " ill" : ""}`}>{ill.length ? ill.slice(first, first + told).map((p) => <span key={p.machine.path}><b>{nameOf(p.machine.path)}</b> {stateWord(p.machine.state)} {forLong(p)}</span>) : t("wall.fine")}{ill.length > told && <span class="rest">{t("wall.standing", { n: count(ill.length) })}</span>}</p>
  </div>;
}
