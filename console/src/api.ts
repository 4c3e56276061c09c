// SPDX-License-Identifier: Apache-2.0
// The REST API, the session, and fetching for components.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { cell } from "./cell";
import { parse } from "./json";

export class Failure extends Error {
  constructor(readonly status: number, readonly word: string, message: string, /** s to wait before it is tried again */ readonly wait = 0) {
    super(message);
  }
}
export const access = cell<"entering" | "in" | "out">("entering");
/** Counts up when what the node holds may be another: it was restarted, or its model changed. */
export const epoch = cell(0);
export type Role = "viewer" | "operator" | "engineer" | "owner";
export const roles: Role[] = ["viewer", "operator", "engineer", "owner"];
export interface Who { user: string; displayName: string | null; language: string | null; role: Role; via: string; mustChangePassword: boolean; totp: boolean }
/** Null: nobody is in. */
export const who = cell<Who | null>(null);
/** Whether whoever is in may do what takes this role; the node decides, this only keeps from offering what it would refuse. */
export const may = (role: Role) => {
  const me = who.get();
  return !!me && roles.indexOf(me.role) >= roles.indexOf(role);
};

let token = ""; // of this visit, so that a restarted node lets us in again; kept nowhere else
export const query = (o: Record<string, string | number | boolean | undefined>) =>
  Object.entries(o).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}=${encodeURIComponent(String(v))}`).join("&");

async function failure(reply: Response): Promise<Failure> {
  const text = await reply.text();
  let word = String(reply.status), message = text.slice(0, 300) || reply.statusText;
  try {
    const said = JSON.parse(text);
    const e = typeof said.error === "object" ? said.error : { word: said.error, message: said.message };
    word = e.word ?? word;
    message = e.message ?? message;
  } catch { /* no JSON: the text as it is */ }
  return new Failure(reply.status, word, message, Number(reply.headers.get("Retry-After") ?? 0));
}
export async function raw(path: string, options: RequestInit = {}): Promise<Response> {
  const change = options.method && options.method !== "GET"; // a reading without headers of its own is one the page may have begun before
  const send = () => fetch("/api/v1/" + path, { ...options, headers: { ...(change ? { "X-Koppel": "1" } : {}), ...(options.body ? { "Content-Type": "application/json" } : {}), ...options.headers } });
  let reply = await send();
  if (reply.status === 401 && !path.startsWith("session")) {
    if (token && (await open({ token })).ok) reply = await send();
    else access.set("out");
  }
  if (reply.ok) return reply;
  const why = await failure(reply);
  if (why.word === "must-change") await knowMe().catch(() => null);
  throw why;
}
export async function api<T = any>(path: string, options?: RequestInit): Promise<T> {
  const text = await (await raw(path, options)).text();
  return text ? parse(text) : (null as T);
}
export const send = <T = any>(method: string, path: string, body?: unknown, options?: RequestInit) =>
  api<T>(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...options });

// ---- in and out ----
const open = (body: object) => fetch("/api/v1/session", { method: "POST", headers: { "Content-Type": "application/json", "X-Koppel": "1" }, body: JSON.stringify(body) });
export interface Credentials { user?: string; password?: string; totp?: string; token?: string; code?: string }
export async function login(body: Credentials) {
  const reply = await open(body);
  if (!reply.ok) throw await failure(reply);
  token = body.token ?? "";
  enterAs(await reply.json());
  epoch.set(epoch.get() + 1);
}
function enterAs(me: Who) {
  who.set(me);
  access.set("in");
}
/** Also when the page is left at once. Fails when the node has not heard of it. */
export async function logout() {
  token = "";
  await send("DELETE", "session", undefined, { keepalive: true }).catch((e) => {
    if (e.status !== 401) throw e;
  }).finally(() => {
    access.set("out");
    who.set(null);
  });
}
/** Who is in, as it is now; 401: nobody. */
export async function knowMe() {
  const reply = await fetch("/api/v1/session");
  if (reply.status === 200) enterAs(await reply.json());
  else if (reply.status === 401) access.set("out");
  else throw await failure(reply);
}

// ---- for components ----
let drawn = () => {};
/** When the first answer has been painted, or there is none soon: what can wait until then does not take the page's time. */
export const seen = new Promise<void>((done) => {
  drawn = () => void requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, 700);
});
/** A list that comes page by page: the first when `path` changes, more on demand; an answer to an older question is dropped. */
export function usePages<T>(path: string, of: (reply: any) => T[], idOf: (last: T) => number) {
  const [list, setList] = useState<T[] | null>(null), [more, setMore] = useState(false), [busy, setBusy] = useState(false), [error, setError] = useState<Error | null>(null), round = useRef(0);
  const load = async (have: T[]) => {
    const mine = ++round.current;
    setBusy(true);
    try {
      const reply = await api(path + (have.length ? `&after=${idOf(have[have.length - 1])}` : ""));
      if (mine !== round.current) return;
      setList([...have, ...of(reply)]);
      setMore(reply.more);
      setError(null);
    } catch (e) {
      if (mine !== round.current) return;
      setError(e as Error);
      if (!have.length) setList(null);
    }
    setBusy(false);
  };
  useLayoutEffect(() => void load([]), [path]);
  return { data: list, more, busy, error, again: () => void load([]), older: () => void load(list ?? []) };
}
/** Reads a list of share to its end, page by page; for useApi. */
export const toTheEnd = <R,>(key: keyof R & string) => async (path: string): Promise<R> => {
  let reply = await api(path);
  const all: { id: number | string }[] = reply[key];
  while (reply.more && reply[key].length) {
    reply = await api(`${path}?${query({ after: all[all.length - 1].id })}`);
    all.push(...reply[key]);
  }
  return { [key]: all } as R;
};
export interface Fetched<T> { data: T | null; error: Error | null; again: () => void; busy: boolean }
/** Asks when `path` or the epoch changes, and every so often while the page is seen. null: nothing is asked. */
export function useApi<T = any>(path: string | null, everyMs = 0, read: (path: string) => Promise<T> = api): Fetched<T> {
  const [state, set] = useState<{ data: T | null; error: Error | null; of: string | null; busy: boolean }>({ data: null, error: null, of: null, busy: !!path });
  const e = epoch.use(), round = useRef(0), [n, force] = useState(0);
  useLayoutEffect(() => { // not after the first paint: the answer is what is waited for
    if (!path) return;
    const mine = ++round.current;
    let timer = 0;
    const ask = async () => {
      if (document.hidden && everyMs) return void (timer = window.setTimeout(ask, everyMs));
      try {
        const data = await read(path);
        if (mine === round.current) {
          set({ data, error: null, of: path, busy: false });
          drawn();
        }
      } catch (error) {
        if (mine === round.current) set((s) => ({ data: s.of === path ? s.data : null, error: error as Error, of: path, busy: false }));
      }
      if (everyMs && mine === round.current) timer = window.setTimeout(ask, everyMs);
    };
    ask();
    return () => {
      round.current++;
      clearTimeout(timer);
    };
  }, [path, e, n, everyMs]);
  const fresh = state.of === path;
  return { data: fresh ? state.data : null, error: fresh ? state.error : null, busy: !fresh || state.busy, again: () => force((x) => x + 1) };
}
