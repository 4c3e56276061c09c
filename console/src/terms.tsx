// SPDX-License-Identifier: Apache-2.0
// Terms in ODRL, as people say them, and what else both pages of partners speak of.
import { clock, count, span, t, word } from "./lang";

export interface Partner { name: string; id: string; url: string; identity: string }
export interface Deal { id: number; partner: string; side: "consumer" | "provider"; state: string; dataset: string | null; agreement: string | null; offer?: any; note: string | null; waiting: boolean; fault: string | null; changed: string }

type Json = any;
const listOf = (x: Json): Json[] => (x === undefined || x === null ? [] : Array.isArray(x) ? x : [x]);
const plain = (x: Json): string => String(x?.["@id"] ?? x?.["@value"] ?? x ?? "").replace(/^(odrl:|xsd:|koppel:|edc:|http:\/\/www\.w3\.org\/ns\/odrl\/2\/|urn:koppel:odrl:1[:#])/, "");
const values = (x: Json) => listOf(x?.["@list"] ?? x).map(plain);
/** s of "P1DT12H", "PT0.5S", "P2W". */
function seconds(text: string) {
  const m = /^P(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/.exec(text);
  return m ? [604800, 86400, 3600, 60, 1].reduce((n, f, i) => n + f * Number(m[i + 1] ?? 0), 0) : NaN;
}
const long = (text: string) => (Number.isNaN(seconds(text)) ? text : span(seconds(text)));
const when = (text: string) => (Number.isNaN(Date.parse(text)) ? text : clock(text));

function constraint(c: Json, all: Json[]): string | null {
  const left = plain(c.leftOperand), op = plain(c.operator), right = values(c.rightOperand), one = right[0] ?? "", upper = op.startsWith("lt");
  const is = (name: string) => all.find((x) => plain(x.leftOperand) === name);
  if (left === "dateTime") return t(upper ? "terms.until" : "terms.from", { at: when(one) });
  if (left === "sourceTime") return t(upper ? "terms.ofUntil" : "terms.ofFrom", { at: when(one) });
  if (left === "delayPeriod") return t("terms.delay", { span: long(one) });
  if (left === "timeInterval") {
    const a = is("aggregate");
    return t("terms.every", { span: long(one), which: (a ? values(a.rightOperand) : ["last"]).map((f) => word("terms.fn", f)).join(", ") });
  }
  if (left === "aggregate") return is("timeInterval") || one === "raw" ? null : `${left} ${right.join(", ")}`;
  if (left === "count") return t("terms.count", { n: count(Number(one) - (op === "lt" ? 1 : 0)) });
  if (left === "purpose") return t("terms.purpose", { what: right.join(", ") });
  if (left === "recipient") return t("terms.recipient", { who: right.join(", ") });
  return `${left} ${op} ${right.join(", ")}`;
}
/** One sentence a term; what is not known stands as it is. */
function termsOf(policy: Json): string[] {
  const said: string[] = [], rules = listOf(policy?.permission), actionOf = (r: Json) => plain(r.action);
  let raw = true, onward = false;
  for (const r of rules) {
    const all = listOf(r.constraint).flatMap((c) => listOf(c.and?.["@list"] ?? c.and ?? c));
    if (actionOf(r) === "distribute") onward = true;
    raw &&= !all.some((c) => plain(c.leftOperand) === "timeInterval");
    for (const c of all) {
      const text = constraint(c, all);
      if (text) said.push(text);
    }
  }
  for (const o of listOf(policy?.obligation)) said.push(t("terms.duty", { what: plain(o.action) }));
  if (raw) said.unshift(t("terms.raw"));
  said.push(t(onward ? "terms.onward" : "terms.notOnward"));
  return said;
}
export const Terms = ({ of }: { of: Json }) => <ul class="terms">{termsOf(of).map((x) => <li key={x}>{x}</li>)}</ul>;
export interface Wanted { until: string; every: string; fn: string; delay: string; count: string }
/** What a person filled in, as ODRL. */
export function policyOf(w: Wanted) {
  const c = (leftOperand: string, operator: string, rightOperand: unknown) => ({ leftOperand, operator, rightOperand });
  const all = [...(w.until ? [c("dateTime", "lt", new Date(`${w.until}T00:00`).toISOString())] : []),
    ...(w.every ? [c("timeInterval", "eq", w.every), c("koppel:aggregate", "isAnyOf", [w.fn])] : []),
    ...(w.delay ? [c("delayPeriod", "eq", w.delay)] : []), ...(w.count ? [c("count", "lteq", Number(w.count))] : [])];
  return { ...(w.every ? { profile: "urn:koppel:odrl:1" } : {}), permission: [{ action: "use", ...(all.length ? { constraint: all } : {}) }] };
}
/** The other way, as far as it goes: where a counter-offer begins. */
export function wantedOf(policy: Json): Wanted {
  const all: Json[] = listOf(policy?.permission).flatMap((r) => listOf(r.constraint)).flatMap((c) => listOf(c.and?.["@list"] ?? c.and ?? c));
  const of = (name: string, op = "") => { const c = all.find((x) => plain(x.leftOperand) === name && plain(x.operator).startsWith(op)); return c ? values(c.rightOperand) : []; };
  const until = of("dateTime", "lt")[0];
  return { until: until && !Number.isNaN(Date.parse(until)) ? new Date(until).toLocaleDateString("sv") : "", every: of("timeInterval")[0] ?? "", fn: of("aggregate")[0] ?? "mean", delay: of("delayPeriod")[0] ?? "", count: of("count")[0] ?? "" };
}
