// SPDX-License-Identifier: Apache-2.0
// Texts, numbers and times as the reader writes them.
import { kept } from "../cell";
import en from "./en.json";
import type pages from "./pages/en.json";
import type shield from "./shield/en.json";

export type Key = keyof typeof en | keyof typeof pages | keyof typeof shield;
type Texts = Record<string, string>;
type Load = () => Promise<{ default: Texts }>;
const words: Record<string, Texts> = { en: { ...en }, nl: {} };
export const languages = Object.keys(words);

/** Other languages than English come when they are spoken. */
const parts: Record<string, Load>[] = [{ nl: () => import("./nl.json") }, { nl: () => import("../said/nl") }], asked = new Map<Load, Promise<void>>();
const get = (l: string, load: Load) => asked.get(load) ?? asked.set(load, load().then((m) => void Object.assign(words[l], m.default), (e) => {
  asked.delete(load);
  throw e;
})).get(load)!;
const have = (l: string) => Promise.all(parts.flatMap((p) => (p[l] ? [get(l, p[l])] : [])));
/** Texts that come with the pages that have them. */
export function more(english: Texts, others: Record<string, Load>) {
  Object.assign(words.en, english);
  parts.push(others);
}

const preferred = () => navigator.languages?.map((l) => l.slice(0, 2)).find((l) => l in words) ?? "en";
export const language = kept("language", preferred());
if (!(language.get() in words)) language.set("en");
/** Done when there are texts for what is shown. */
export const texts = () => have(language.get());
export const speak = (l: string) => have(l).then(() => language.set(l), () => undefined); // without them it stays as it is

/** Made when first needed and kept: making one takes longer than a hundred uses. */
const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();
function kept_<T extends Intl.NumberFormat | Intl.DateTimeFormat>(name: string, make: () => T): T {
  let f = made.get(name);
  if (!f) made.set(name, (f = make()));
  return f as T;
}
const numbers = (name: string, options: Intl.NumberFormatOptions) => kept_(name, () => new Intl.NumberFormat(locale, options));
const times = (name: string, options: Intl.DateTimeFormatOptions) => kept_(name, () => new Intl.DateTimeFormat(locale, options));

let text: Texts = words.en, locale = "en";
function use(l: string) {
  text = words[l];
  locale = navigator.languages?.find((x) => x.startsWith(l)) ?? l;
  made.clear();
  document.documentElement.lang = l;
}
use(language.get());
language.on(() => use(language.get()));

export function t(key: Key, values?: Record<string, string | number>): string {
  const said = text[key] ?? words.en[key];
  return values ? said.replace(/\{(\w+)\}/g, (_, k) => String(values[k] ?? "")) : said;
}
const speakers = new Map<string, (text: string) => string>();
export const sayBy = (l: string, f: (text: string) => string) => void speakers.set(l, f);
/** What the node says in its own words. */
export const told = (text: string) => speakers.get(language.get())?.(text) ?? text;
/** A word of the node such as "running", when there is a text for it: t("state.running"). */
export const word = (group: string, name: string) => text[`${group}.${name}`] ?? name;

/** Small ones are the same everywhere, and the first formatter takes its time. */
export const count = (n: number) => (n > -999.5 && n < 999.5 ? String(Math.round(n)) : numbers("whole", { maximumFractionDigits: 0 }).format(n));
export const short = (n: number) => numbers("three", { maximumSignificantDigits: 3 }).format(n);
export function number(n: number) {
  if (!Number.isFinite(n)) return String(n);
  if (Number.isInteger(n)) return count(n);
  return Math.abs(n) >= 1e9 || Math.abs(n) < 1e-4 ? n.toExponential(4) : numbers("six", { maximumSignificantDigits: 6 }).format(n);
}
export function bytes(n: number) {
  let i = 0;
  for (; n >= 1000 && i < 4; i++) n /= 1000;
  return `${short(n)} ${["B", "kB", "MB", "GB", "TB"][i]}`;
}
type At = number | string;
export const clock = (at: At) => times("clock", { dateStyle: "short", timeStyle: "medium" }).format(new Date(at));
export const second = (at: At) => times("second", { timeStyle: "medium" }).format(new Date(at));
export const hour = (at: At) => times("hour", { hour: "2-digit", minute: "2-digit" }).format(new Date(at));
export const day = (at: At) => times("day", { weekday: "short", day: "numeric", month: "short" }).format(new Date(at));
export const whole = (at: At) => times("dated", { dateStyle: "short" }).format(new Date(at));
export const weekday = (at: At) => times("weekday", { weekday: "short", day: "numeric" }).format(new Date(at));
export const date = (at: At) => times("date", { day: "numeric", month: "short" }).format(new Date(at));
export function span(seconds: number) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const m = Math.floor((s / 60) % 60);
  if (s < 86400) return `${Math.floor(s / 3600)} ${t("hours")}${m ? ` ${m} min` : ""}`;
  return s < 172800 ? `${Math.floor(s / 3600)} ${t("hours")}` : `${Math.floor(s / 86400)} ${t("days")}`;
}
/** A length as settings have it: 1m30s. */
export const lasting = (s: string) => s.replace(/(\d)(ms|us|[smhd])(?![a-z])/g, (_, n, u) => `${n} ${{ m: "min", h: t("hours"), d: t("days") }[u as string] ?? u} `).trim();
export function age(ms: number) {
  const s = Math.round(ms / 1000);
  if (s < 2) return t("now");
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} ${t("hours")}` : `${Math.floor(s / 86400)} ${t("days")}`;
}
