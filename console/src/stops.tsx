// SPDX-License-Identifier: Apache-2.0
// What stood still and why: the unexplained first, and what each reason cost.
import { useRef, useState } from "preact/hooks";
import { may, query, useApi } from "./api";
import { MachineChoice, useMachines } from "./form";
import { clock, count, day, hour, span, t, word } from "./lang";
import { nameOf } from "./model";
import { PeriodBar, periodOf, spanOf } from "./period";
import { replace, route, toAsset } from "./route";
import { Badge, percent } from "./floor";
import { type Cost, type Note, reasonWord, type Reason, type Settings, type Stop, type Stops, useNote } from "./shop";
import { Answer, Choose, Dialog, Empty, Field, Page, Problem } from "./ui";

const NONE = "none";
/** Lost time is counted in hours, also when it is days. */
const lost = (s: number) => (s < 86400 ? span(s) : `${count(Math.floor(s / 3600))} ${t("hours")} ${Math.floor((s / 60) % 60)} min`);
// ---- what each reason cost ----
function Pareto({ costs, reasons, chosen, choose }: { costs: Cost[]; reasons: Reason[]; chosen: string; choose: (r: string) => void }) {
  const most = costs[0]?.seconds || 1;
  let sum = 0;
  return <ol class="pareto" aria-label={t("stops.pareto")}>{costs.map((c) => {
    const key = c.reason ?? NONE;
    sum += c.share;
    return <li key={key}><button aria-pressed={key === chosen} class={c.reason === null ? "open" : ""} onClick={() => choose(key === chosen ? "" : key)}>
      <span class="name">{c.reason === null ? t("stops.unexplained") : reasonWord(reasons, c.reason)}{c.reason && c.category && c.category !== "other" && word("category", c.category) !== reasonWord(reasons, c.reason) && <small>{word("category", c.category)}</small>}</span>
      <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true"><rect width={(c.seconds / most) * 1000} height="20" /></svg>
      <b>{lost(c.seconds)}</b><span class="n">{count(c.count)}×</span><span class="n sum" title={t("stops.sum")}>{percent(c.share)}<small> Σ {percent(Math.min(1, sum))}</small></span></button></li>;
  })}</ol>;
}

// ---- one of them ----
const states = ["running", "setup", "maintenance", "stopped", "idle", "off"];
function More({ stop: s, reasons, say, close }: { stop: Stop; reasons: Reason[]; say: (n: Note) => Promise<void>; close: () => void }) {
  const [reason, setReason] = useState(s.reason ?? ""), [state, setState] = useState(s.state), [comment, setComment] = useState(s.comment ?? ""), [error, setError] = useState<Error | null>(null);
  const save = (e: Event) => {
    e.preventDefault();
    const note: Note = {};
    if (reason !== (s.reason ?? "")) note.reason = reason || null;
    if (state !== s.state) note.state = state === (s.told ?? s.state) ? null : state;
    if (comment.trim() !== (s.comment ?? "")) note.comment = comment.trim() || null;
    (Object.keys(note).length ? say(note) : Promise.resolve()).then(close, setError);
  };
  return <Dialog title={`${nameOf(s.asset)}, ${hour(s.from)}, ${span(s.seconds)}`} close={close}><form onSubmit={save}>
    <Choose label={t("stops.reason")} value={reason} set={setReason} of={[["", t("stops.noReason")], ...listed(reasons, s.reason)]} />
    <Field label={t("alarm.comment")}><input value={comment} maxLength={200} onInput={(e) => setComment(e.currentTarget.value)} /></Field>
    <Choose label={t("stops.state")} help={t("stops.stateHelp", { state: word("state", s.told ?? s.state) })} value={state} set={setState} of={states.map((x) => [x, word("state", x)])} />
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={close}>{t("cancel")}</button><button class="main">{t("save")}</button></div></form></Dialog>;
}
const listed = (reasons: Reason[], also: string | null): [string, string][] => [...reasons.map((r) => [r.name, reasonWord(reasons, r.name)] as [string, string]), ...(also && !reasons.some((r) => r.name === also) ? [[also, also] as [string, string]] : [])];
/** By mouse or touch what is chosen is said at once; by keyboard one goes through the list, and Enter or leaving it says it. */
function Choice({ stop: s, reasons, what, say }: { stop: Stop; reasons: Reason[]; what: string; say: (n: Note) => void }) {
  const [at, setAt] = useState<string | null>(null), keys = useRef(false);
  const done = (to: string) => {
    setAt(null);
    if (to !== (s.reason ?? "")) say({ reason: to || null });
  };
  return <select aria-label={t("stops.reasonOf", { what })} value={at ?? s.reason ?? ""} onPointerDown={() => (keys.current = false)} onBlur={() => at !== null && done(at)} onKeyDown={(e) => {
    keys.current = true;
    if (e.key === "Enter" && at !== null) done(at);
    if (e.key === "Escape") setAt(null);
  }} onChange={(e) => (keys.current ? setAt : done)(e.currentTarget.value)}>
    <option value="" selected={!(at ?? s.reason)}>{t("stops.choose")}</option>{listed(reasons, s.reason).map(([k, n]) => <option key={k} value={k} selected={k === (at ?? s.reason)}>{n}</option>)}</select>;
}
function Row({ stop: s, reasons, dated, say, more }: { stop: Stop; reasons: Reason[]; dated: boolean; say: (n: Note) => void; more: () => void }) {
  const what = `${nameOf(s.asset)}, ${hour(s.from)}`;
  return <li class={`stop${s.reason ? "" : " open"}`}>
    <p class="where"><a href={toAsset(s.asset)}>{nameOf(s.asset)}</a> <Badge state={s.state} />{s.told && <small>{t("stops.told", { state: word("state", s.told) })}</small>}</p>
    <p class="long"><b>{lost(s.seconds)}</b> <span class="soft" title={clock(s.from)}>{dated && `${day(s.from)} `}{hour(s.from)} – {s.to ? hour(s.to) : t("now")}</span></p>
    <p class="said">{may("operator") ? <Choice stop={s} reasons={reasons} what={what} say={say} /> : s.reason ? <b>{reasonWord(reasons, s.reason)}</b> : <span class="soft">{t("stops.noReason")}</span>}
      {(s.comment || s.by) && <small class="block">{s.comment && <>“{s.comment}” </>}{s.by && t("stops.by", { name: s.by })}</small>}</p>
    <p class="act">{may("operator") && <><button class="small" onClick={more} aria-label={t("stops.moreOf", { what })}>{t("stops.more")}</button>{(s.reason || s.told) && s.by && <button class="small" onClick={() => say({ ...(s.reason ? { reason: null } : {}), ...(s.told ? { state: null } : {}) })} aria-label={t("stops.takeBackOf", { what })}>{t("stops.takeBack")}</button>}</>}</p>
  </li>;
}

const STEP = 50;
export function StopsPage() {
  const p = route.use().params, period = periodOf(p), chosen = p.get("asset") ?? "", reason = p.get("reason") ?? "", [most, setMost] = useState(STEP), [edit, setEdit] = useState<Stop | null>(null);
  const set = (x: Record<string, string | undefined>) => {
    setMost(STEP);
    replace("#/stops?" + query({ asset: chosen || undefined, period: p.get("period") ?? undefined, at: p.get("at") ?? undefined, reason: reason || undefined, ...x }));
  };
  const asset = chosen ? chosen.replace(/[,*?]/g, "?") : undefined, of = { ...spanOf(period), asset };
  const sums = useApi<Stops>("stops?" + query({ ...of, limit: 0 }), 30e3), list = useApi<Stops>("stops?" + query({ ...of, limit: most, reason: reason || undefined }), 30e3);
  const shop = useApi<Settings>("shop"), reasons = shop.data?.reasons ?? [];
  const note = useNote(() => {
    sums.again();
    list.again();
  });
  return <Page title={t("stops")} tools={may("operator") && <a class="button" href={`#/tablet${chosen && "/" + chosen.split("/").map(encodeURIComponent).join("/")}`}>{t("tablet")}</a>}>
    <div class="filters"><MachineChoice of={useMachines()} none={t("oee.all")} value={chosen} set={(machine) => set({ asset: machine || undefined })} /><PeriodBar of={period} set={set} stepped={false} /></div>
    {note.error && <Problem error={note.error} />}
    {note.done && <div class="notice good" role="status"><span>{nameOf(note.done.asset)}: {note.done.note.reason ? reasonWord(reasons, note.done.note.reason) : note.done.note.state ? word("state", note.done.note.state) : note.done.note.comment ? `“${note.done.note.comment}”` : t("stops.takenBack")}</span><button onClick={note.undo}>{t("stops.undo")}</button></div>}
    <Answer of={sums}>{(d) => d.reasons.length > 0 && <section class="panel"><h2>{t("stops.lost", { span: lost(d.reasons.reduce((n, c) => n + c.seconds, 0)) })}</h2><Pareto costs={d.reasons} reasons={reasons} chosen={reason} choose={(r) => set({ reason: r || undefined })} /></section>}</Answer>
    {!sums.busy && <Answer of={list}>{(d) => <section><h2>{reason ? `${t("stops")}: ${reason === NONE ? t("stops.unexplained") : reasonWord(reasons, reason)}` : t("stops.list", { n: count(d.count) })} {reason && <button class="plain" onClick={() => set({ reason: undefined })}>{t("stops.showAll")}</button>}</h2>
      {d.stops.length ? <ul class="stops">{d.stops.map((s) => <Row key={`${s.id} ${s.from}`} stop={s} reasons={reasons} dated={period.kind !== "day"} say={(n) => note.say(s, n)} more={() => setEdit(s)} />)}</ul> : <Empty title={t("stops.none")}><p>{t("stops.noneText")}</p></Empty>}
      {d.more && <div class="buttons left"><button onClick={() => setMost(most + 4 * STEP)}>{t("stops.further", { n: count(d.count - d.stops.length) })}</button></div>}</section>}</Answer>}
    {edit && <More stop={edit} reasons={reasons} say={(n) => note.trySay(edit, n)} close={() => setEdit(null)} />}
  </Page>;
}
