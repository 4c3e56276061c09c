// SPDX-License-Identifier: Apache-2.0
// Small parts that pages are made of.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Failure, send, useApi } from "./api";
import { clock, second, span, t, told, whole, word } from "./lang";
import { now } from "./live";
import type { Interval, Quality } from "./model";
import { stateInk, tell } from "./model";
import "./route"; // what all pages share comes in one file
import "./theme";

export function Time({ at, only }: { at: string | number | null | undefined; only?: "time" | "day" }) {
  if (at === null || at === undefined) return <>–</>;
  const iso = new Date(at).toISOString();
  return <time dateTime={iso} title={`${iso.replace("T", " ").slice(0, 19)} UTC`}>{only === "day" ? whole(at) : only ? second(at) : clock(at)}</time>;
}
export function Mark({ quality, text }: { quality: Quality; text?: string }) {
  return <span class={`mark ${quality}`}>{text ?? word("quality", quality)}</span>;
}
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <div class="empty"><h2>{title}</h2>{children}</div>;
}
export function Problem({ error, again }: { error: Error; again?: () => void }) {
  const lost = error instanceof TypeError;
  return <div class="notice bad" role="alert"><span>{lost ? t("lost") : told(error.message)}</span>{again && <button onClick={again}>{t("again")}</button>}</div>;
}
export const Loading = () => <p class="soft loading" role="status">{t("loading")}</p>;
/** What is shown of an answer: that it is awaited, that it failed, or it. */
export function Answer<T>({ of, children }: { of: { data: T | null; error: Error | null; again: () => void }; children: (d: T) => ComponentChildren }) {
  if (of.data !== null) return <>{children(of.data)}</>;
  return of.error ? <Problem error={of.error} again={of.again} /> : <Loading />;
}
export function Page({ title, crumbs, tools, children }: { title: ComponentChildren; crumbs?: ComponentChildren; tools?: ComponentChildren; children?: ComponentChildren }) {
  return <><div class="head">{crumbs && <nav class="crumbs" aria-label={t("where")}>{crumbs}</nav>}<div class="title"><h1>{title}</h1>{tools && <div class="tools">{tools}</div>}</div></div>{children}</>;
}

/** A window over the page; the rest waits. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current!;
    if (!d.open) d.showModal();
    return () => d.close();
  }, []);
  return <dialog ref={ref} aria-labelledby="dialog-title" onCancel={(e) => { e.preventDefault(); close(); }} onClick={(e) => e.target === ref.current && close()}>
    <div class="inside"><h2 id="dialog-title">{title}</h2>{children}</div>
  </dialog>;
}
/** Asks before something is done that cannot be taken back; says why when it fails. */
export function Confirm({ title, text, act, word: verb, close, danger, children }: { title: string; text: string; word: string; act: () => Promise<unknown>; close: (done: boolean) => void; danger?: boolean; children?: ComponentChildren }) {
  const [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const go = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await act();
      close(true);
    } catch (x) {
      setError(x as Error);
      setBusy(false);
    }
  };
  return <Dialog title={title} close={() => close(false)}><form onSubmit={go}><p>{text}</p>{children}
    {error && <Problem error={error} />}
    <div class="buttons"><button type="button" onClick={() => close(false)}>{t("cancel")}</button><button class={danger ? "danger" : "main"} disabled={busy}>{verb}</button></div></form></Dialog>;
}
export function Field({ label, help, children }: { label: string; help?: string; children: ComponentChildren }) {
  return <label class="field"><span>{label}</span>{children}{help && <small>{help}</small>}</label>;
}
export function Choose({ label, value, set, of, help }: { label: string; value: string; set: (v: string) => void; of: [string, string][]; help?: string }) {
  return <Field label={label} help={help}><select value={value} onChange={(e) => set(e.currentTarget.value)}>{of.map(([k, name]) => <option key={k} value={k} selected={k === value}>{name}</option>)}</select></Field>;
}
/** Takes effect when it is finished; what is typed stays while the page is kept up to date. */
export function Search({ label, value, set, placeholder }: { label: string; value: string; set: (v: string) => void; placeholder?: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return <Field label={label}><input type="search" value={text} spellcheck={false} placeholder={placeholder} onInput={(e) => setText(e.currentTarget.value)} onChange={(e) => set(e.currentTarget.value.trim())} /></Field>;
}
/** Pages of a page. */
export function Tabs({ label, at, of }: { label: string; at: string; of: [string, string, string][] }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [at]); // on a phone they are wider than the page
  return <nav class="tabs" aria-label={label} ref={nav}>{of.map(([k, name, href]) => <a key={k} href={href} aria-current={k === at ? "page" : undefined}>{name}</a>)}</nav>;
}
/** On a phone each row is a card, whose cells say what they are. */
export function Table({ label, head, children }: { label: string; head: string[]; children: ComponentChildren }) {
  const ref = useRef<HTMLTableElement>(null);
  useLayoutEffect(() => {
    for (const row of ref.current!.tBodies[0].rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((c, i) => {
        c.setAttribute("role", "cell");
        c.dataset.label = head[i] ?? "";
        if (c.className === "n") ref.current!.tHead!.rows[0].cells[i]?.classList.add("n");
      });
    }
  });
  return <div class="scroll stack" tabIndex={0} role="region" aria-label={label}><table role="table" ref={ref}><thead role="rowgroup"><tr role="row">{head.map((h, i) => <th key={i} role="columnheader">{h || <span class="hidden">{t("actions")}</span>}</th>)}</tr></thead><tbody role="rowgroup">{children}</tbody></table></div>;
}
const shapes: Record<string, string> = { urgent: "M5 1h6l4 4v6l-4 4H5l-4-4V5z", high: "M8 1.5l7 13H1z", medium: "M8 1l7 7-7 7-7-7z", low: "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11z" };
/** How much it presses: a shape, a colour and a word of its own; full while nobody has seen it. */
export function Priority({ of, full, name }: { of: string; full: boolean; name?: string }) {
  return <span class={`priority ${of}${full ? " full" : ""}`}><svg viewBox="0 0 16 16" aria-hidden="true"><path d={shapes[of] ?? shapes.low} />{(of === "urgent" || of === "high") && <path class="sign" d="M8 5.5v4.3M8 12v.1" />}</svg>{name ?? word("priority", of)}</span>;
}
export const copy = (text: string) => void navigator.clipboard?.writeText(text);
/** A secret that nobody can be shown again. */
export function Once({ title, text, secret, close }: { title: string; text: string; secret: string; close: () => void }) {
  const [copied, setCopied] = useState(false);
  return <Dialog title={title} close={close}><p>{text}</p><p class="once"><code>{secret}</code><button onClick={() => { copy(secret); setCopied(true); }}>{t(copied ? "copied" : "copy")}</button></p><div class="buttons"><button class="main" onClick={close}>{t("once.noted")}</button></div></Dialog>;
}
export const textOf = (f: FormData, name: string) => String(f.get(name) ?? "");
/** A new password, twice; with the one of now where it is asked for. */
export function PasswordForm({ user, current, done, word }: { user: string; current: boolean; done: () => void; word: string }) {
  const [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const save = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement, f = new FormData(form), password = textOf(f, "new");
    if (password !== textOf(f, "again")) return setError(new Error(t("password.differ")));
    setBusy(true);
    try {
      await send("PUT", `users/${encodeURIComponent(user)}/password`, { password, ...(current ? { current: textOf(f, "current") } : {}) });
      setError(null);
      form.reset();
      done();
    } catch (x) {
      const e = x as Failure;
      setError(e.status === 429 ? new Error(t("login.locked", { span: span(e.wait || 1) })) : e);
    }
    setBusy(false);
  };
  return <form onSubmit={save}><input type="text" name="username" autocomplete="username" value={user} hidden readOnly />
    {current && <Field label={t("password.current")}><input name="current" type="password" autocomplete="current-password" required /></Field>}
    <Field label={t("password.new")} help={t("password.help")}><input name="new" type="password" autocomplete="new-password" minLength={10} required /></Field>
    <Field label={t("password.again")}><input name="again" type="password" autocomplete="new-password" minLength={10} required /></Field>
    {error && <Problem error={error} />}
    <div class="buttons left"><button class="main" disabled={busy}>{word}</button></div></form>;
}

interface Session { id: number; user: string; role: string; via: string; from: string | null; agent: string | null; since: string | null; used: string | null; expires: string | null; current: boolean }
/** What a browser calls itself, in two words. */
export const browserOf = (agent: string | null) => {
  const name = /Edg\//.test(agent ?? "") ? "Edge" : /(Firefox|Chrome|Safari|curl)/.exec(agent ?? "")?.[1], on = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent ?? "")?.[1];
  return [name, on].filter(Boolean).join(", ") || agent?.slice(0, 40) || "–";
};
export function Sessions({ title, all }: { title: string; all?: boolean }) {
  const list = useApi<{ sessions: Session[] }>("sessions"), [error, setError] = useState<Error | null>(null);
  const end = (s: Session) => void send("DELETE", `sessions/${s.id}`).then(() => { setError(null); list.again(); }, setError);
  return <section class="panel"><h2>{title}</h2>{error && <Problem error={error} />}<Answer of={list}>{(d) => {
    const own = all ? d.sessions : d.sessions.filter((s) => { const me = d.sessions.find((x) => x.current); return !me || (s.user === me.user && s.via === me.via); });
    return own.length ? <Table label={title} head={[...(all ? [t("login.user")] : []), t("sessions.browser"), t("sessions.from"), t("alarm.begun"), t("sessions.used"), ""]}>
      {own.map((s) => <tr key={s.id}>{all && <td><b>{s.user}</b><small class="block">{word("via", s.via)}</small></td>}<td title={s.agent ?? undefined}>{browserOf(s.agent)}</td><td>{s.from ?? "–"}</td><td><Time at={s.since} /></td><td><Time at={s.used} /></td>
        <td class="do">{s.current ? <small>{t("sessions.this")}</small> : <button class="small" onClick={() => end(s)} aria-label={t("sessions.endOf", { name: `${s.user}, ${browserOf(s.agent)}` })}>{t("sessions.end")}</button>}</td></tr>)}</Table> : <p class="soft">{t("sessions.none")}</p>;
  }}</Answer></section>;
}
/** The screen stays on while this is seen; a browser gives that only to pages over HTTPS or of its own machine. */
export function useAwake() {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    const take = () => void (!document.hidden && navigator.wakeLock?.request("screen").then((l) => (lock = l), () => undefined));
    take();
    document.addEventListener("visibilitychange", take); // it is lost whenever the page is not seen
    return () => {
      document.removeEventListener("visibilitychange", take);
      void lock?.release().catch(() => undefined);
    };
  }, []);
}
export function useTick(ms: number) {
  const [, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && again((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Only the rows that are seen exist. */
export function Rows({ count, height, row, label, seen, columns }: { count: number; height: number; row: (i: number) => JSX.Element; label: string; seen?: (first: number, end: number) => void; columns: number }) {
  const ref = useRef<HTMLDivElement>(null), [range, setRange] = useState<[number, number]>([0, 40]);
  useLayoutEffect(() => {
    const box = document.getElementById("main")!;
    let frame = 0;
    const look = () => {
      frame = 0;
      const el = ref.current;
      if (!el) return;
      const top = box.getBoundingClientRect().top - el.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(top / height) - 4), end = Math.min(count, Math.ceil((top + box.clientHeight) / height) + 4);
      setRange((r) => (r[0] === first && r[1] === end ? r : [first, Math.max(first, end)]));
    };
    const later = () => (frame ||= requestAnimationFrame(look));
    look();
    box.addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      box.removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [count, height]);
  const [first, end] = [range[0], Math.min(range[1], count)];
  useEffect(() => seen?.(first, end), [first, end, count]);
  const rows = [];
  for (let i = first; i < end; i++) rows.push(row(i));
  return <div ref={ref} class="rows" role="table" aria-label={label} aria-rowcount={count} aria-colcount={columns} style={{ height: `${count * height}px` }}>
    <div role="rowgroup" class="window" style={{ transform: `translateY(${first * height}px)` }}>{rows}</div>
  </div>;
}

/** A line of a few points, [ms, value]; as wide as there is room. */
export function Spark({ points, from, to, label, step }: { points: [number, number][]; from: number; to: number; label: string; step?: boolean }) {
  if (points.length < 2) return <svg class="spark" viewBox="0 0 100 24" aria-hidden="true" />;
  let low = Infinity, high = -Infinity;
  for (const [, v] of points) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const flat = high - low <= 1e-12 * Math.abs(high);
  const y = (v: number) => (flat ? 12 : 22 - ((v - low) / (high - low)) * 20).toFixed(1), x = (at: number) => (((at - from) / (to - from)) * 100).toFixed(1);
  let d = "";
  points.forEach(([at, v], i) => (d += i ? (step ? `H${x(at)}V${y(v)}` : `L${x(at)} ${y(v)}`) : `M${x(at)} ${y(v)}`));
  return <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={label}><path d={d} vector-effect="non-scaling-stroke" /></svg>;
}

const ms = (x: string | null) => (x ? Date.parse(x) : now());
/** Stretches of time in lanes, one a kind. */
export function Band({ intervals, from, to, edges }: { intervals: Interval[]; from: number; to: number; edges?: [number, number] }) {
  const lanes = ["state", "program", "job", "batch", "stop", "shift", "alarm", "gap"].filter((k) => intervals.some((i) => i.kind === k));
  const place = (i: Interval) => {
    const a = Math.max(from, ms(i.start)), b = Math.min(to, ms(i.end));
    return b <= a ? null : { x: ((a - from) / (to - from)) * 1000, w: Math.max(0.6, ((b - a) / (to - from)) * 1000) };
  };
  const ink = (i: Interval) => (i.kind === "state" ? stateInk(i.attributes.state) : i.kind === "alarm" ? "var(--bad)" : i.kind === "gap" || i.kind === "stop" ? "var(--faint)" : stateInk(tell(i) + "."));
  return <div class={edges ? "band under" : "band"} style={edges && { "--left": `${edges[0] + 9}px`, "--right": `${edges[1] + 9}px` }}>{lanes.map((k) => {
    const mine = intervals.filter((i) => i.kind === k).slice(0, 3000);
    const names = [...new Set(mine.map(tell))];
    return <div class="lane" key={k}><span class="lane-name">{word("kind", k)}</span>
      <svg viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label={`${word("kind", k)}: ${names.slice(0, 12).join(", ")}`}>
        {mine.map((i) => {
          const p = place(i);
          return p && <rect key={i.id} x={p.x} width={p.w} y="0" height="16" style={{ fill: ink(i) }}><title>{`${tell(i)}\n${clock(i.start)} – ${i.end ? clock(i.end) : t("now")}`}</title></rect>;
        })}
      </svg></div>;
  })}</div>;
}
export function download(name: string, content: Blob) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(content);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10000);
}
const cellText = (v: unknown) => (v === null || v === undefined ? "" : /[",\n\r]/.test(String(v)) ? `"${String(v).replaceAll('"', '""')}"` : String(v));
export const csv = (rows: unknown[][]) => new Blob(["\ufeff", rows.map((r) => r.map(cellText).join(",")).join("\r\n"), "\r\n"], { type: "text/csv;charset=utf-8" });
