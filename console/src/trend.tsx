// SPDX-License-Identifier: Apache-2.0
// Figures by step: lines, and bars of parts.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { type Bar, heightOf, mostOf } from "./bars";
import { language, number, t } from "./lang";
import { look } from "./theme";

export interface Line { name: string; ink: string; values: (number | null)[]; width?: number; dash?: number[] }
/** Lines over the same steps, which are named below; values are shares. */
export function Trend({ label, names, lines, hover }: { label: string; names: string[]; lines: Line[]; hover: (i: number | null) => void }) {
  const box = useRef<HTMLDivElement>(null), told = useRef(hover), colours = look.use(), tongue = language.use();
  told.current = hover;
  useEffect(() => {
    const of = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim(), axis: uPlot.Axis = { stroke: of("--soft"), grid: { stroke: of("--line"), width: 1 }, ticks: { stroke: of("--line"), width: 1, size: 4 }, font: "12px system-ui, sans-serif" };
    const top = Math.max(1, ...lines.flatMap((l) => l.values.map((v) => v ?? 0)));
    const u = new uPlot({
      width: box.current!.clientWidth, height: box.current!.clientHeight, legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { time: false, range: [-0.4, Math.max(0.6, names.length - 0.6)] }, y: { range: [0, Math.ceil(top * 10) / 10] } },
      axes: [{ ...axis, grid: { show: false }, size: 32, space: 70, values: (_, at) => at.map((i) => (Number.isInteger(i) ? names[i] ?? "" : "")) }, { ...axis, size: 46, values: (_, v) => v.map((x) => `${Math.round(x * 100)} %`) }],
      series: [{}, ...lines.map((l) => ({ stroke: of(l.ink), width: l.width ?? 1.5, dash: l.dash, spanGaps: true, points: { show: true, size: 6, fill: of(l.ink) } }))],
      hooks: { setCursor: [(x) => told.current(x.cursor.left! < 0 ? null : x.cursor.idx ?? null)] },
    }, [names.map((_, i) => i), ...lines.map((l) => l.values)] as uPlot.AlignedData, box.current!);
    const size = new ResizeObserver(() => box.current && u.setSize({ width: box.current.clientWidth, height: box.current.clientHeight }));
    size.observe(box.current!);
    return () => {
      size.disconnect();
      u.destroy();
    };
  }, [names.join("\n"), JSON.stringify(lines.map((l) => l.values)), colours, tongue]);
  const at = useRef(-1), key = (e: KeyboardEvent) => {
    if (e.key !== "ArrowLeft" && e.key !== "ArrowRight") return;
    e.preventDefault();
    at.current = Math.max(0, Math.min(names.length - 1, at.current < 0 ? names.length - 1 : at.current + (e.key === "ArrowLeft" ? -1 : 1)));
    hover(at.current);
  };
  return <div class="trend" ref={box} tabIndex={0} role="group" aria-label={label} onKeyDown={key} />;
}
export function Keys({ of }: { of: { name: string; ink: string; value?: string }[] }) {
  return <ul class="keys">{of.map((k) => <li key={k.name} style={{ "--ink": `var(${k.ink})` }}><i aria-hidden="true" />{k.name}{k.value !== undefined && <b>{k.value}</b>}</li>)}</ul>;
}

/** Bars side by side, each of its parts from below; `mark` is a line across it. Said in numbers in `title`. */
export function Bars({ label, of, unit }: { label: string; of: Bar[]; unit: string }) {
  const most = mostOf(of), high = (v: number) => `${heightOf(v, most)}%`;
  return <figure class="bars" aria-label={label}><figcaption class="soft">{t("bars.most", { n: number(most >= 10 ? Math.round(most) : Number(most.toPrecision(2))), unit })}</figcaption>
    <ol tabIndex={of.length > 16 ? 0 : undefined}>{of.map((b, i) => <li key={i} title={b.title}><span class="hidden">{b.title}</span><div class="stack-of" aria-hidden="true">{b.mark !== undefined && <i class="most" style={{ height: high(b.mark) }} />}
      {b.parts.map((p, k) => p.value > 0 && <i key={k} style={{ height: high(p.value), background: `var(${p.ink})` }} />)}</div><small aria-hidden="true">{b.name}</small></li>)}</ol></figure>;
}
