// SPDX-License-Identifier: Apache-2.0
// What forms of lists are made of.
import { useEffect, useRef, useState } from "preact/hooks";
import { useApi } from "./api";
import { weekdays } from "./days";
import { t, word } from "./lang";
import { Choose, Field, Problem } from "./ui";

/** Nothing, or none of them: every day. */
export function Days({ of, set, label }: { of: string[] | undefined; set: (d: string[]) => void; label: string }) {
  return <fieldset class="days"><legend>{label}</legend>{weekdays.map((d) => <label key={d}><input type="checkbox" checked={!of?.length || of.includes(d)} onChange={() => {
    const now = of?.length ? of : weekdays, next = now.includes(d) ? now.filter((x) => x !== d) : weekdays.filter((x) => x === d || now.includes(x));
    set(next.length === 7 ? [] : next);
  }} />{word("day", d)}</label>)}</fieldset>;
}
export function Text({ label, help, value, set, ...more }: { label: string; help?: string; value: string | number | null | undefined; set: (s: string) => void } & Record<string, unknown>) {
  return <Field label={label} help={help}><input value={value ?? ""} spellcheck={false} onInput={(e) => set(e.currentTarget.value)} {...more} /></Field>;
}
export const blank = (s: string | null | undefined) => (s ? s : null);
/** A list of which each item is changed, added and taken away. */
export function list<T>(of: T[], put: (next: T[]) => void) {
  return { set: (i: number, change: Partial<T>) => put(of.map((x, n) => (n === i ? { ...x, ...change } : x))), add: (x: T) => put([...of, x]), drop: (i: number) => put(of.filter((_, n) => n !== i)) };
}
export const Drop = ({ name, act }: { name: string; act: () => void }) => <button type="button" class="drop" onClick={act} aria-label={t("remove.of", { name })}>×</button>;

/** All machines there are. */
export const useMachines = () => (useApi<{ machines: { path: string }[] }>("machines?limit=1000").data?.machines ?? []).map((m) => m.path);
/** One of them; first what it is when it is none of them. */
export function MachineChoice({ of, none, value, set, help, label = t("oee.machine") }: { of: string[]; none?: string; value: string; set: (path: string) => void; help?: string; label?: string }) {
  return <Choose label={label} help={help} value={value} set={set} of={[...(none === undefined ? [] : [["", none] as [string, string]]), ...[...new Set([...(value ? [value] : []), ...of])].map((p) => [p, p.replaceAll("/", " / ")] as [string, string])]} />;
}
/** Asks for the first page anew every so often, unless more than it is shown or nobody looks. */
export function useRenewal(list: { data: unknown[] | null; busy: boolean; again: () => void }, first: number, ms: number) {
  const now = useRef(list);
  now.current = list;
  useEffect(() => {
    const timer = setInterval(() => { const l = now.current; if (!document.hidden && !l.busy && (l.data?.length ?? 0) <= first) l.again(); }, ms);
    return () => clearInterval(timer);
  }, []);
}
/** Does something that may fail, once at a time, and says why it did. */
export function useAct() {
  const [error, setError] = useState<Error | null>(null), [busy, setBusy] = useState(false);
  const act = async (what: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await what();
      setError(null);
    } catch (x) {
      setError(x as Error);
    }
    setBusy(false);
  };
  return { act, busy, error, setError, problem: error && <Problem error={error} /> };
}
/** A document edited as a whole: save, take back. */
export function Saver({ busy, dirty, done, back }: { busy: boolean; dirty: boolean; done: boolean; back: () => void }) {
  return <div class="buttons left save"><button class="main" disabled={busy || !dirty}>{t("save")}</button>{dirty && <button type="button" onClick={back}>{t("cancel")}</button>}{done && !dirty && <span class="soft" role="status">{t("saved")}</span>}</div>;
}
