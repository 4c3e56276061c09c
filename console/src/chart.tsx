// SPDX-License-Identifier: Apache-2.0
// Any signals together over any time. The node makes the steps; at most 2,000 a signal are drawn.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { api, epoch, query, useApi } from "./api";
import { clock, day, hour, language, number, second, short, span, t } from "./lang";
import { follow, now } from "./live";
import { type Bucket, discrete, type Forecast, type Interval, nameOf, numeric, show, type Signal, unit } from "./model";
import { replace, route } from "./route";
import { look } from "./theme";
import { Band, csv, Dialog, download, Empty, Field, Page, Problem } from "./ui";
import { OfSignal } from "./watching";

const periods: [string, string][] = [["-15m", "15 min"], ["-1h", "1 h"], ["-8h", "8 h"], ["-24h", "24 h"], ["-7d", "7 d"], ["-30d", "30 d"], ["-365d", "1 y"]];
const units: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 };
const MOST = 2000, LIVE = 1e3;

interface View { live: boolean; length: number; from: number; to: number }
function view(p: URLSearchParams): View {
  const from = p.get("from") ?? "-1h", to = p.get("to"), back = /^-(\d+)([smhd])$/.exec(from);
  const end = to ? Date.parse(to) : now();
  const start = back ? end - Number(back[1]) * units[back[2]] : Date.parse(from);
  const good = start < end ? start : end - 3600e3;
  return { live: !to, length: end - good, from: good, to: end };
}
const address = (paths: string[], from: string, to?: string) => `#/chart?${[...paths.map((s) => "s=" + encodeURIComponent(s)), `from=${encodeURIComponent(from)}`, ...(to ? [`to=${encodeURIComponent(to)}`] : [])].join("&")}`;

interface Line { signal: Signal; at: number[]; end: number[]; min: (number | null)[]; mean: (number | null)[]; max: (number | null)[]; last: (number | null)[]; bad: boolean[] }
interface Data { from: number; to: number; step: number; lines: Line[]; gaps: Interval[]; bands: Interval[]; tooMany: boolean; names: Map<string, number>; ahead?: (Ahead | undefined)[] }
interface Ahead { at: number[]; low: number[]; value: number[]; high: number[] }
const MINUTE = 60e3, WEEK = 7 * 86400e3, WORDS = { short: "chart.forecast.short", words: "chart.forecast.words" } as const;
/** How far ahead a chart of this length looks, ms. */
const horizon = (length: number) => Math.max(30 * MINUTE, Math.min(WEEK, length / 2));
const ahead = (f: Forecast): Ahead | undefined => f.missing ? undefined : {
  at: f.steps.map((s) => f.counter ? Date.parse(s.to) : (Date.parse(s.from) + Date.parse(s.to)) / 2), low: f.steps.map((s) => s.low), value: f.steps.map((s) => s.value), high: f.steps.map((s) => s.high) };
const line = (signal: Signal, b: Bucket[]): Line => {
  const steps = discrete(signal), l: Line = { signal, at: [], end: [], min: [], mean: [], max: [], last: [], bad: [] };
  for (const x of b) {
    l.at.push(Date.parse(x.from));
    l.end.push(Date.parse(x.to));
    l.min.push(steps ? x.last : x.min);
    l.mean.push(steps ? x.last : x.mean);
    l.max.push(steps ? x.last : x.max);
    l.last.push(x.last);
    l.bad.push(x.n === x.bad && x.n > 0);
  }
  return l;
};
/** Puts `news` in place of all that begins where it does, and forgets what is before `from`. */
function join(old: Line, news: Line, from: number): Line {
  const keys = ["at", "end", "min", "mean", "max", "last", "bad"] as const, out = { signal: news.signal } as Line;
  const cut = news.at.length ? old.at.findIndex((x) => x >= news.at[0] - 1) : -1, first = Math.max(0, old.end.findIndex((x) => x >= from));
  for (const k of keys) (out as any)[k] = [...(old[k] as any[]).slice(first, cut < 0 ? undefined : cut), ...(news[k] as any[])];
  return out;
}
async function load(signals: Signal[], from: number, to: number, ask: { points?: number; every?: number }): Promise<{ lines: Line[]; step: number }> {
  const time = (x: number) => new Date(x).toISOString();
  const r = await api<{ series: { id: number; stepMs: number; buckets: Bucket[] }[] }>(`history?${signals.map((s) => "path=" + encodeURIComponent(s.path)).join("&")}&${query({ from: time(from), to: time(to), fn: "min,mean,max,last", points: ask.points, every: ask.every ? `${ask.every}ms` : undefined })}`);
  return { lines: signals.map((s) => line(s, r.series.find((x) => x.id === s.id)?.buckets ?? [])), step: r.series[0]?.stepMs ?? 1000 };
}

const ink = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** Whether a gap is one of this signal: that of another link at the same place is not. */
const missing = (s: Signal, g: Interval, names: Map<string, number>) =>
  (g.path === "" || s.path.startsWith(g.path + "/")) && (g.attributes.coupling === undefined || names.get(g.attributes.coupling) === s.coupling);
/** The assets above a signal, and the node itself. */
const places = (path: string) => path.split("/").map((_, i, names) => names.slice(0, i).join("/"));
/** Columns for uPlot: one time axis for all; between two steps far apart the line is broken when the signal was cut off or bad. */
function columns(d: Data): uPlot.AlignedData {
  const tables = d.lines.map((l) => {
    const x: number[] = [], a: (number | null)[] = [], b: (number | null)[] = [], c: (number | null)[] = [], holds = discrete(l.signal);
    const gaps = d.gaps.filter((g) => missing(l.signal, g, d.names)).map((g) => [Date.parse(g.start), g.end ? Date.parse(g.end) : Infinity]);
    const put = (at: number, v: number | null, low = v, high = v) => {
      if (x.length && at <= x[x.length - 1]) return;
      x.push(at);
      a.push(low);
      b.push(v);
      c.push(high);
    };
    for (let i = 0; i < l.at.length; i++) {
      const mid = Math.min(holds ? l.at[i] : (l.at[i] + l.end[i]) / 2, d.to), before = i ? l.end[i - 1] : l.at[i];
      if (i && gaps.some(([s, e]) => s < l.at[i] && e > before)) {
        put(before, l.last[i - 1]);
        put(before + 1, null);
      } else if (i && !holds && l.at[i] - before > d.step * 0.5) { // machines report changes: the value held
        put(before, l.last[i - 1]);
        put(l.at[i], l.last[i - 1]);
      }
      put(mid, l.mean[i], l.min[i], l.max[i]);
    }
    const n = l.at.length;
    if (n && d.to > l.end[n - 1] && !gaps.some(([s, e]) => e > l.end[n - 1] && s < d.to)) put(Math.min(d.to, now()), l.last[n - 1]);
    return [x, a, b, c] as uPlot.AlignedData;
  });
  d.ahead?.forEach((f, i) => {
    if (!f) return;
    const l = d.lines[i], last = l.last.length ? l.last[l.last.length - 1] : null, first = f.at.findIndex((x) => x > d.to), from = first < 0 ? f.at.length : first;
    const start = last === null ? [] : [d.to];
    tables.push([[...start, ...f.at.slice(from)], ...[f.low, f.value, f.high].map((y) => [...start.map(() => last), ...y.slice(from)])] as uPlot.AlignedData);
  });
  return tables.length ? uPlot.join(tables.map((tb) => [Float64Array.from(tb[0] as number[], (v) => v / 1000), ...tb.slice(1)] as uPlot.AlignedData), tables.map(() => [2, 2, 2])) : [[]];
}

/** Where the axis of time ends. */
const end = (d: Data) => Math.max(d.to, ...(d.ahead ?? []).map((f) => f?.at[f.at.length - 1] ?? 0));

function Plot({ data, hover, select, pan, place }: { place: (left: number, right: number) => void; data: Data; hover: (at: number | null) => void; select: (from: number, to: number) => void; pan: (share: number, factor: number) => void }) {
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null), held = useRef({ data, hover, select, pan, place });
  held.current = { data, hover, select, pan, place };
  const shape = data.lines.map((l, i) => `${l.signal.id}${unit(l.signal)}${data.ahead?.[i] ? "+" : ""}`).join() + language.get();
  const colours = look.use();
  const drawn = () => {
    const u = plot.current!, d = held.current.data;
    u.batch(() => {
      u.setData(columns(d), false);
      u.setScale("x", { min: d.from / 1000, max: end(d) / 1000 });
      for (const k of Object.keys(u.scales)) if (k !== "x") u.setScale(k, { min: null as any, max: null as any });
    });
  };
  useEffect(() => {
    const soft = ink("--soft"), grid = ink("--line"), scales = [...new Set(data.lines.map((l) => unit(l.signal) || "-"))];
    const series: uPlot.Series[] = [{}], bands: uPlot.Band[] = [];
    data.lines.forEach((l, i) => {
      const colour = ink(`--series-${i % 8}`), scale = "y" + scales.indexOf(unit(l.signal) || "-"), paths = discrete(l.signal) ? uPlot.paths.stepped!({ align: 1 }) : undefined;
      for (const k of [0, 1, 2]) series.push({ scale, stroke: k === 1 ? colour : "transparent", width: k === 1 ? 1.6 : 0, paths, points: { show: false }, spanGaps: false });
      bands.push({ series: [3 * i + 3, 3 * i + 1], fill: colour + "33" });
    });
    data.ahead?.forEach((f, i) => {
      if (!f) return;
      const colour = ink(`--series-${i % 8}`), scale = "y" + scales.indexOf(unit(data.lines[i].signal) || "-");
      for (const k of [0, 1, 2]) series.push({ scale, stroke: k === 1 ? colour : "transparent", width: k === 1 ? 1.6 : 0, dash: [5, 4], points: { show: false } });
      bands.push({ series: [series.length - 1, series.length - 3], fill: colour + "22" });
    });
    const narrow = box.current!.clientWidth < 600;
    const axis: uPlot.Axis = { stroke: soft, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, font: "12px system-ui, sans-serif" };
    const u = new uPlot({
      width: box.current!.clientWidth, height: box.current!.clientHeight, series, bands, legend: { show: false },
      scales: { x: { time: true, auto: false } },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 }, focus: { prox: 24 } },
      axes: [{ ...axis, space: 90, size: 34, values: (u_, at) => {
        const length = (u_.scales.x.max! - u_.scales.x.min!) * 1000;
        return at.map((x) => (length > 4 * 86400e3 || (length > 86400e3 && new Date(x * 1000).getHours() === 0) ? day(x * 1000) : (length < 300e3 ? second : hour)(x * 1000)));
      } }, ...scales.slice(0, narrow ? 2 : 4).map((name, i): uPlot.Axis => {
        const named = data.lines.find((l) => (unit(l.signal) || "-") === name && l.signal.enums);
        return { ...axis, scale: "y" + i, side: i % 2 ? 1 : 3, gap: 4, size: (_, said) => (named ? 96 : Math.max(narrow ? 40 : 56, 14 + 7.5 * Math.max(0, ...(said ?? []).map((x) => x.length)))), label: name === "-" || narrow ? undefined : name, labelSize: 16, labelGap: 0, labelFont: "12px system-ui, sans-serif", grid: { ...axis.grid, show: !i },
          values: (_, v) => v.map((x) => (x === null ? "" : named ? Number.isInteger(x) ? named.signal.enums![x] ?? "" : "" : short(x))) };
      })],
      hooks: {
        setCursor: [(x) => held.current.hover(x.cursor.idx == null || x.cursor.left! < 0 ? null : x.posToVal(x.cursor.left!, "x") * 1000)],
        setSelect: [(x) => {
          if (x.select.width > 4) held.current.select(x.posToVal(x.select.left, "x") * 1000, x.posToVal(x.select.left + x.select.width, "x") * 1000);
          x.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        draw: [(x) => held.current.place(x.bbox.left / devicePixelRatio, (x.ctx.canvas.width - x.bbox.left - x.bbox.width) / devicePixelRatio)],
        drawClear: [(x) => {
          const { left, top, width, height } = x.bbox, g = x.ctx, d = held.current.data;
          const shade = (from: number, to: number, colour: string) => {
            const a = Math.max(left, x.valToPos(from / 1000, "x", true)), b = Math.min(left + width, Math.max(a + 1, x.valToPos(to / 1000, "x", true)));
            g.fillStyle = colour;
            if (b > a) g.fillRect(a, top, b - a, height);
          };
          for (const i of d.gaps) if (d.lines.some((l) => missing(l.signal, i, d.names))) shade(Date.parse(i.start), i.end ? Date.parse(i.end) : d.to, ink("--shade-gap"));
          for (const l of d.lines) l.bad.forEach((bad, i) => bad && shade(l.at[i], l.end[i], ink("--shade-bad")));
        }],
      },
    }, columns(data), box.current!);
    plot.current = u;
    drawn();
    const size = new ResizeObserver(() => box.current && u.setSize({ width: box.current.clientWidth, height: box.current.clientHeight }));
    size.observe(box.current!);
    const wheel = (e: WheelEvent) => {
      e.preventDefault();
      const r = u.over.getBoundingClientRect();
      if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) held.current.pan(Math.sign(e.deltaX || e.deltaY) * 0.1, 1);
      else held.current.pan((e.clientX - r.left) / r.width, e.deltaY > 0 ? 1.4 : 1 / 1.4);
    };
    u.over.addEventListener("wheel", wheel, { passive: false });
    return () => {
      size.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [shape, colours]);
  useEffect(() => void (plot.current && drawn()), [data]);
  const key = (e: KeyboardEvent) => {
    const u = plot.current!, x = u.cursor.left! < 0 ? u.over.clientWidth : u.cursor.left!;
    if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
      if (e.shiftKey) pan(e.key === "ArrowLeft" ? -0.25 : 0.25, 1);
      else u.setCursor({ left: Math.max(0, Math.min(u.over.clientWidth - 1, x + (e.key === "ArrowLeft" ? -8 : 8))), top: 10 });
    } else if (e.key === "+" || e.key === "-") pan(0.5, e.key === "+" ? 0.5 : 2);
    else return;
    e.preventDefault();
  };
  return <div class="plot" ref={box} tabIndex={0} role="group" aria-label={t("chart.keys")} onKeyDown={key} />;
}

const rounded = (x: number) => Number(x.toPrecision(4));
/** Forecasts of all lines, asked anew when a step of theirs is over. */
function useAhead(lines: Signal[] | null, length: number, on: boolean): { ahead: Map<string, Ahead>; reasons: string[]; error: Error | null } {
  const [got, setGot] = useState<Forecast[]>([]), [error, setError] = useState<Error | null>(null), far = horizon(length);
  const mine = on && lines ? lines.filter((s) => numeric(s)).slice(0, 8) : [], key = mine.map((s) => s.path).join("\n");
  useEffect(() => {
    let alive = true;
    const ask = () => Promise.all(mine.map((s) => api<Forecast>("forecast?" + query({ path: s.path, horizon: `${Math.round(far / 1000)}s` })))).then((f) => alive && (setGot(f), setError(null)), (x) => alive && setError(x as Error));
    void ask();
    const timer = mine.length ? window.setInterval(ask, 5 * MINUTE) : 0;
    return () => {
      alive = false;
      clearInterval(timer);
    };
  }, [key, far]);
  return useMemo(() => ({ error, ahead: new Map(got.flatMap((f) => { const a = ahead(f); return a ? [[f.path, a] as const] : []; })),
    reasons: got.flatMap((f) => f.missing ? [t(WORDS[f.missing], { path: f.path, ahead: span(far / 1000), needs: number(Math.ceil(f.needsDays * 10) / 10), has: number(Math.floor(f.hasDays * 10) / 10) })] : []) }), [got, error, far, language.get()]);
}

/** The place in a line at a time. */
function read(l: Line, at: number): number {
  let low = 0, high = l.at.length;
  while (low < high) {
    const m = (low + high) >> 1;
    if (l.at[m] <= at) low = m + 1;
    else high = m;
  }
  return low - 1;
}
function Legend({ data, at, remove }: { data: Data; at: number | null; remove: (path: string) => void }) {
  return <ul class="legend">{data.lines.map((l, i) => {
    const f = at !== null && at > data.to ? data.ahead?.[i] : undefined, n = f ? f.at.findIndex((x) => x >= at!) : -1, s = l.signal;
    if (f && n >= 0) return <li key={s.id} style={{ "--ink": `var(--series-${i % 8})` }}><i aria-hidden="true" /><span class="cut" title={s.path}>{s.path}</span><b>{show(s, f.value[n], true)} <small>{unit(s)}</small></b><span class="soft">{number(rounded(f.low[n]))} … {number(rounded(f.high[n]))}</span></li>;
    const k = at === null ? l.at.length - 1 : read(l, at), v = k < 0 ? null : l.mean[k];
    return <li key={s.id} style={{ "--ink": `var(--series-${i % 8})` }}><i aria-hidden="true" /><span class="cut" title={s.path}>{s.path}</span>
      <b>{at === null ? show(s, s.value, true) : v === null ? "–" : s.type === "bool" ? show(s, !!v) : show(s, v, true)} <small>{unit(s)}</small></b>
      {at !== null && k >= 0 && !discrete(s) && l.min[k] !== null && l.min[k] !== l.max[k] && <span class="soft">{number(l.min[k]!)} … {number(l.max[k]!)}</span>}
      <button onClick={() => remove(s.path)} aria-label={t("remove.of", { name: nameOf(s.path) })}>×</button></li>;
  })}</ul>;
}

function Add({ add, close }: { add: (path: string) => void; close: () => void }) {
  const [want, setWant] = useState(""), all = useApi<{ signals: Signal[] }>("signals?limit=10000");
  const found = (all.data?.signals ?? []).filter((s) => numeric(s) && s.path.toLowerCase().includes(want.toLowerCase())).slice(0, 100);
  return <Dialog title={t("chart.add")} close={close}><input type="search" autofocus value={want} placeholder={t("find")} aria-label={t("find")} onInput={(e) => setWant(e.currentTarget.value)} />
    <ul class="choices">{found.map((s) => <li key={s.id}><button onClick={() => add(s.path)}><span class="cut">{s.path}</span> <b>{show(s, s.value, true)} {unit(s)}</b></button></li>)}</ul>
    {all.data && !found.length && <p class="soft">{t("noMatch")}</p>}
    <div class="buttons"><button onClick={close}>{t("close")}</button></div></Dialog>;
}

/** An address that a spreadsheet asks for the same values. */
function Sheet({ paths, from, close }: { paths: string[]; from: string; close: () => void }) {
  const every = { "-15m": "1s", "-1h": "10s", "-8h": "1m", "-24h": "1m", "-7d": "10m", "-30d": "1h", "-365d": "1d" }[from] ?? "1m";
  const url = `${location.origin}/api/v1/history?${paths.map((p) => "path=" + encodeURIComponent(p)).join("&")}&from=${periods.some((p) => p[0] === from) ? from : "-24h"}&every=${every}&fn=min,mean,max&format=csv`;
  return <Dialog title={t("sheet.title")} close={close}><p>{t("sheet.text")}</p><Field label={t("sheet.url")}><textarea readOnly rows={4} value={url} onFocus={(e) => e.currentTarget.select()} /></Field>
    <Field label={t("sheet.header")}><input readOnly value="Authorization: Bearer kp_..." /></Field>
    <div class="buttons"><button onClick={close}>{t("close")}</button></div></Dialog>;
}

export function ChartPage() {
  const r = route.use(), paths = r.params.getAll("s"), names = paths.join("\n"), e = epoch.use();
  const [signals, setSignals] = useState<Signal[] | null>(null), [data, setData] = useState<Data | null>(null), [error, setError] = useState<Error | null>(null), [at, setAt] = useState<number | null>(null), [adding, setAdding] = useState(false), [sheet, setSheet] = useState(false), [edges, setEdges] = useState<[number, number]>([0, 0]);
  const box = useRef<HTMLDivElement>(null), [, seen] = useState(0);
  const from = r.params.get("from") ?? "-1h", to = r.params.get("to") ?? undefined, v = useMemo(() => view(r.params), [from, to]);
  const on = !to && r.params.get("forecast") === "1", said = useAhead(signals, v.length, on), more = on ? "&forecast=1" : "";
  const shown = useMemo(() => data && on ? { ...data, ahead: data.lines.map((l) => said.ahead.get(l.signal.path)) } : data, [data, said, on]);
  useEffect(() => {
    let alive = true;
    setError(null);
    Promise.all(paths.map((p) => api<Signal>("signal?" + query({ path: p })))).then((l) => alive && setSignals(l), (x) => alive && setError(x));
    return () => void (alive = false);
  }, [names, e]);
  useEffect(() => {
    if (!signals?.length) return void setData(null);
    let alive = true, timer = 0, held: Data | null = null;
    const mine = signals.filter(numeric), assets = [...new Set(mine.flatMap((s) => places(s.path)))].slice(0, 40), points = Math.max(100, Math.min(MOST, Math.round((box.current?.clientWidth ?? 800) * 1.2)));
    const whole = async () => {
      const w = view(r.params), time = { from: new Date(w.from).toISOString(), to: new Date(w.to).toISOString() };
      const [h, links, ...lists] = await Promise.all([load(mine, w.from, w.to, { points }), api<{ couplings: { name: string; id: number }[] }>("couplings"),
        ...assets.map((a) => api<{ intervals: Interval[]; more: boolean }>("intervals?" + query({ path: a, ...time, limit: 5000 })))]);
      const all = lists.flatMap((l) => l.intervals), names = new Map(links.couplings.map((c) => [c.name, c.id]));
      const mineOnly = all.filter((x) => x.kind !== "gap" || mine.some((s) => missing(s, x, names)));
      if (alive) setData((held = { ...w, step: h.step, lines: h.lines, gaps: mineOnly.filter((x) => x.kind === "gap"), bands: mineOnly, tooMany: lists.some((l) => l.more), names }));
    };
    const tail = async () => {
      if (!held || document.hidden) return;
      const d = held, end = now(), start = end - v.length, last = Math.max(d.to - 2 * d.step, start), begin = Math.floor(last / d.step) * d.step;
      const h = await load(mine, begin, end, { every: d.step });
      if (alive && held === d) setData((held = { ...d, from: start, to: end, lines: d.lines.map((l, i) => join(l, h.lines[i], start)) }));
    };
    let rounds = 0;
    const go = async () => {
      try {
        await (held && ++rounds % 60 ? tail() : whole());
        if (alive) setError(null);
      } catch (x) {
        if (alive) setError(x as Error);
      }
      if (alive && !to) timer = window.setTimeout(go, Math.max(LIVE, (held?.step ?? 0) / 2));
    };
    void go();
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [signals, from, to]);
  useEffect(() => !signals?.length ? undefined : follow(paths, (x) => {
    const s = signals.find((y) => y.path === x.path);
    if (s) s.value = x.value;
    if (!to) seen((n) => n + 1);
  }), [signals, to]);
  const show_ = (a: number, b: number) => {
    if (b - a < 1000) b = a + 1000;
    replace(address(paths, new Date(a).toISOString(), new Date(Math.min(b, now() + 60e3)).toISOString()));
  };
  const pan = (share: number, factor: number) => {
    const d = data ?? v, n = d.to - d.from;
    if (factor === 1) return show_(d.from + share * n, d.to + share * n);
    const mid = d.from + share * n;
    show_(mid - share * n * factor, mid + (1 - share) * n * factor);
  };
  const file = `koppel-${new Date(v.from).toISOString().slice(0, 16).replace(":", "")}`;
  const saveCsv = () => data && download(file + ".csv", csv([["time", "path", "min", "mean", "max"], ...data.lines.flatMap((l) => l.at.map((x, i) => [new Date(x).toISOString(), l.signal.path, l.min[i], l.mean[i], l.max[i]]))]));
  const savePng = () => {
    const canvas = box.current!.querySelector("canvas")!, out = document.createElement("canvas"), g = out.getContext("2d")!, k = devicePixelRatio;
    out.width = canvas.width;
    out.height = canvas.height + 22 * k * (data!.lines.length + 1);
    g.fillStyle = ink("--panel");
    g.fillRect(0, 0, out.width, out.height);
    g.drawImage(canvas, 0, 0);
    g.font = `${13 * k}px system-ui, sans-serif`;
    data!.lines.forEach((l, i) => {
      g.fillStyle = ink(`--series-${i % 8}`);
      g.fillText(`${l.signal.path} ${unit(l.signal)}`, 12 * k, canvas.height + 22 * k * (i + 0.7));
    });
    g.fillStyle = ink("--soft");
    g.fillText(`${clock(data!.from)} – ${clock(data!.to)}`, 12 * k, canvas.height + 22 * k * (data!.lines.length + 0.7));
    out.toBlob((b) => b && download(file + ".png", b));
  };
  const set = (list: string[]) => replace(address(list, from, to) + more);
  return <Page title={t("chart")} tools={<><button onClick={() => setAdding(true)}>{t("chart.add")}</button><button disabled={!data} onClick={saveCsv}>CSV</button><button disabled={!data} onClick={savePng}>PNG</button><button disabled={!paths.length} onClick={() => setSheet(true)}>Excel</button></>}>
    {!paths.length ? <Empty title={t("chart.empty")}><p>{t("chart.emptyText")}</p><p><button class="main" onClick={() => setAdding(true)}>{t("chart.add")}</button></p></Empty> : <>
      <div class="periods" role="group" aria-label={t("chart.period")}>
        <button onClick={() => pan(-0.5, 1)} aria-label={t("chart.back")} title={t("chart.back")}>‹</button>
        {periods.map(([p, name]) => <button key={p} aria-pressed={from === p && !to} onClick={() => replace(address(paths, p) + more)}>{name.replace(" h", " " + t("hours")).replace(" d", " " + t("days")).replace(" y", " " + t("year"))}</button>)}
        <button onClick={() => pan(0.5, 1)} aria-label={t("chart.on")} title={t("chart.on")}>›</button>
        <button onClick={() => pan(0.5, 2)} aria-label={t("chart.out")} title={t("chart.out")}>−</button><button onClick={() => pan(0.5, 0.5)} aria-label={t("chart.in")} title={t("chart.in")}>+</button>
        {!to && <button aria-pressed={on} title={t("chart.forecast.text")} onClick={() => replace(address(paths, from) + (on ? "" : "&forecast=1"))}>{t("chart.forecast")}</button>}
        {to && <button class="main" onClick={() => replace(address(paths, "-1h"))}>{t("chart.live")}</button>}
        <span class="soft">{at !== null ? clock(at) : data ? `${clock(data.from)} – ${to ? clock(data.to) : t("now")}` : ""}{data && ` · ${t("chart.step", { step: data.step < 1000 ? `${data.step} ms` : span(data.step / 1000) })}`}</span>
      </div>
      {(error ?? said.error) && <Problem error={(error ?? said.error)!} />}
      {on && said.reasons.map((x) => <p key={x} class="soft">{x}</p>)}
      <div ref={box} class="chart-box">{data?.lines.length ? <Plot data={shown!} hover={setAt} select={show_} pan={pan} place={(a, b) => setEdges((x) => (x[0] === a && x[1] === b ? x : [a, b]))} /> : <p class="soft plot">{data || signals ? data ? t("chart.none") : t("loading") : t("loading")}</p>}</div>
      {data && <>{data.tooMany ? <p class="soft">{t("chart.tooMany")}</p> : <Band intervals={data.bands} from={data.from} to={end(shown!)} edges={edges} />}<Legend data={shown!} at={at} remove={(p) => set(paths.filter((x) => x !== p))} />
        {shown!.lines.filter((l) => !discrete(l.signal)).slice(0, 8).map((l) => <OfSignal key={l.signal.id} path={l.signal.path} from={data.from} to={end(shown!)} edges={edges} />)}</>}
    </>}
    {sheet && <Sheet paths={paths} from={from} close={() => setSheet(false)} />}
    {adding && <Add close={() => setAdding(false)} add={(p) => { if (!paths.includes(p)) set([...paths, p]); }} />}
  </Page>;
}
