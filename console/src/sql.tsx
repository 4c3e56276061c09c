// SPDX-License-Identifier: Apache-2.0
// Reading the data file with SQL.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { send } from "./api";
import { kept } from "./cell";
import { count, number, t } from "./lang";
import { csv, download, Page, Problem, Rows } from "./ui";

const last = kept("sql", "select name as \"table\", sql from sqlite_schema where type = 'table' order by name");
interface Result { columns: string[]; rows: (string | number | null)[][]; more: boolean }

const asTime = (v: unknown) => (typeof v === "number" ? (v > 1e17 ? v / 1e9 : v > 1e11 ? v / 1e3 : v) : typeof v === "string" ? (/^\d{16,}$/.test(v) ? Number(v) / 1e9 : Date.parse(v) / 1000) : NaN);
/** The first column that is a time, and those of numbers. */
function shape(r: Result): { x: number; y: number[] } | null {
  const some = r.rows.slice(0, 50), all = (i: number, f: (v: unknown) => boolean) => some.length > 1 && some.every((row) => row[i] === null || f(row[i])) && some.some((row) => row[i] !== null);
  const x = r.columns.findIndex((_, i) => all(i, (v) => (typeof v === "string" || (typeof v === "number" && v > 1e9)) && asTime(v) > 1e8));
  const y = r.columns.map((_, i) => i).filter((i) => i !== x && all(i, (v) => typeof v === "number"));
  return x < 0 || !y.length ? null : { x, y: y.slice(0, 8) };
}
function Drawn({ r, at }: { r: Result; at: { x: number; y: number[] } }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const ink = (k: string) => getComputedStyle(document.documentElement).getPropertyValue(k).trim(), rows = [...r.rows].sort((a, b) => asTime(a[at.x]) - asTime(b[at.x]));
    const axis = { stroke: ink("--soft"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line"), width: 1 } };
    const u = new uPlot({ width: box.current!.clientWidth, height: 320, axes: [axis, axis], series: [{}, ...at.y.map((k, i) => ({ label: r.columns[k], stroke: ink(`--series-${i}`), width: 1.5, points: { show: rows.length < 60 } }))] },
      [rows.map((x) => asTime(x[at.x])), ...at.y.map((k) => rows.map((x) => x[k] as number | null))] as uPlot.AlignedData, box.current!);
    return () => u.destroy();
  }, [r]);
  return <div class="drawn" ref={box} role="img" aria-label={t("chart")} />;
}
export function Sql() {
  const [text, setText] = useState(last.get()), [r, setR] = useState<Result | null>(null), [error, setError] = useState<Error | null>(null), [took, setTook] = useState(0), [running, setRunning] = useState<AbortController | null>(null), [chart, setChart] = useState(false);
  const run = async (e?: Event) => {
    e?.preventDefault();
    const c = new AbortController(), begin = performance.now();
    last.set(text);
    setRunning(c);
    setError(null);
    try {
      setR(await send<Result>("POST", "sql", { sql: text, limit: 10000 }, { signal: c.signal }));
      setTook(performance.now() - begin);
    } catch (x) {
      if ((x as Error).name !== "AbortError") setError(x as Error);
    }
    setRunning(null);
  };
  const at = r && shape(r);
  return <Page title={t("sql")}><p class="soft">{t("sql.text")}</p>
    <form onSubmit={run} class="wide"><textarea rows={6} spellcheck={false} aria-label="SQL" value={text} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={(e) => (e.ctrlKey || e.metaKey) && e.key === "Enter" && void run(e)} />
      <div class="buttons left">{running ? <button type="button" onClick={() => running.abort()}>{t("cancel")}</button> : <button class="main" title="Ctrl+Enter">{t("sql.run")}</button>}
        {r && <button type="button" onClick={() => download("koppel.csv", csv([r.columns, ...r.rows]))}>CSV</button>}
        {at && <button type="button" aria-pressed={chart} onClick={() => setChart(!chart)}>{t("chart")}</button>}
        {running && <progress aria-label={t("loading")} />}
        {r && !running && <span class="soft" role="status">{t("sql.rows", { n: count(r.rows.length), ms: count(Math.round(took)) })}{r.more ? ` · ${t("sql.more")}` : ""}</span>}</div></form>
    {error && <Problem error={error} />}
    {r && (chart && at ? <Drawn r={r} at={at} /> : <div class="grid" style={{ "--columns": r.columns.length }} tabIndex={0} role="region" aria-label={t("sql.result")}><div class="grid-head" aria-hidden="true">{r.columns.map((c) => <b>{c}</b>)}</div>
      <Rows count={r.rows.length} height={30} columns={r.columns.length} label={t("sql.result")} row={(i) => <div role="row" class="grid-row" key={i} aria-rowindex={i + 1}>{r.rows[i].map((v, k) => <span role="cell" class={typeof v === "number" ? "n" : ""} title={`${r.columns[k]}: ${v ?? "null"}`}>{v === null ? <i class="soft">null</i> : typeof v === "number" ? number(v) : v}</span>)}</div>} /></div>)}
  </Page>;
}
