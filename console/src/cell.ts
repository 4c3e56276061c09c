// SPDX-License-Identifier: Apache-2.0
// A value that components follow.
import { useLayoutEffect, useState } from "preact/hooks";

export interface Cell<T> {
  get(): T;
  set(v: T): void;
  on(f: () => void): () => void;
  /** Within a component: its value, drawn anew when it changes. */
  use(): T;
}
export function cell<T>(value: T): Cell<T> {
  const heard = new Set<() => void>();
  const self = {
    get: () => value,
    set: (v: T) => {
      if (v === value) return;
      value = v;
      for (const f of [...heard]) f();
    },
    on: (f: () => void) => {
      heard.add(f);
      return () => void heard.delete(f);
    },
    use: () => {
      const [, again] = useState(0), drawn = value;
      useLayoutEffect(() => {
        if (value !== drawn) again((n) => n + 1); // it changed before anybody listened
        return self.on(() => again((n) => n + 1));
      }, []);
      return value;
    },
  };
  return self;
}
/** A text that the browser remembers. */
export function kept(name: string, standard: string): Cell<string> {
  const key = "koppel." + name;
  let value = standard;
  try {
    value = localStorage.getItem(key) ?? standard;
  } catch { /* a browser that keeps nothing */ }
  const c = cell(value);
  c.on(() => {
    try {
      localStorage.setItem(key, c.get());
    } catch { /* as above */ }
  });
  return c;
}
