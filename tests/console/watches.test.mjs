// SPDX-License-Identifier: Apache-2.0
// Watches in the console: made below a chart, seen in alarm with the reason, told what is normal, changed and removed.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, Node, sound, until, visit } from "./kit.mjs";

const path = "hall/oven/temperature", at = encodeURIComponent(path);
let node, browser;
/** A value of the oven: it goes up and down around 200. */
const usual = (i) => 200 + 5 * Math.sin(i / 3) + ((i * 7919) % 100) / 50;
const send = async (from, to, value) => {
  for (let i = from; i < to; i++) await node.post(`${path} ${value(i)}`);
};

before(async () => {
  [browser, node] = await Promise.all([launch(), new Node().start()]);
  const now = Date.now(), rows = Array.from({ length: 2000 }, (_, i) => `${new Date(now - (2000 - i) * 20e3).toISOString()},${usual(i)}`);
  const file = join(node.folder, "past.csv");
  await node.post(`${path} 200`);
  writeFileSync(file, "time,temperature\n" + rows.join("\n"));
  node.cli("import", file, "--at", "hall/oven");
});
afterEach(() => Promise.all(browser.contexts().map((c) => c.close())));
after(async () => {
  await browser?.close();
  await node?.stop();
  node?.remove();
});
const post = async () => (await node.ask("GET", `watch-posts?signal=${at}`)).posts[0];

test("a signal is watched from below its chart, and learns from its history", async () => {
  const v = await visit(browser, node);
  await v.go(`#/chart?s=${at}&from=-1h`);
  await v.page.getByRole("button", { name: `Watch this signal: ${path}` }).click();
  await v.page.getByRole("region", { name: `Watches of ${path}` }).getByRole("link", { name: /^Watch hall.oven.temperature/ }).waitFor();
  await node.ask("PATCH", "watches/hall.oven.temperature", { states: "all" });
  await until("it has learnt", async () => (await post()).learnt >= 1000);
  await send(2000, 2040, usual);
  await until("it watches", async () => (await post()).state === "active");
  await v.page.getByRole("img", { name: /^Score of hall\/oven\/temperature/ }).waitFor();
  await sound(v.page, "a chart with a watch");
  assert.deepEqual(v.problems, []);
});
test("what is unusual is an alarm with its reason, below the chart and on the page of the watch, in Dutch too", async () => {
  await send(0, 30, (i) => 900 + i);
  await until("an alarm", async () => (await post()).alarm);
  const v = await visit(browser, node), { id } = await post();
  await v.go(`#/chart?s=${at}&from=-1h`);
  await v.page.getByText(/temperature is 9\d\d, where \d+(\.\d+)? was expected/).waitFor();
  await v.go("#/watches");
  await v.page.getByRole("row").filter({ hasText: "1 in alarm" }).waitFor();
  await sound(v.page, "watches");
  await v.page.getByRole("link", { name: "hall / oven / temperature" }).click();
  await v.page.waitForURL(new RegExp(`#/watches/${id}$`));
  await v.page.getByRole("heading", { name: "Why" }).waitFor();
  await v.page.getByRole("img", { name: /1 stretches in alarm/ }).waitFor();
  await sound(v.page, "the page of one");
  await v.page.locator(".tongue").click();
  await v.page.getByText(/temperature is 9\d\d, waar \d+(,\d+)? verwacht werd/).first().waitFor();
  assert.deepEqual(v.problems, []);
});
test("an operator says that it is normal, which ends the alarm and stands there with his name; a viewer is not asked", async () => {
  await node.user("olga", "operator");
  await node.user("vera", "viewer");
  const { id } = await post(), viewer = await visit(browser, node, { name: "vera" }), v = await visit(browser, node, { name: "olga" });
  await viewer.go(`#/watches/${id}`);
  await viewer.page.getByRole("heading", { name: "Why" }).waitFor();
  assert.equal(await viewer.page.getByRole("button", { name: /^Normal/ }).count(), 0);
  await v.go(`#/watches/${id}`);
  await v.page.getByRole("button", { name: `Normal: ${path}` }).click();
  await v.page.getByRole("dialog").getByLabel("Comment").fill("a new recipe");
  await sound(v.page, "the question");
  await v.page.getByRole("dialog").getByRole("button", { name: "Normal" }).click();
  await v.page.getByRole("row").filter({ hasText: "a new recipe" }).getByText("olga").waitFor();
  await until("it is over", async () => !(await post()).alarm);
  assert.deepEqual([...v.problems, ...viewer.problems], []);
});
test("an engineer makes one with a mistake that is told, changes it, switches it off and removes it", async () => {
  const v = await visit(browser, node), dialog = v.page.getByRole("dialog");
  await v.go("#/watches");
  await v.page.getByRole("button", { name: "Add a watch" }).click();
  await dialog.getByLabel("Name").fill("ovens");
  await dialog.getByLabel("Kind").selectOption("group");
  await dialog.getByLabel("What", { exact: false }).first().fill("hall/**");
  await dialog.getByLabel("From row to row").fill("soon");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText(/pace/).waitFor();
  await sound(v.page, "the form");
  await dialog.getByLabel("From row to row").fill("1s");
  await dialog.getByRole("button", { name: "Save" }).click();
  const row = v.page.getByRole("row").filter({ hasText: "ovens" }).first();
  await row.waitFor();
  await row.getByRole("button", { name: "Edit ovens" }).click();
  await dialog.getByLabel("Priority").selectOption("urgent");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row.getByText("urgent").waitFor();
  await row.getByRole("button", { name: /^Switch off/ }).click();
  await until("it is off", async () => (await node.ask("GET", "watches/ovens")).enabled === false);
  await row.getByRole("button", { name: /^Remove/ }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual((await node.ask("GET", "watches")).watches.map((w) => w.name), ["hall.oven.temperature"]);
});
