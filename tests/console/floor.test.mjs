// SPDX-License-Identifier: Apache-2.0
// The shop floor in the console: what runs and stands, why, what an operator at a machine says, and the screen on the wall.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch, looks, Node, sound, until, visit } from "./kit.mjs";

let node, browser;
const begun = Date.now(), at = (minutes) => new Date(begun - minutes * 60e3).toISOString();
const wall = (minutes) => new Date(begun - minutes * 60e3).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }); // of the node, which has this clock
const state = (path, state, from, to) => node.ask("POST", "intervals", { path, kind: "state", start: at(from), ...(to === undefined ? {} : { end: at(to) }), attributes: { state } });
const stops = async (asset, from = "-12h") => (await node.ask("GET", `stops?asset=${asset}&from=${from}`)).stops;
const reasons = ["breakdown", "set-up", "tool change", "no material", "quality", "no operator", "planned", "waiting for crane"];
const parts = async () => (await node.ask("GET", "oee?asset=hall/press&from=-12h")).assets[0].steps[0];

before(async () => {
  browser = await launch();
  node = await new Node().start();
  for (const m of ["mill", "press", "saw", "oven"]) {
    await node.post(`hall/${m}/load 1`);
    await node.ask("PATCH", `asset?path=hall/${m}`, { kind: "machine" });
  }
  await node.ask("PUT", "calendar", { plans: [{ match: "hall/**", shifts: [{ name: "this", from: wall(240), to: wall(-240) }] }] });
  await node.ask("PUT", "shop", { reasons: reasons.map((name) => ({ name, en: name, nl: name === "no material" ? "geen materiaal" : name })), machines: [{ match: "hall/press", cycle: "60s" }] });
  const past = await state("hall/mill", "stopped", 200, 190);
  for (const [from, to] of [[180, 170], [150, 147]]) await state("hall/mill", "idle", from, to);
  for (const [from, to] of [[240, 200], [190, 180], [170, 150], [147, 20]]) await state("hall/mill", "running", from, to);
  await node.ask("PUT", `stops/${past.id}`, { reason: "quality" });
  await state("hall/mill", "stopped", 20);
  await state("hall/press", "running", 240);
  const waits = await state("hall/saw", "idle", 10);
  await state("hall/saw", "running", 240, 10);
  await node.ask("PUT", `stops/${waits.id}`, { reason: "no material", comment: "pallet late" });
  await node.ask("POST", "parts", { asset: "hall/press", good: 100, scrap: 3, at: at(60) });
  await node.user("piet", "operator");
  await node.user("kees", "viewer");
  if (process.env.FLOOR_STAYS) await new Promise((r) => setTimeout(r, (console.log(node.url, node.token, node.dir), 1e8)));
});
afterEach(() => Promise.all(browser.contexts().map((c) => c.close())));
after(async () => {
  await browser?.close();
  await node?.stop();
  node?.remove();
});

const zone = (h) => `Etc/GMT${h > 12 ? "+" + (h - 12) : h < 12 ? "-" + (12 - h) : ""}`; // where it is noon: all of it was today
const look = (options) => visit(browser, node, { timezoneId: zone(new Date(begun).getUTCHours()), ...options });
const drawn = { "#/floor": ".tile", "#/stops": ".stop", "#/tablet": ".choice a", "#/tablet/hall/mill": ".reason", "#/tablet/hall/press": ".fine", "#/wall": ".on-wall" };
const headings = { en: { "#/floor": "Shop floor", "#/stops": "Stops", "#/tablet": "At which machine?", "#/tablet/hall/mill": "mill", "#/tablet/hall/press": "press", "#/wall": "test" }, nl: { "#/floor": "Werkvloer", "#/stops": "Stilstand", "#/tablet": "Bij welke machine?", "#/tablet/hall/mill": "mill", "#/tablet/hall/press": "press", "#/wall": "test" } };
for (const [language, colorScheme, width] of looks.map((l) => [l[0], l[1], l[2] === 360 ? 390 : l[2]]))
  test(`the pages of the shop floor are drawn in ${language}, ${colorScheme}, ${width} px wide, and axe finds nothing serious`, async () => {
    const v = await look({ language, colorScheme, viewport: { width, height: 844 } });
    for (const [hash, title] of Object.entries(headings[language])) {
      await v.go(hash);
      await v.page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
      await v.page.locator(".loading").first().waitFor({ state: "detached" });
      await v.page.locator(drawn[hash]).first().waitFor();
      await sound(v.page, hash);
    }
    assert.deepEqual(v.problems, []);
  });

test("the floor shows what needs somebody first, each machine with its state, why it stands, its parts and OEE, and leads to it", async () => {
  const v = await look({ name: "kees" }), page = v.page, tile = (m) => page.locator(".tile", { has: page.getByRole("link", { name: m, exact: true }) });
  await v.go("#/floor");
  await tile("press").getByText("of 480 planned").waitFor();
  assert.deepEqual(await page.locator(".tile h3").allTextContents(), ["mill", "saw", "oven", "press"]);
  await tile("mill").locator(".badge", { hasText: "stopped" }).waitFor();
  await tile("mill").getByText(/^2[01] min$/).waitFor();
  await tile("saw").getByText("no material").waitFor();
  await tile("saw").getByText("pallet late").waitFor();
  await tile("press").getByText("3 scrap").waitFor();
  assert.match(await tile("press").locator(".made").textContent(), /^100 /);
  assert.match(await tile("press").locator(".oee").textContent(), /^4[0-3] %OEE$/);
  await tile("mill").getByRole("img", { name: /^running 3 h \d+ min, stopped (29|30|31) min, idle 1[23] min$/ }).waitFor();
  await page.getByRole("searchbox").fill("pre");
  await until("one tile", async () => (await page.locator(".tile").count()) === 1);
  await page.getByRole("searchbox").fill("");
  await tile("mill").getByRole("link", { name: "Why does it stand?" }).click();
  await page.getByRole("heading", { level: 1, name: "mill" }).waitFor();
  await page.goBack();
  await tile("mill").getByRole("link", { name: "mill" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/asset\/hall\/mill$/);
  assert.deepEqual(v.refused, []);
});
test("a machine that starts is seen to run without anybody doing anything, and goes behind those that stand", async () => {
  const v = await look(), saw = v.page.locator(".tile", { has: v.page.getByRole("link", { name: "saw", exact: true }) });
  await v.go("#/floor");
  await saw.locator(".badge", { hasText: "idle" }).waitFor();
  const [open] = (await node.ask("GET", "intervals?path=hall/saw&kind=state&from=-1m")).intervals;
  await node.ask("PATCH", `intervals/${open.id}`, { end: new Date().toISOString() });
  const runs = await node.ask("POST", "intervals", { path: "hall/saw", kind: "state", attributes: { state: "running" } });
  await saw.locator(".badge", { hasText: "running" }).waitFor();
  await until("it goes behind", async () => (await v.page.locator(".tile h3").allTextContents()).join() === "mill,oven,press,saw");
  await node.ask("DELETE", `intervals/${runs.id}`);
  await node.ask("PATCH", `intervals/${open.id}`, { end: null });
});

test("stops are listed with the unexplained first and what each reason cost; a reason is given in place and taken back", async () => {
  const v = await look({ name: "piet" }), page = v.page, rows = page.locator(".stop"), pareto = page.getByRole("list", { name: /Lost time/ });
  await v.go("#/stops");
  await rows.first().waitFor();
  const names = async () => (await pareto.locator(".name").allTextContents()).join();
  await until("the sums", async () => (await names()) === "no reason given,no material,quality");
  const row = rows.filter({ hasText: "10 min" }).filter({ hasText: "idle" }).filter({ hasText: "mill" }), choice = row.getByRole("combobox");
  assert.equal(await choice.inputValue(), "");
  await choice.selectOption("tool change");
  await page.getByRole("status").filter({ hasText: "mill: tool change" }).waitFor();
  await row.getByText("by piet").waitFor();
  await until("the sums", async () => (await names()).includes("tool change"));
  await page.getByRole("button", { name: "Undo" }).click();
  await until("it is taken back", async () => !(await stops("hall/mill")).some((s) => s.reason === "tool change"));
  await until("the sums", async () => !(await names()).includes("tool change"));
  await until("the list", async () => (await choice.inputValue()) === ""); // it is drawn anew, and the row goes up
  await choice.focus(); // by keyboard one goes past a reason without saying it
  const said = () => v.asked.filter((a) => a.startsWith("PUT")).length, before = said();
  for (const key of ["ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  assert.equal(await choice.inputValue(), "set-up");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "mill: set-up" }).waitFor();
  assert.equal(said(), before + 1);
  await page.getByRole("button", { name: "Undo" }).click();
  await until("it is taken back", async () => !(await stops("hall/mill")).some((s) => s.reason === "set-up"));
  await until("the sums", async () => !(await names()).includes("tool change"));
  await pareto.getByRole("button", { name: /quality/ }).click();
  await until("only those", async () => (await rows.count()) === 1);
  assert.match(page.url(), /reason=quality/);
  await page.getByLabel("Machine").selectOption({ label: "hall / saw" });
  await page.getByText("No stops in this time").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  await until("those of the saw", async () => (await rows.count()) === 1);
  assert.deepEqual(v.refused, []);
});
test("a state is corrected, what the machine said stays beside it, and it can be undone", async () => {
  const v = await look({ name: "piet" }), page = v.page, row = page.locator(".stop").filter({ hasText: /(?<!\d)3 min/ });
  await v.go("#/stops?asset=hall%2Fmill");
  await row.getByRole("button", { name: /Correct/ }).click();
  await page.getByRole("dialog").getByLabel("State").selectOption("maintenance");
  await page.getByRole("dialog").getByLabel("Comment").fill("belt");
  await sound(page, "correct a stop");
  await page.getByRole("button", { name: "Save" }).click();
  await row.getByText("the machine said idle").waitFor();
  await row.getByText("“belt”").waitFor();
  assert.equal((await stops("hall/mill")).find((s) => s.comment === "belt").state, "maintenance");
  await page.getByRole("button", { name: "Undo" }).click();
  await row.getByText("the machine said idle").waitFor({ state: "detached" });
  assert.ok((await stops("hall/mill")).every((s) => !s.told && !s.comment));
});
test("a viewer reads stops and reasons and is offered no act on them", async () => {
  const v = await look({ name: "kees" });
  await v.go("#/stops");
  await v.page.getByText("pallet late").waitFor();
  assert.equal(await v.page.locator(".stop").getByRole("button").count() + await v.page.locator(".stop").getByRole("combobox").count(), 0);
  await v.go("#/tablet/hall/mill");
  await v.page.getByText("Log in as an operator").waitFor();
  assert.deepEqual(v.refused, []);
});

test("at the machine six buttons ask why it stands, the most used first; a press says it, undo takes it back, the rest is behind Other", async () => {
  const v = await look({ name: "piet", viewport: { width: 1024, height: 768 } }), page = v.page, buttons = page.getByRole("group", { name: "Reason of the stop" }).getByRole("button");
  await v.go("#/tablet/hall/mill");
  await page.getByRole("heading", { name: "Why does it stand still?" }).waitFor();
  await buttons.first().waitFor();
  assert.deepEqual(await buttons.allTextContents(), ["quality", "breakdown", "set-up", "tool change", "no material", "no operator", "Other ..."]);
  for (const b of await buttons.all()) assert.ok((await b.boundingBox()).height >= 60);
  const now = async () => (await stops("hall/mill")).find((s) => !s.to);
  await buttons.filter({ hasText: "breakdown" }).click();
  await until("it is said", async () => (await now()).reason === "breakdown");
  await page.getByRole("heading", { name: "Why did it stand still?" }).waitFor(); // of the two before
  await page.getByText("1 / 2").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await until("it is taken back", async () => (await now()).reason === null);
  await page.getByRole("heading", { name: "Why does it stand still?" }).waitFor();
  await page.getByRole("button", { name: "Other ..." }).click();
  await page.getByRole("dialog").getByRole("button", { name: "waiting for crane" }).click();
  await page.getByLabel("Comment").fill("hall 2 has it");
  await sound(page, "other reasons");
  await page.getByRole("button", { name: "Save" }).click();
  await until("it is said", async () => (await now()).comment === "hall 2 has it" && (await now()).reason === "waiting for crane");
  for (const n of [1, 0]) {
    await buttons.filter({ hasText: "set-up" }).click();
    await until("one less", async () => (await stops("hall/mill")).filter((s) => !s.reason).length === n);
  }
  await page.getByRole("heading", { name: "waiting for crane" }).waitFor(); // nothing is left to ask: it says what it stands for
  assert.deepEqual(v.refused, []);
});
test("a machine that has just stopped is asked about before it counts as a stop, and the answer is of the stop that it becomes", async () => {
  const v = await look({ name: "piet", viewport: { width: 1024, height: 768 } }), page = v.page, { id } = await node.ask("POST", "intervals", { path: "hall/oven", kind: "state", attributes: { state: "stopped" } });
  await v.go("#/tablet/hall/oven");
  await page.getByRole("heading", { name: "Why does it stand still?" }).waitFor();
  assert.deepEqual(await stops("hall/oven"), []);
  await page.getByRole("button", { name: "no operator" }).click();
  await page.getByRole("heading", { name: "no operator" }).waitFor();
  await node.ask("PATCH", `intervals/${id}`, { start: at(5) });
  assert.deepEqual((await stops("hall/oven")).map((s) => [s.id, s.reason, s.by]), [[id, "no operator", "piet"]]);
  await node.ask("DELETE", `intervals/${id}`);
  assert.deepEqual(v.refused, []);
});
test("good parts and scrap are counted by hand, and taken back", async () => {
  const v = await look({ name: "piet" }), page = v.page, before = await parts();
  await v.go("#/tablet/hall/press");
  await page.getByRole("heading", { name: "Every stop has its reason" }).waitFor();
  await page.getByRole("spinbutton", { name: "Good" }).fill("12");
  await page.getByRole("button", { name: "One more: Scrap" }).click();
  await page.getByRole("button", { name: "Count", exact: true }).click();
  await page.getByText("12 good, 1 scrap counted").waitFor();
  const made = await parts();
  assert.deepEqual([made.gq - before.gq, made.scrap - before.scrap], [12, 1]);
  await page.locator(".made b").filter({ hasText: "112" }).waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator(".made b").filter({ hasText: "100" }).waitFor();
  assert.equal((await parts()).gq, before.gq);
});

test("the wall screen logs itself in by its address, keeps the screen awake, turns its pages, and goes on after the node was started again", async () => {
  const context = await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: "en-GB" }), page = await context.newPage();
  await page.addInitScript(() => {
    window.awake = 0;
    Object.defineProperty(navigator, "wakeLock", { value: { request: async (kind) => (window.awake++, { kind, release: async () => window.awake-- }) } });
  });
  await page.clock.install();
  const token = /kp_\S+/.exec(node.cli("token", "add", "wall-screen", "--role", "viewer"))[0];
  for (const m of ["m1", "m2", "m3"]) {
    await node.post(`hall/${m}/load 1`);
    await node.ask("PATCH", `asset?path=hall/${m}`, { kind: "machine" });
  }
  await page.goto(`${node.url}/#/wall?token=${token}&title=Hall`);
  await page.getByRole("heading", { level: 1, name: "Hall" }).waitFor();
  const names = async () => (await page.locator(".on-wall h2").allTextContents()).join();
  await until("the first page", async () => (await names()) === "m1,m2,m3,mill");
  assert.equal(await page.evaluate(() => window.awake), 1);
  assert.equal(await page.locator("a, button, input, select").count(), 0);
  for (const part of [".on-wall h2", ".doing", ".numbers b"]) assert.ok(await page.locator(part).first().evaluate((e) => parseFloat(getComputedStyle(e).fontSize)) >= 60, part); // 27 mm high on 55 inch: read from 8 m
  await page.getByText(/mill stopped \d+ min/).waitFor();
  await page.clock.fastForward(12000);
  await until("the next page", async () => (await names()) === "oven,press,saw");
  await node.stop();
  await page.clock.fastForward(5000);
  await page.getByRole("alert").filter({ hasText: "No answer since" }).waitFor();
  await node.start();
  await until("it goes on", async () => {
    await page.clock.fastForward(3000);
    return (await page.getByRole("alert").count()) === 0 && (await page.locator(".on-wall").count()) > 0;
  });
  assert.equal(await page.locator("a, button, input, select").count(), 0);
});
test("on a phone the floor, stops and alarms are under the thumb, big enough, and the page is left and found again by them", async () => {
  const v = await look({ name: "piet", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }), page = v.page, bar = page.getByRole("navigation", { name: "Most used pages" });
  await v.go("#/floor");
  await page.locator(".tile").first().waitFor();
  for (const [name, heading] of [["Stops", "Stops"], ["Alarms", "Alarms"], ["Shop floor", "Shop floor"]]) {
    const link = bar.getByRole("link", { name }), box = await link.boundingBox();
    assert.ok(box.height >= 48 && box.y + box.height <= 844.5, `${name} ${JSON.stringify(box)}`);
    await link.tap();
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    assert.equal(await link.getAttribute("aria-current"), "page");
  }
});
test("an order is started, interrupted and finished by big buttons at its machine, with the parts a person says; the floor shows it meanwhile", async () => {
  const order = { number: "4711", sender: "ACME", item: "flange", description: "DN 80", quantity: 50, unit: "H87", due: new Date(begun + 86400e3).toISOString() };
  await node.ask("POST", "orders", { ...order, operations: [{ number: "10", name: "pressing", asset: "hall/press" }, { number: "20", name: "sawing", asset: "hall/saw" }] });
  const v = await look({ name: "piet", viewport: { width: 1024, height: 768 } }), page = v.page, work = page.getByRole("region", { name: "Work" });
  const operation = async () => (await node.ask("GET", "orders?q=4711&state=started")).orders[0]?.operations[0];
  await v.go("#/tablet/hall/press");
  await work.getByText("flange").waitFor();
  assert.equal(await work.getByText("sawing").count(), 0); // of another machine
  for (const how of ["Interrupt", "Finish"]) {
    await work.getByRole("button", { name: "Start 4711 10" }).click();
    await until("it is started", async () => (await operation())?.state === "started");
    await sound(page, "an order at a machine");
    await v.go("#/floor");
    await page.locator(".tile", { hasText: "press" }).getByText("4711").waitFor();
    await v.go("#/tablet/hall/press");
    await work.getByRole("button", { name: how }).click();
    if (how === "Interrupt") await until("it is interrupted", async () => (await operation()).state === "interrupted");
  }
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("spinbutton", { name: "Good" }).fill("48");
  await dialog.getByRole("button", { name: "One more: Scrap" }).click();
  await sound(page, "finish");
  await dialog.getByRole("button", { name: "Finish" }).click();
  await until("it is finished", async () => (await operation())?.state === "finished");
  const made = await operation();
  assert.deepEqual([made.good, made.scrap], [48, 1]);
  await work.waitFor({ state: "detached" });
  assert.deepEqual(v.refused, []);
});
