// SPDX-License-Identifier: Apache-2.0
// Parts of the console that need no browser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./kit.mjs";

const { buildSync } = createRequire(join(root, "console/build.mjs"))("esbuild");
async function load(file) {
  const made = buildSync({ entryPoints: [join(root, "console/src", file)], bundle: true, write: false, format: "esm", absWorkingDir: join(root, "console") });
  return import("data:text/javascript;base64," + Buffer.from(made.outputFiles[0].contents).toString("base64"));
}
const { patterns, Hub } = await load("hub.ts"), { parse } = await load("json.ts"), { daysOf, daysText, holidays } = await load("days.ts"), { mostOf, heightOf } = await load("bars.ts");

test("few signals are asked for by name, each once, with nothing in a name that means something in a pattern", () => {
  assert.deepEqual(patterns(["b/y", "a/x", "a/x"]), ["a/x", "b/y"]);
  assert.deepEqual(patterns(["hall/a,b*"]), ["hall/a?b?"]);
  assert.deepEqual(patterns([]), []);
});
test("more signals than the node takes patterns are asked for by their assets, and none is left out", () => {
  const paths = Array.from({ length: 5000 }, (_, i) => `site/hall${i % 7}/m${i % 90}/s${i}`), asked = patterns(paths);
  assert.ok(asked.length <= 60);
  for (const p of paths) assert.ok(asked.some((a) => a === "**" || p === a || p.startsWith(a + "/")), p);
  assert.deepEqual(patterns(Array.from({ length: 100 }, (_, i) => `s${i}`)), ["**"]);
});
test("integers beyond 2^53 stay exact, also beside texts that look like them", () => {
  assert.deepEqual(parse('{"a":9007199254740993,"b":"12345678901234567","c":1.5,"d":[-9223372036854775808]}'), { a: "9007199254740993", b: "12345678901234567", c: 1.5, d: ["-9223372036854775808"] });
});
test("each guest of the hub hears of what it follows, over one stream for all", async () => {
  const opened = [];
  globalThis.EventSource = class {
    constructor(url) {
      this.url = url;
      this.heard = {};
      this.readyState = 1;
      opened.push(this);
    }
    addEventListener(name, f) {
      this.heard[name] = f;
    }
    close() {
      this.readyState = 2;
    }
  };
  globalThis.fetch = async () => new Response('{"now":"x"}');
  const hub = new Hub(), said = { a: [], b: [] }, guest = (k) => ({ say: (m) => "values" in m && said[k].push(...m.values.map((v) => v.path)) }), a = guest("a"), b = guest("b");
  hub.hear(a, ["m/x", "m/y"]);
  hub.hear(b, ["m/y"]);
  await new Promise((r) => setTimeout(r, 150));
  const last = opened.at(-1);
  assert.equal(decodeURIComponent(new URL(last.url, "http://x").searchParams.get("match")), "m/x,m/y");
  assert.equal(opened.filter((s) => s.readyState === 1).length, 1);
  last.heard.values({ data: JSON.stringify([{ path: "m/x" }, { path: "m/y" }, { path: "m/z" }]) });
  assert.deepEqual(said, { a: ["m/x", "m/y"], b: ["m/y"] });
  hub.leave(a);
  hub.leave(b);
  await new Promise((r) => setTimeout(r, 150));
  assert.equal(opened.filter((s) => s.readyState === 1).length, 0);
});
test("days of a shift are read and written as the calendar has them", () => {
  for (const [text, days] of [["mon-fri", ["mon", "tue", "wed", "thu", "fri"]], ["mon,wed,sat", ["mon", "wed", "sat"]], ["sun-thu", ["mon", "tue", "wed", "thu", "sun"]], [null, []]]) assert.deepEqual(daysOf(text), days);
  assert.equal(daysText(["mon", "tue", "wed", "thu", "fri"]), "mon-fri");
  assert.equal(daysText(["sat", "sun"]), "sat,sun");
  assert.equal(daysText(daysOf("sun-thu")), "mon,tue,wed,thu,sun");
  assert.equal(daysText([]), null);
});
test("the Dutch public holidays are those of the year", () => {
  assert.deepEqual(holidays(2027), ["2027-01-01", "2027-03-29", "2027-04-27", "2027-05-06", "2027-05-17", "2027-12-25", "2027-12-26"]);
  assert.deepEqual(holidays(2025), ["2025-01-01", "2025-04-21", "2025-04-26", "2025-05-05", "2025-05-29", "2025-06-09", "2025-12-25", "2025-12-26"]);
});
test("bars that are all nothing are 0 high, and so is the highest of them", () => {
  const bars = (...values) => values.map((v) => ({ parts: [{ value: v }] }));
  for (const none of [[], bars(0, 0), bars(NaN, undefined, null), [{ parts: [], mark: NaN }]]) assert.equal(mostOf(none), 0);
  assert.equal(heightOf(0, 0), 0);
  assert.equal(mostOf([...bars(1, NaN, 2.5), { parts: [{ value: 1 }, { value: 2 }], mark: 4 }]), 4);
  assert.equal(heightOf(1, 4), 25);
});
