// SPDX-License-Identifier: Apache-2.0
// What the operator at a machine has at hand: why it stands, what it works at, what was made.
import { useMemo, useState } from "preact/hooks";
import { may, query, send, useApi, who } from "./api";
import { count, day, hour, number, span, t } from "./lang";
import { now } from "./live";
import { above, type Interval, nameOf } from "./model";
import { route } from "./route";
import { Badge, byTrouble, Parts, percent } from "./floor";
import { due, type Job, matches, type Place, plain, reasonWord, type Reason, type Settings, since, type Stop, type Stops, useFloor, useJobs, useNote } from "./shop";
import { Answer, Confirm, Empty, Field, Loading, Problem, useAwake, useTick } from "./ui";

const to = (path: string) => `#/tablet/${path.split("/").map(encodeURIComponent).join("/")}`;
const SIX = 6;

// ---- why it stands ----
/** Those that were given most in the last month come first; the others as they are set. None as long as that is not known: no button changes its place under a finger. */
function useReasons(machine: string, all: Reason[]) {
  const used = useApi<Stops>("stops?" + query({ asset: plain(machine), from: "-30d", limit: 0 }), 600e3);
  return useMemo(() => {
    if (used.busy) return null;
    const n = (r: Reason) => used.data?.reasons.find((c) => c.reason === r.name)?.count ?? 0;
    return all.map((r, i) => ({ r, i })).sort((a, b) => n(b.r) - n(a.r) || a.i - b.i).map((x) => x.r);
  }, [all, used.busy]); // they keep their places while one works with them
}
/** The stretch that goes on, too short to be a stop as yet. */
const young = (i: Interval): Stop => ({ id: i.id, asset: i.path!, from: i.start, to: null, seconds: 0, state: String(i.attributes.state ?? ""), told: null, reason: null, comment: null, by: null, at: null });
function Why({ machine, place, reasons }: { machine: string; place: Place; reasons: Reason[] }) {
  const list = useApi<Stops>("stops?" + query({ asset: plain(machine), from: "-24h", limit: 200 }), 5000), note = useNote(list.again);
  const [chosen, setChosen] = useState<string | null>(null), [other, setOther] = useState<Stop | null>(null), order = useReasons(machine, reasons);
  const key = (s: Stop) => `${s.id} ${s.from}`, state = place.machine.state, last = place.states[place.states.length - 1];
  const open = (list.data?.stops ?? []).filter((s) => !s.reason).sort((a, b) => Date.parse(b.from) - Date.parse(a.from));
  const going = state && state !== "running" ? list.data?.stops.find((s) => !s.to) ?? (last && !last.end && place.planned ? { ...young(last), reason: note.last?.id === last.id ? note.last.note.reason ?? null : null } : null) : null;
  const at = list.data?.stops.find((s) => key(s) === chosen) ?? (going && !going.reason ? going : null) ?? open[0] ?? going;
  const i = at ? open.findIndex((s) => key(s) === key(at)) : -1, step = (n: number) => setChosen(key(open[(i + n + open.length) % open.length]));
  const [saidOf, setSaidOf] = useState<Stops | null>(null), waits = saidOf !== null && saidOf === list.data; // until the list knows it, a second press would be of the same stop
  const say = (s: Stop, n: object) => {
    setSaidOf(list.data);
    return note.trySay(s, n).then(() => {
      setChosen(null);
      setOther(null);
    }, (e) => {
      setSaidOf(null);
      throw e;
    });
  };
  const long = (s: Stop) => span(s.to ? s.seconds : (now() - Date.parse(s.from)) / 1000);
  return <section class="big-panel why" aria-label={t("tablet.why")}>
    {note.error && <Problem error={note.error} />}
    {note.done && <div class="notice good" role="status"><span>{note.done.note.reason ? reasonWord(reasons, note.done.note.reason) : t("stops.takenBack")}{note.done.note.comment ? `: ${note.done.note.comment}` : ""}</span><button class="big" onClick={note.undo}>{t("stops.undo")}</button></div>}
    {!at ? list.error ? <Problem error={list.error} again={list.again} /> : list.data && <div class="fine"><p class="tick" aria-hidden="true">✓</p><h2>{t("tablet.fine")}</h2></div> : <>
      <div class="asking"><div><h2>{at.reason ? reasonWord(reasons, at.reason) : at.to ? t("tablet.whyWas") : t("tablet.whyIs")}</h2>
        <p><Badge state={at.state} /> <b>{long(at)}</b> <span class="soft">{hour(at.from)} – {at.to ? hour(at.to) : t("now")}</span>{at.by && <span class="soft"> · {t("stops.by", { name: at.by })}</span>}</p></div>
        {open.length > 1 && i >= 0 && <div class="turn"><button class="big" onClick={() => step(1)} aria-label={t("tablet.earlier")}>◀</button><span>{i + 1} / {open.length}</span><button class="big" onClick={() => step(-1)} aria-label={t("tablet.later")}>▶</button></div>}</div>
      {may("operator") ? order && <div class="reasons" role="group" aria-label={t("tablet.why")}>{order.slice(0, SIX).map((r) => <button key={r.name} class={`reason ${r.category ?? ""}`} aria-pressed={at.reason === r.name} disabled={waits} onClick={() => void say(at, { reason: r.name }).catch(() => null)}>{reasonWord(reasons, r.name)}</button>)}
        <button class="reason else" onClick={() => setOther(at)}>{t("tablet.other")}</button></div> : <p class="soft">{t("tablet.viewer")}</p>}</>}
    {other && order && <Other stop={other} rest={order} all={reasons} say={(n) => say(other, n)} close={() => setOther(null)} />}
  </section>;
}
function Other({ stop, rest, all, say, close }: { stop: Stop; rest: Reason[]; all: Reason[]; say: (n: object) => Promise<unknown>; close: () => void }) {
  const [reason, setReason] = useState(stop.reason ?? ""), [comment, setComment] = useState(stop.comment ?? "");
  return <Confirm title={`${t("tablet.whyIs")} ${hour(stop.from)}`} text="" word={t("save")} close={close} act={() => say({ ...(reason ? { reason } : {}), comment: comment.trim() || null })}>
    <div class="reasons rest" role="group" aria-label={t("stops.reason")}>{[...rest.slice(SIX), ...rest.slice(0, SIX)].map((r) => <button type="button" key={r.name} class={`reason ${r.category ?? ""}`} aria-pressed={reason === r.name} onClick={() => setReason(reason === r.name ? "" : r.name)}>{reasonWord(all, r.name)}</button>)}</div>
    <Field label={t("alarm.comment")}><input class="large" value={comment} maxLength={200} onInput={(e) => setComment(e.currentTarget.value)} /></Field></Confirm>;
}

// ---- what it works at ----
function Work({ machine, groups, of: { jobs, again } }: { machine: string; groups: string[]; of: ReturnType<typeof useJobs> }) {
  const [finish, setFinish] = useState<Job | null>(null), [error, setError] = useState<Error | null>(null);
  const mine = jobs.filter((j) => j.operation.asset === machine || (!j.operation.asset && (!j.operation.machineGroup || groups.includes(j.operation.machineGroup))));
  const started = mine.find((j) => j.operation.state === "started"), next = mine.filter((j) => j.operation.state === "open" || j.operation.state === "interrupted").sort((a, b) => due(a) - due(b)).slice(0, started ? 1 : 3);
  const act = (j: Job, what: string, body: object) => send("POST", `operations/${j.operation.id}/${what}`, body).then(() => (setError(null), again()));
  const press = (j: Job, what: string) => void act(j, what, what === "start" ? { asset: machine } : {}).catch(setError);
  if (!started && !next.length && !finish && !error) return null;
  return <section class="big-panel work" aria-label={t("tablet.work")}>{error && <Problem error={error} />}
    {started && <div class="job"><Said of={started} /><p class="done"><b>{number(started.operation.good ?? 0)}</b> / {started.operation.quantity === undefined ? "–" : number(started.operation.quantity)}{started.operation.startedAt && <span class="soft"> {t("since")} {hour(started.operation.startedAt)}</span>}</p>
      {may("operator") && <p class="acts"><button class="huge main" onClick={() => setFinish(started)}>{t("tablet.finish")}</button><button class="huge" onClick={() => press(started, "interrupt")}>{t("tablet.interrupt")}</button></p>}</div>}
    {next.length > 0 && <><h2>{t("tablet.next")}</h2>{next.map((j) => <div class="job next" key={j.operation.id}><Said of={j} />{may("operator") && <button class={started ? "huge" : "huge main"} onClick={() => press(j, "start")} aria-label={t("tablet.startOf", { what: `${j.order.number} ${j.operation.number}` })}>{t("tablet.start")}</button>}</div>)}</>}
    {finish && <Finish job={finish} act={(b) => act(finish, "finish", b)} close={() => setFinish(null)} />}
  </section>;
}
const units: Record<string, string> = { KGM: "kg", GRM: "g", MTR: "m", MMT: "mm", LTR: "l", HUR: "h" };
const unitOf = (code = "H87") => (/^(H87|C62|EA|PCE)$/.test(code) ? t("tablet.pieces") : units[code] ?? code);
function Said({ of: { order, operation } }: { of: Job }) {
  return <div><h3>{order.number} <small>{operation.number} {operation.name}</small></h3><p>{operation.item ?? order.item} {order.description && <span class="soft">{order.description}</span>}</p>
    <p class="soft">{operation.quantity !== undefined && `${number(operation.quantity)} ${unitOf(order.unit)}`}{(operation.due ?? order.due) && ` · ${t("tablet.due")} ${day((operation.due ?? order.due)!)}`}{order.late && <b class="error"> {t("tablet.late")}</b>}</p></div>;
}
interface Booking { operation: number; end?: string; good: number; scrap: number }
/** What was counted since it was started stands there; only what a person says otherwise is sent. */
function Finish({ job, act, close }: { job: Job; act: (body: object) => Promise<unknown>; close: () => void }) {
  const list = useApi<{ bookings: Booking[] }>(`bookings?order=${job.order.id}&limit=1000`), booking = list.data?.bookings.find((b) => b.operation === job.operation.id && !b.end);
  const [said, setSaid] = useState<{ good?: number; scrap?: number }>({}), good = said.good ?? booking?.good ?? 0, scrap = said.scrap ?? booking?.scrap ?? 0;
  return <Confirm title={`${t("tablet.finish")}: ${job.order.number} ${job.operation.number}`} text={t("tablet.finishText")} word={t("tablet.finish")} close={close} act={() => act(said.good === undefined && said.scrap === undefined ? {} : { good, scrap })}>
    <Stepper label={t("tablet.good")} value={good} set={(n) => setSaid({ ...said, good: n })} /><Stepper label={t("tablet.scrap")} value={scrap} set={(n) => setSaid({ ...said, scrap: n })} /></Confirm>;
}

// ---- what was made ----
function Stepper({ label, value, set, low = 0 }: { label: string; value: number; set: (n: number) => void; low?: number }) {
  const to = (n: number) => set(Math.max(low, Math.min(1e6, Math.trunc(n) || 0)));
  return <div class="stepper" role="group" aria-label={label}><span>{label}</span><button type="button" class="huge" onClick={() => to(value - 1)} disabled={value <= low} aria-label={t("tablet.less", { what: label })}>−</button>
    <input type="number" inputMode="numeric" min={low} max={1000000} value={value} aria-label={label} onInput={(e) => to(Number(e.currentTarget.value))} onFocus={(e) => e.currentTarget.select()} /><button type="button" class="huge" onClick={() => to(value + 1)} aria-label={t("tablet.moreOf", { what: label })}>+</button></div>;
}
function Made({ machine, place, again }: { machine: string; place: Place; again: () => void }) {
  const [good, setGood] = useState(0), [scrap, setScrap] = useState(0), [error, setError] = useState<Error | null>(null), [done, setDone] = useState<{ good: number; scrap: number } | null>(null), [busy, setBusy] = useState(false);
  const post = (g: number, s: number, then: () => void) => {
    setBusy(true);
    void send("POST", "parts", { asset: machine, good: g, scrap: s }).then(() => {
      setError(null);
      setGood(0);
      setScrap(0);
      then();
      again();
    }, setError).finally(() => setBusy(false));
  };
  return <section class="big-panel made-by" aria-label={t("tablet.parts")}><h2>{t("tablet.parts")}</h2>
    <div class="figure"><div><Parts of={place} /></div>{place.step && place.step.oee !== null && <p class="oee"><b>{percent(place.step.oee)}</b><small>OEE</small></p>}</div>
    {error && <Problem error={error} />}
    {done && <div class="notice good" role="status"><span>{t("tablet.counted", { good: count(done.good), scrap: count(done.scrap) })}</span><button class="big" disabled={busy} onClick={() => post(-done.good, -done.scrap, () => setDone(null))}>{t("stops.undo")}</button></div>}
    {may("operator") && <><Stepper label={t("tablet.good")} value={good} set={setGood} /><Stepper label={t("tablet.scrap")} value={scrap} set={setScrap} />
      <button class="huge main" disabled={busy || (!good && !scrap)} onClick={() => post(good, scrap, () => setDone({ good, scrap }))}>{t("tablet.count")}</button></>}
  </section>;
}

// ---- the page ----
function At({ machine }: { machine: string }) {
  const floor = useFloor(plain(machine), 2000), shop = useApi<Settings>("shop", 600e3), work = useJobs(plain(machine)), me = who.use(), reasons = useMemo(() => shop.data?.reasons ?? [], [shop.data]);
  useTick(1000);
  useAwake();
  const place = floor.data?.find((p) => p.machine.path === machine);
  return <div class="tablet"><div class="tablet-head"><a class="button big" href="#/tablet" aria-label={t("tablet.machines")}>◀</a><h1>{nameOf(machine)}</h1>
    {place && <p><Badge state={place.machine.state} /> {place.machine.stateSince && <b>{span((now() - since(place.machine)) / 1000)}</b>}</p>}<span class="grow" /><span class="soft cut">{me?.displayName ?? me?.user}</span><time>{hour(now())}</time></div>
    <Answer of={floor}>{() => shop.busy || work.busy ? <Loading /> : place ? <div class="tablet-body"><Why machine={machine} place={place} reasons={reasons} /><div><Work of={work} machine={machine} groups={(shop.data?.groups ?? []).filter((g) => matches(g.match, machine)).map((g) => g.name)} /><Made machine={machine} place={place} again={floor.again} /></div></div>
      : <Empty title={t("tablet.noMachine", { name: nameOf(machine) })}><p><a class="button" href="#/tablet">{t("tablet.machines")}</a></p></Empty>}</Answer></div>;
}
function Choice() {
  const floor = useFloor("", 5000);
  return <div class="tablet"><div class="tablet-head"><a class="button big" href="#/floor" aria-label={t("floor")}>◀</a><h1>{t("tablet.which")}</h1></div>
    <Answer of={floor}>{(all) => all.length ? <ul class="choice">{[...all].sort(byTrouble).map((p) => <li key={p.machine.path}><a class="button" href={to(p.machine.path)}><span><b>{nameOf(p.machine.path)}</b><small>{above(p.machine.path).replaceAll("/", " / ")}</small></span><Badge state={p.machine.state} /></a></li>)}</ul> : <Empty title={t("floor.none")}><p>{t("floor.noneText")}</p></Empty>}</Answer></div>;
}
export function TabletPage() {
  const { rest } = route.use();
  return rest ? <At key={rest} machine={rest} /> : <Choice />;
}
