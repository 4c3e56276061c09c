// SPDX-License-Identifier: Apache-2.0
// What the node says in its own words has Dutch: each sentence of the sources that becomes the text of an alarm, the reason of a link or the note of a deal
// stands in the console's table.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { root } from "./kit.mjs";

const table = JSON.parse(readFileSync(join(root, "console/src/said/nl.json"), "utf8"));
const walk = (d) => readdirSync(d).flatMap((f) => (statSync(join(d, f)).isDirectory() ? walk(join(d, f)) : f.endsWith(".c") ? [join(d, f)] : []));
const sources = walk(join(root, "src")).map((p) => [p.slice(root.length + 1), readFileSync(p, "utf8").replace(/\/\*[\s\S]*?\*\//g, "")]);

/** The literals of a C text: [the call each is an argument of, that call's arguments before it, the literal as printf reads it]. */
function literals(c) {
  const found = [], calls = [];
  const token = /((?:"(?:[^"\\\n]|\\.)*"(?:\s|\\\n|PRI[a-z]\d+)*)+)|'(?:[^'\\]|\\.)'|^[ \t]*#[ \t]*include.*|(\w*)\s*\(|\)|;/gm;
  for (const m of c.matchAll(token)) {
    if (m[1]) found.push([calls.at(-1)?.name, calls.length ? c.slice(calls.at(-1).at, m.index) : "",
      [...m[1].matchAll(/"((?:[^"\\\n]|\\.)*)"|PRI([a-z])\d+/g)].map((x) => x[1] ?? "ll" + x[2]).join("").replace(/\\(["\\])/g, "$1")]);
    else if (m[0].endsWith("(")) calls.push({ name: m[2] || calls.at(-1)?.name, at: m.index + m[0].length });
    else if (m[0] === ")") calls.pop();
  }
  return found;
}
const all = sources.map(([p, c]) => [p, c, literals(c)]);
const isSentence = (s) => /[a-z] [a-z%]/.test(s.replace(/%%/g, "")) && !/^ ?(select|insert|delete|update|with|where|order|pragma|line) /.test(s);

/** Those who tell alarms and conditions, and what makes their words. */
const tells = /\b(kp_hub_condition|kp_store_condition|kp_alarms_tell|alarm_raise\w*|shield_alarm)\(/;
const helpers = ["src/core/time.c", "src/store/forecast.c", "src/shield/seen.c", "src/share/keeper.c", "src/share/hear.c", "src/share/outbox.c", "src/share/source.c"];
const says = new Set([undefined, "snprintf", "kp_hub_condition", "kp_store_condition", "kp_context"]);
/** Not told: keys, and what is read. */
const silent = new Set(["indicator %lld", "orders %s", "product name", "order code", "order number", "article number", "serial number", "hardware version",
  "firmware version", "part of", "line %llu", "out of memory", "in the sentence of its kind", "opening the file again"]);
/** Why a link is down: failures of the other side. */
const links = /^src\/(couplings\/|net\/(courier|fetch|http|send)\.c|core\/coupling\.c|share\/source\.c)/, theirs = /KP_(EPEER|EREFUSED|ETIMEOUT)/;

const told = new Map();
for (const [path, c, list] of all) for (const [call, before, s] of list) {
  const word = (tells.test(c) || helpers.includes(path)) && says.has(call) && isSentence(s), link = links.test(path) && call === "kp_fail" && theirs.test(before) && /[a-z]{2}/.test(s.replace(/%[\d.*]*l*\w/g, ""));
  if ((word || link) && !silent.has(s)) told.set(s, path);
}

test("every sentence that the node tells has Dutch", () => {
  assert.ok(told.size > 150, `only ${told.size} sentences were found`);
  assert.deepEqual([...told].filter(([s]) => !(s in table.said)).map(([s, p]) => `${p}: ${s}`), []);
});
if (process.env.DUMP) for (const [s, p] of told) console.log(p.replace("src/", "") + " | " + JSON.stringify(s));
