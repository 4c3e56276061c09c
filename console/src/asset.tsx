// SPDX-License-Identifier: Apache-2.0
// One asset: what it is, what it did today, its signals as they are now.
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { api, epoch, may, query, send, useApi } from "./api";
import { age, count, t, word } from "./lang";
import { follow, now } from "./live";
import { type Asset, type Interval, nameOf, quality, show, type Signal, stateIcon, stateInk, stateWord, sum, unit } from "./model";
import { go, route, toAsset, toChart } from "./route";
import { Answer, Band, Confirm, Dialog, Empty, Field, Mark, Page, Problem, Rows, Time, useTick } from "./ui";

const plate = ["ManufacturerName", "ManufacturerProductDesignation", "OrderCodeOfManufacturer", "SerialNumber", "HardwareVersion", "FirmwareVersion", "SoftwareVersion", "URIOfTheProduct", "YearOfConstruction", "DeviceClass", "AssetId", "Location"];

/** All signals below a path: the first at once, so that something is seen, the others behind them. */
function useSignals(path: string) {
  const e = epoch.use(), [list, setList] = useState<Signal[] | null>(null), [error, setError] = useState<Error | null>(null), [n, again] = useReducer((x: number, _: void) => x + 1, 0), of = useRef(path);
  useLayoutEffect(() => {
    let alive = true;
    if (of.current !== path) setList(null);
    of.current = path;
    (async () => {
      const all: Signal[] = [];
      for (let after: string | undefined, limit = 100; ; limit = 4000) {
        const page = await api<{ signals: Signal[]; next: string | null }>("signals?" + query({ match: path ? path.replace(/[,*?]/g, "?") : undefined, limit, after }));
        if (!alive) return;
        all.push(...page.signals);
        setError(null);
        setList((old) => (old && old.length > all.length && page.next ? old : [...all]));
        if (!page.next) return;
        after = page.next;
      }
    })().catch((x) => alive && setError(x));
    return () => void (alive = false);
  }, [path, e, n]);
  return { data: list, error, again: () => again() };
}

function Row({ s, at, index, chosen, choose, edit, write }: { s: Signal; at: string; index: number; chosen: boolean; choose: () => void; edit: () => void; write: () => void }) {
  const [, again] = useReducer((x: number, _: void) => x + 1, 0);
  useEffect(() => follow([s.path], (v) => {
    s.value = v.value;
    s.status = { code: v.status, name: v.status === s.status.code ? s.status.name : "" };
    s.time = v.time;
    s.stale = v.status === 0x80310000;
    again();
  }), [s]);
  useTick(1000);
  const q = quality(s.status.code, s.time, s.stale), code = `0x${s.status.code.toString(16).padStart(8, "0").toUpperCase()}`, name = at ? s.path.slice(at.length + 1) : s.path, cut = name.lastIndexOf("/");
  return <div class={`signal is-${q}`} role="row" aria-rowindex={index + 1}>
    <span role="cell" class="pick"><input type="checkbox" checked={chosen} onChange={choose} aria-label={t("pick", { name })} /></span>
    <span role="cell" class="name"><a href={toChart([s.path])} title={`${s.path}${s.description ? "\n" + s.description : ""}`}>{cut > 0 && <small>{name.slice(0, cut + 1).replaceAll("/", " / ")}</small>}{name.slice(cut + 1)}</a></span>
    <span role="cell" class="value" title={String(s.value ?? "")}>{show(s, s.value)} <small>{unit(s)}</small></span>
    <span role="cell" class="quality" title={`${s.status.name} ${code}`}><Mark quality={q} /></span>
    <span role="cell" class="age soft">{s.time ? <time dateTime={s.time} title={`${s.time} (UTC)`}>{age(now() - Date.parse(s.time))}</time> : ""}</span>
    <span role="cell" class="act">{s.writable && may("operator") && <button onClick={write}>{t("write")}</button>}{may("engineer") && <button onClick={edit} aria-label={t("editOf", { name })} title={t("edit")}>✎</button>}</span>
  </div>;
}

function Edit({ kind, path, values, close }: { kind: "asset" | "signal"; path: string; values: Record<string, string | boolean>; close: (to?: string) => void }) {
  const [error, setError] = useState<Error | null>(null);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), change: Record<string, unknown> = {};
    for (const [k, old] of Object.entries(values)) {
      const now = typeof old === "boolean" ? f.has(k) : String(f.get(k) ?? "").trim();
      if (now !== old) change[k] = now === "" ? null : now;
    }
    try {
      if (Object.keys(change).length) await send("PATCH", `${kind}?path=${encodeURIComponent(path)}`, change);
      close(String(change.path ?? path));
    } catch (x) {
      setError(x as Error);
    }
  };
  return <Dialog title={t("editOf", { name: nameOf(path) })} close={() => close()}><form onSubmit={save}>
    {Object.entries(values).map(([k, v]) => typeof v === "boolean" ? <label class="check" key={k}><input type="checkbox" name={k} defaultChecked={v} /> {word("field", k)}</label>
      : <Field key={k} label={plate.includes(k) ? word("plate", k) : word("field", k)} help={k === "path" ? t("field.pathHelp") : undefined}>
        {k === "label" ? <select name={k}>{["inherit", "public", "partner", "internal", "secret"].map((l) => <option value={l} selected={l === v}>{word("label", l)}</option>)}</select>
          : k === "kind" ? <select name={k}>{["folder", "enterprise", "site", "area", "line", "machine", "plc", "meter", "sensor", "component"].map((l) => <option value={l} selected={l === v}>{word("asset", l)}</option>)}</select>
            : <input name={k} defaultValue={v} required={k === "path"} />}</Field>)}
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={() => close()}>{t("cancel")}</button><button class="main">{t("save")}</button></div></form></Dialog>;
}
function Write({ s, close }: { s: Signal; close: () => void }) {
  const [text, setText] = useState(s.value === null ? "" : String(s.value));
  const value = () => (s.type === "bool" ? text === "true" : /^(u?int64|float|double)$/.test(s.type) && text.trim() !== "" ? Number(text) : text);
  return <Confirm title={t("writeTo", { name: nameOf(s.path) })} text={t("writeText")} word={t("write")} danger close={close} act={() => send("PUT", `value?path=${encodeURIComponent(s.path)}`, { value: value() })}>
    <p><code>{s.path}</code><br />{t("nowIs", { value: show(s, s.value) })} {unit(s)}</p>
    <Field label={t("newValue")}>{s.type === "bool" || s.enums ? <select value={text} onChange={(e) => setText(e.currentTarget.value)}>{s.enums ? Object.entries(s.enums).map(([k, n]) => <option value={k}>{n}</option>) : <><option value="true">{t("yes")}</option><option value="false">{t("no")}</option></>}</select>
      : <input value={text} required onInput={(e) => setText(e.currentTarget.value)} />}</Field></Confirm>;
}

export function AssetPage() {
  const path = route.use().rest, tree = useApi<Asset>("tree?" + query({ path: path || undefined, depth: 16, signals: 0 }), 5000), signals = useSignals(path);
  const intervals = useApi<{ intervals: Interval[] }>("intervals?" + query({ path, from: "-24h", limit: 3000 }), 15000);
  const [want, setWant] = useState(""), [picked, setPicked] = useState<Set<string>>(new Set()), [edit, setEdit] = useState<Signal | "asset" | null>(null), [write, setWrite] = useState<Signal | null>(null);
  useEffect(() => {
    setPicked(new Set());
    setWant("");
  }, [path]);
  const rows = useMemo(() => (signals.data ?? []).filter((s) => !want || `${s.path} ${s.description ?? ""}`.toLowerCase().includes(want.toLowerCase())), [signals.data, want]);
  const parts = path.split("/"), small = matchMedia("(max-width: 700px)").matches;
  const a = tree.data, n = a && sum(a);
  return <Page title={path ? nameOf(path) : t("topLevel")} crumbs={<><a href="#/">{t("overview")}</a>{path && parts.slice(0, -1).map((p, i) => <> / <a href={toAsset(parts.slice(0, i + 1).join("/"))}>{p}</a></>)}</>}
    tools={a && <>{may("engineer") && <button onClick={() => setEdit("asset")} disabled={!path}>{t("edit")}</button>}<a class={`button${picked.size ? " main" : ""}`} href={picked.size ? toChart([...picked]) : undefined} aria-disabled={!picked.size}>{t("chartOf", { n: picked.size })}</a></>}>
    <Answer of={tree}>{(asset) => <>
      <p class="about">{asset.state && <span class="badge" style={{ "--ink": stateInk(asset.state) }}><i aria-hidden="true">{stateIcon(asset.state)}</i>{stateWord(asset.state)}</span>}
        {asset.stateSince && <span class="soft">{t("since")} <Time at={asset.stateSince} /></span>}
        <span class="soft">{word("asset", asset.kind)}</span>{n && <span class="soft">{t("signalsN", { n: count(n.signals) })}</span>}{asset.description && <span>{asset.description}</span>}</p>
      {Object.keys(asset.nameplate).length > 0 && <dl class="plate">{Object.entries(asset.nameplate).map(([k, v]) => <div><dt>{word("plate", k)}</dt><dd>{v}</dd></div>)}</dl>}
      {asset.assets.length > 0 && <nav class="parts" aria-label={t("parts.of")}>{asset.assets.map((k) => <a href={toAsset(k.path)} key={k.id}>{nameOf(k.path)} <small>{count(sum(k).signals)}</small></a>)}</nav>}
    </>}</Answer>
    {!!intervals.data?.intervals.length && <section><h2>{t("last24")}</h2><Band intervals={intervals.data.intervals} from={now() - 86400e3} to={now()} /></section>}
    <section><div class="title"><h2>{t("signals")}</h2><input type="search" value={want} placeholder={t("find")} aria-label={t("find")} onInput={(e) => setWant(e.currentTarget.value)} /></div>
      <Answer of={signals}>{(all) => !all.length ? <Empty title={t("noSignals")}><p>{t("noSignalsText")} <a href="#/start">{t("addMachine")}</a></p></Empty> : !rows.length ? <p class="soft">{t("noMatch")}</p>
        : <Rows count={rows.length} columns={6} height={small ? 56 : 36} label={t("signals")} row={(i) => {
          const s = rows[i];
          return <Row key={s.id} s={s} at={path} index={i} chosen={picked.has(s.path)} choose={() => setPicked((p) => {
            const next = new Set(p);
            if (!next.delete(s.path)) next.add(s.path);
            return next;
          })} edit={() => setEdit(s)} write={() => setWrite(s)} />;
        }} />}</Answer></section>
    {edit === "asset" && a && <Edit kind="asset" path={path} values={{ path: a.path, description: a.description ?? "", kind: a.kind, label: a.label, ...Object.fromEntries(plate.slice(0, 4).concat("Location").map((k) => [k, a.nameplate[k] ?? ""])) }}
      close={(to) => { setEdit(null); tree.again(); if (to && to !== path) go(toAsset(to)); }} />}
    {edit && edit !== "asset" && <Edit kind="signal" path={edit.path} values={{ path: edit.path, description: edit.description ?? "", unitText: edit.unitText ?? "", label: edit.label, stored: edit.stored, writable: edit.writable }}
      close={() => { setEdit(null); signals.again(); }} />}
    {write && <Write s={write} close={() => setWrite(null)} />}
  </Page>;
}
