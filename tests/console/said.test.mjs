// SPDX-License-Identifier: Apache-2.0
// What the node says in its own words has Dutch: each sentence of the sources that becomes the text of an alarm, the reason of a link or the note of a deal
// stands in the console's table.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { build } from "../../console/node_modules/esbuild/lib/main.js";
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
  const note = links.test(path) && call === "kp_coupling_note" && /[a-z]{2}/.test(s.replace(/%[\d.*]*l*\w/g, ""));
  if ((word || link || note) && !silent.has(s)) told.set(s, path);
}
for (const [path, c] of sources) if (links.test(path)) for (const m of c.matchAll(/\{ *\w+, *KP_\w+,\s*((?:"[^"]*"\s*)+)\}/g)) { // tables of statuses
  const s = m[1].replace(/"\s*"/g, "").trim().slice(1, -1);
  if (!silent.has(s)) told.set(s, path);
}

test("every sentence that the node tells has Dutch", () => {
  assert.ok(told.size > 150, `only ${told.size} sentences were found`);
  assert.deepEqual([...told].filter(([s]) => !(s in table.said)).map(([s, p]) => `${p}: ${s}`), []);
});
test("what is in the table is said by the node, and the Dutch has a place for each of its holes and no other", () => {
  const known = new Set(all.flatMap(([, , list]) => list.map(([, , s]) => s)));
  assert.deepEqual(Object.keys(table.said).filter((s) => !known.has(s)), []);
  for (const [format, said] of Object.entries({ ...table.said, ...table.others })) {
    const holes = [...format.replace(/%%/g, "").matchAll(/%[-0#]*\d*(?:\.\d+|\.\*)?(?:hh|h|ll|l|z|j)?[a-zA-Z]/g)].map((_, i) => `{${i + 1}}`);
    assert.deepEqual([...said.matchAll(/\{\d+\}/g)].map(String).sort(), holes.sort(), format);
  }
});
test("sentences are told in Dutch with their names and numbers; what is not the node's own stays as it is", async () => {
  const made = await build({ entryPoints: [join(root, "console/src/said/index.ts")], bundle: true, format: "esm", write: false });
  const { speaker } = await import(`data:text/javascript,${encodeURIComponent(made.outputFiles[0].text)}`), format = new Intl.NumberFormat("nl", { maximumSignificantDigits: 6 });
  const say = speaker({ ...table.said, ...table.others }, (n) => format.format(n), (at) => `<${at}>`);
  const pairs = {
    "temp 1081.4 °C is above 80": "temp 1.081,4 °C is hoger dan 80",
    "Mill-01 has stood still for 1 h 30 min": "Mill-01 staat al 1 u 30 min stil",
    "the certificate of HTTPS for other machines expires in 13 d 2 h": "het certificaat van HTTPS voor andere machines verloopt over 13 d 2 u",
    "signals do not go together as they did: load (52 %) 3.25 kW where 2 kW was expected; speed (30 %) 5 where 6 was expected": "signalen gaan niet meer samen zoals ze deden: load (52 %) 3,25 kW waar 2 kW verwacht was; speed (30 %) 5 waar 6 verwacht was",
    "the backup to /mnt/x failed: /mnt/x/a cannot be opened: No such file or directory; the last good one: none": "de back-up naar /mnt/x is mislukt: /mnt/x/a is niet te openen: dat bestaat niet; de laatste goede: geen",
    "cannot connect to 192.0.2.1 port 4840: Connection refused": "kan niet verbinden met 192.0.2.1 poort 4840: verbinding geweigerd",
    "43 variables found, 33 subscribed; koppel couplings mill --nodes shows all (unprotected)": "43 variabelen gevonden, 33 gevolgd; koppel couplings mill --nodes toont ze alle (onbeveiligd)",
    "14 data items of 1 devices, 13 subscribed; more conditions at once than are kept": "14 gegevens van 1 apparaten, 13 gevolgd; meer meldingen tegelijk dan er bewaard worden",
    "a login as bob from 192.0.2.9 failed (and others): indicator 'Bad host' of circl. Block the address and see whether it reached others": "een aanmelding als bob vanaf 192.0.2.9 is mislukt (en andere): indicator 'Bad host' van circl. Blokkeer het adres en kijk of het anderen heeft bereikt",
    "incident 3: the Final report (NIS2 art. 23(4)(d)) was due at 2026-11-28T10:00:00Z; send it, and say so in the record": "incident 3: eindverslag (NIS2 art. 23(4)(d)) had weg moeten zijn op <2026-11-28T10:00:00Z>; verstuur dit, en leg dat vast",
    "the transfer has ended: price too high; call us": "de overdracht is beëindigd: price too high; call us",
    "E204 door open: guard 3": "E204 door open: guard 3", "is well": "is well", "": "",
  };
  for (const [english, dutch] of Object.entries(pairs)) assert.equal(say(english), dutch);
});
test("whatever can be changed over the API has words in the log", () => {
  const words = JSON.parse(readFileSync(join(root, "console/src/lang/pages/en.json"), "utf8")), { paths } = JSON.parse(readFileSync(join(root, "src/web/openapi.json"), "utf8"));
  const changes = Object.entries(paths).flatMap(([p, o]) => Object.keys(o).filter((m) => /post|put|patch|delete/.test(m)).map((m) => `${m.toUpperCase()} ${p.replace("/api/v1", "")}`));
  const partners = [...sources.find(([p]) => p.endsWith("route_dsp.c"))[1].matchAll(/KP_HTTP_POST, BASE "([^"]+)"/g)].map((m) => `POST /dsp/2025-1${m[1]}`);
  assert.ok(partners.length > 10);
  assert.deepEqual([...changes, ...partners].filter((c) => !words[`did.${c}`] && !/^(POST|DELETE) \/session$/.test(c)), []); // those are logged as login and logout
});
