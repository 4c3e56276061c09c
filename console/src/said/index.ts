// SPDX-License-Identifier: Apache-2.0
// What the node says in its own words (alarms, why a link is down, notes of deals) in the reader's language: its sentences as they stand in its sources, with
// printf's holes, and what to say instead. What is not among them, such as texts of machines and rules, stays as it is.
interface Sentence { is: RegExp; might: RegExp; has: string; length: number; say: string; holes: string[] }
type Told = string | null;

const hole = /%%|%[-0#]*\d*(?:\.\d+|\.\*)?(?:hh|h|ll|l|z|j)?([a-zA-Z])/g, plain = (s: string) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const kinds: Record<string, string> = { d: "(-?\\d+)", u: "(\\d+)", x: "([0-9a-f]+)", X: "([0-9A-F]+)", g: "(-?\\d+(?:\\.\\d+)?(?:e[-+]?\\d+)?)(?![\\w:.-])" };
function sentence(format: string, say: string): Sentence {
  const holes: string[] = [], parts: string[] = [];
  let at = 0, has = "", length = 0, strict = "^", loose = "^";
  const put = (s: string) => (parts.push(s), (strict += plain(s)), (loose += plain(s)));
  for (const m of format.matchAll(hole)) {
    put(format.slice(at, m.index) + (m[1] ? "" : "%"));
    at = m.index + m[0].length;
    if (!m[1]) continue;
    const kind = m[1] === "f" ? "g" : m[1];
    holes.push(kind);
    strict += kinds[kind] ?? (at === format.length ? "([^]*)" : "([^;]*?)");
    loose += kinds[kind] ?? "([^]*?)";
  }
  put(format.slice(at));
  for (const p of parts) {
    length += p.length;
    if (p.length > has.length) has = p;
  }
  return { is: RegExp(strict + "$"), might: RegExp(loose + "$"), has, length, say, holes };
}

export function speaker(table: Record<string, string>, number: (n: number) => string, time: (at: string) => string): (text: string) => string {
  const bare = (s: string) => s.replace(/^; |[;,] $/g, ""); // pieces come with what divides them
  const list = Object.entries(table).map(([f, s]) => sentence(bare(f), bare(s))).sort((a, b) => b.length - a.length), known = new Map<string, Told>();
  const fill = (s: Sentence, m: RegExpMatchArray) => s.say.replace(/\{(\d+)\}/g, (_, i) => (s.holes[i - 1] === "g" ? number(+m[i]) : (s.holes[i - 1] === "s" && told(m[i])) || m[i]));
  const by = (text: string, which: "is" | "might"): Told => {
    for (const s of list) {
      const m = text.includes(s.has) && text.match(s[which]);
      if (m && !(m[1] === text && s.say === "{1}")) return fill(s, m);
    }
    return null;
  };
  const asides = (text: string): Told => {
    const m = text.match(/^(.*) \(([^()]+)\)$/), head = m && m[1] ? told(m[1]) : "";
    return m && head !== null ? `${head} (${told(m[2]) ?? m[2]})` : null;
  };
  /** Sentences one behind the other: all of them, or what is known of them. */
  const pieces = (text: string, whole: boolean): Told => {
    for (const m of text.matchAll(/[:;] /g)) {
      const head = text.slice(0, m.index), tail = text.slice(m.index + 2), a = head ? told(head) : "", b = told(tail);
      if (whole ? a !== null && b !== null : a !== null || b !== null) return (a ?? head) + m[0] + (b ?? tail);
    }
    return null;
  };
  function told(text: string): Told {
    let said = known.get(text);
    if (said === undefined) {
      known.set(text, null); // what is within itself is not looked at again
      said = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? time(text) : text ? by(text, "is") ?? pieces(text, true) ?? asides(text) ?? by(text, "might") ?? pieces(text, false) : null;
      known.set(text, said);
      if (known.size > 2000) known.clear();
    }
    return said;
  }
  return (text) => told(text) ?? text;
}
