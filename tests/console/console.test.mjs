// SPDX-License-Identifier: Apache-2.0
// Each page of the console, in Debian's Chromium, on a node that reads real machines.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { factory, freePort, launch, looks, Node, root, server, sound, until, visit } from "./kit.mjs";

const mill = "eindhoven/hall1/Mill-01", at = (p) => encodeURIComponent(p);
const chart = `#/chart?s=${at(mill + "/Spindle/Load")}&s=${at(mill + "/Spindle/Temperature")}&s=${at(mill + "/State")}&from=-15m`;
let machines, node, browser;

before(async () => {
  [machines, browser] = await Promise.all([factory(), launch()]);
  node = await new Node().start();
  node.cli("couple", machines.urls[0], "--name", "mill", "--at", "eindhoven/hall1");
  node.cli("couple", machines.urls[1], "--name", "laser", "--at", "eindhoven/hall1");
  await node.online("mill");
  await node.online("laser");
  await until("a value", () => node.json("get", `${mill}/Spindle/Load`).signals[0].arrived);
});
afterEach(() => Promise.all(browser.contexts().map((c) => c.close())));
after(async () => {
  await browser?.close();
  await node?.stop();
  node?.remove();
  await machines?.stop();
});

const heading = { en: { "#/": "Overview", "#/couplings": "Couplings", "#/settings": "Settings", "#/sql": "SQL", "#/start": "Couple a machine", "#/couplings/mill": "mill", [`#/asset/${mill}`]: "Mill-01", [chart]: "Chart" } };
heading.nl = { ...heading.en, "#/": "Overzicht", "#/couplings": "Koppelingen", "#/settings": "Instellingen", "#/start": "Een machine koppelen", [chart]: "Grafiek" };

for (const [language, colorScheme, width] of looks)
  test(`every page is drawn in ${language}, ${colorScheme}, ${width} px wide, and axe finds nothing serious`, async () => {
    const v = await visit(browser, node, { language, colorScheme, viewport: { width, height: 800 } });
    for (const [hash, title] of Object.entries(heading[language])) {
      await v.go(hash);
      await v.page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
      await v.page.locator(".loading").first().waitFor({ state: "detached" });
      await sound(v.page, hash);
    }
    assert.deepEqual(v.problems, []);
    });

test("both languages have the same texts, with the same places in them", () => {
  const all = join(root, "console/src/lang"), names = new Set();
  for (const folder of [all, ...readdirSync(all, { withFileTypes: true }).filter((f) => f.isDirectory()).map((f) => join(all, f.name))]) {
    const read = (f) => JSON.parse(readFileSync(join(folder, f), "utf8")), en = read("en.json"), files = readdirSync(folder).filter((f) => f.endsWith(".json"));
    assert.deepEqual(files, ["en.json", "nl.json"]);
    for (const f of files) {
      const other = read(f), places = (s) => [...s.matchAll(/\{\w+\}/g)].map(String).sort();
      assert.deepEqual(Object.keys(other), Object.keys(en), f);
      for (const k in en) assert.deepEqual(places(other[k]), places(en[k]), `${f}: ${k}`);
    }
    for (const k in en) assert.ok(!names.has(k) && names.add(k), `${k} stands in two files`);
  }
});
test("whoever is not logged in gets a log-in, and nothing else", async () => {
  const context = await browser.newContext({ locale: "nl-NL" }), page = await context.newPage();
  await page.goto(node.url + "/#/settings");
  await page.getByRole("heading", { name: "Aanmelden bij deze node" }).waitFor();
  await page.getByRole("button", { name: "Met een token of een link" }).click();
  await page.getByLabel("Token").fill("kp_wrong");
  await page.getByRole("button", { name: "Aanmelden" }).click();
  await page.getByText("Deze node kent het token niet.").waitFor();
  await page.getByLabel("Token").fill(node.token);
  await page.getByRole("button", { name: "Aanmelden" }).click();
  await page.getByRole("heading", { level: 1, name: "Instellingen" }).waitFor();
  await page.getByRole("button", { name: "Afmelden" }).click();
  await page.getByRole("heading", { name: "Aanmelden bij deze node" }).waitFor();
});
test("a link of koppel status --url logs in once", async () => {
  const context = await browser.newContext(), page = await context.newPage(), link = node.cli("status", "--url").trim();
  await page.goto(link);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  assert.ok(!page.url().includes("code="));
  await context.clearCookies();
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByText("make a new one").waitFor();
});
test("the overview has a card for each machine, with its state and what moves", async () => {
  const v = await visit(browser, node);
  await v.go("#/");
  const card = v.page.locator(".card", { has: v.page.getByRole("link", { name: "Mill-01" }) });
  await card.locator(".badge").filter({ hasText: /running|idle|stopped|setup/ }).waitFor();
  await card.getByText("signals").waitFor();
  await card.locator(".spark path").first().waitFor({ state: "attached" });
  const values = async () => (await card.locator(".moving b").allTextContents()).join();
  const first = await values();
  await until("a live value", async () => (await values()) !== first);
});
test("what is wrong stands first: a coupling whose machine does not answer, with what to do", async () => {
  assert.throws(() => node.cli("couple", "opc.tcp://127.0.0.1:9", "--name", "dead", "--at", "nowhere"), /goes on trying/);
  const v = await visit(browser, node);
  await v.go("#/");
  await v.page.getByLabel("What needs attention").getByRole("link", { name: /dead waiting/ }).click();
  await v.page.getByText("Is the machine on, are address and port right").waitFor();
  await v.page.getByRole("button", { name: "Remove", exact: true }).click();
  await v.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await until("it is gone", () => !node.json("couplings").couplings.some((c) => c.name === "dead"));
});
test("an asset shows live values; its signals can be described, and one opened for writing is written after a question", async () => {
  const v = await visit(browser, node), path = `${mill}/Program/FeedOverride`;
  await v.go(`#/asset/${mill}`);
  await v.page.getByText("BM-4711").first().waitFor();
  const row = v.page.getByRole("row").filter({ hasText: "FeedOverride" });
  await v.page.getByRole("searchbox", { name: "Filter" }).fill("feedover");
  await row.getByRole("button", { name: /Edit/ }).click();
  await v.page.getByLabel("Description").fill("what the operator set");
  await v.page.getByLabel("Open for writing").check();
  await v.page.getByRole("button", { name: "Save" }).click();
  await row.getByRole("button", { name: "Write" }).click();
  await v.page.getByLabel("New value").fill("85");
  await v.page.getByRole("dialog").getByRole("button", { name: "Write" }).click();
  await until("the machine has it", () => node.json("get", path).signals[0].value === 85);
  assert.equal(node.json("get", path).signals[0].description, "what the operator set");
  await until("it is shown", async () => (await row.locator(".value").textContent()).startsWith("85"));
});
test("of ten thousand signals only those that are seen exist, and they are live", async () => {
  const lines = Array.from({ length: 10000 }, (_, i) => `many/m/s${String(i).padStart(5, "0")} ${i}`).join("\n");
  const v = await visit(browser, node);
  const post = (text) => v.context.request.post(node.url + "/api/v1/values", { data: text, headers: { "Content-Type": "text/plain", "X-Koppel": "1" } });
  assert.equal((await post(lines)).status(), 200);
  await v.go("#/asset/many");
  await v.page.getByText("s00005").waitFor();
  await until("all are there", async () => (await v.page.getByRole("table", { name: "Signals" }).getAttribute("aria-rowcount")) === "10000");
  assert.ok((await v.page.getByRole("row").count()) < 60);
  await v.page.locator("#main").evaluate((e) => e.scrollTo(0, e.scrollHeight));
  const last = v.page.getByRole("row").filter({ hasText: "s09999" });
  await last.waitFor();
  await until("a live value", async () => (await post("many/m/s09999 -5"), (await last.locator(".value").textContent()).startsWith("-5")));
});
test("a chart's address holds its period; it zooms, is live again, and becomes a CSV and a picture", async () => {
  const v = await visit(browser, node);
  await v.go(chart);
  await v.page.locator(".plot canvas").waitFor();
  await v.page.getByRole("img", { name: /^State:/ }).waitFor();
  await v.page.getByRole("button", { name: "1 h", exact: true }).click();
  await v.page.waitForURL(/from=-1h/);
  const box = await v.page.locator(".u-over").boundingBox();
  await v.page.mouse.move(box.x + box.width * 0.9, box.y + 40);
  await v.page.mouse.down();
  await v.page.mouse.move(box.x + box.width * 0.99, box.y + 60, { steps: 4 });
  await v.page.mouse.up();
  await v.page.waitForURL(/to=20/);
  const seen = await v.context.newPage();
  await seen.goto(v.page.url());
  await seen.locator(".plot canvas").waitFor();
  await v.page.getByRole("button", { name: "Live", exact: true }).click();
  await v.page.waitForURL((u) => !u.hash.includes("to="));
  await v.page.reload();
  await v.page.locator(".plot canvas").waitFor();
  for (const [button, begin] of [["CSV", "\ufefftime,path,min,mean,max\r\n20"], ["PNG", "\x89PNG"]]) {
    const [file] = await Promise.all([v.page.waitForEvent("download"), v.page.getByRole("button", { name: button }).click()]);
    const bytes = readFileSync(await file.path());
    assert.ok(bytes.toString(button === "PNG" ? "latin1" : "utf8").startsWith(begin), `${button}: ${bytes.subarray(0, 40)}`);
    assert.ok(bytes.length > 500);
  }
  await v.page.getByRole("button", { name: "Excel" }).click();
  const sheet = await fetch(await v.page.getByLabel("Address").inputValue(), { headers: { Authorization: `Bearer ${node.token}` } });
  assert.match(await sheet.text(), /^path,from,to,n,bad,min,mean,max\r\n"eindhoven/);
  assert.deepEqual(v.problems, []);
});
test("a chart forecasts where there is history enough, and says how much it takes where there is not", async () => {
  const v = await visit(browser, node), day = 86400e3, now = Date.now(), rows = [];
  for (let at = now - 14 * day; at < now; at += 1800e3) rows.push(`${new Date(at).toISOString()},${new Date(at).getUTCHours() < 12 ? 20 : 60}`);
  await node.post("seasons/tank/level 20");
  const file = join(node.folder, "past.csv");
  writeFileSync(file, "time,level\n" + rows.join("\n"));
  node.cli("import", file, "--at", "seasons/tank");
  await v.go(`#/chart?s=${at("seasons/tank/level")}&from=-24h`);
  await v.page.locator(".plot canvas").waitFor();
  const plain = await v.page.locator(".u-over").boundingBox();
  await v.page.getByRole("button", { name: "Forecast", exact: true }).click();
  await v.page.waitForURL(/forecast=1/);
  await until("a band in the legend", async () => {
    await v.page.mouse.move(plain.x + plain.width * (0.9 + Math.random() / 50), plain.y + 60);
    return /level\D*\d+.*…/.test(await v.page.locator(".legend").textContent());
  });
  await v.go(`#/chart?s=${at(mill + "/Spindle/Load")}&from=-24h&forecast=1`);
  await v.page.getByText(/to look 12 h ahead takes \d.* days of history; there are 0/).waitFor();
});
test("SQL is read, shown as a table and as a chart; a mistake is told", async () => {
  const v = await visit(browser, node);
  await v.go("#/sql");
  await v.page.getByLabel("SQL").fill(`select time, value from history where signal = '${mill}/Spindle/Load' limit 50`);
  await v.page.getByRole("button", { name: "Run" }).click();
  await v.page.getByText(/^\d+ rows in/).waitFor();
  await v.page.getByRole("button", { name: "Chart" }).click();
  await v.page.getByRole("img", { name: "Chart" }).locator("canvas").waitFor();
  await v.page.getByLabel("SQL").fill("select nonsense");
  await v.page.keyboard.press("Control+Enter");
  await v.page.getByText("no such column: nonsense").waitFor();
});
test("the guide leads from an empty node to values, by looking for machines", async () => {
  const empty = await new Node().start(), v = await visit(browser, empty, { language: "nl" });
  await v.go("#/");
  await v.page.getByRole("link", { name: "De eerste machine koppelen" }).click();
  const port = new URL(machines.urls[0].replace("opc.tcp", "http")).port;
  await v.page.getByLabel("Adressen om te bekijken").fill(`127.0.0.1`);
  await v.page.getByRole("button", { name: "Zoeken", exact: true }).click();
  await v.page.getByText(/adressen bekeken/).waitFor();
  await v.page.getByRole("button", { name: "Adres invoeren" }).click();
  await v.page.getByLabel("Adres van de machine").fill(`opc.tcp://127.0.0.1:${port}`);
  await v.page.getByLabel("Plaats in de fabriek").fill("hal");
  await v.page.getByRole("button", { name: "Koppelen", exact: true }).click();
  await v.page.getByRole("link", { name: "De fabriek bekijken" }).click();
  await v.page.getByRole("link", { name: "Mill-01" }).first().waitFor();
  await empty.stop();
  empty.remove();
});
test("the form of a coupling is made of its protocol's options, and what is saved is in force", async () => {
  const v = await visit(browser, node);
  await v.go("#/couplings/laser");
  await v.page.getByLabel("sampling", { exact: false }).first().fill("400ms");
  await v.page.waitForResponse((r) => r.url().endsWith("/couplings/laser")); // what is typed stays while the page is kept up to date
  await v.page.waitForTimeout(100);
  await v.page.getByRole("button", { name: "Save" }).click();
  await v.page.getByText("Saved.").waitFor();
  assert.equal(node.json("couplings", "laser").settings.sampling, "400ms");
  await v.page.getByRole("button", { name: "Switch off" }).click();
  await v.page.getByRole("dialog").getByRole("button", { name: "Switch off" }).click();
  await until("it is off", () => node.json("couplings", "laser").state === "off");
  await v.page.getByRole("button", { name: "Switch on" }).click();
  await v.page.getByRole("dialog").getByRole("button", { name: "Switch on" }).click();
  await node.online("laser");
});
test("a certificate is trusted when a person has compared its fingerprint", async () => {
  node.cli("cert", "export", join(node.folder, "client.der"));
  const secure = await server("peer_opcua_server", ["--port", await freePort(), "--rate", 5, "--secure", node.folder]);
  node.cli("couple", secure.urls[0], "--name", "secure", "--at", "safe", "--no-wait");
  const refused = await until("it is refused", () => ((c) => c.state === "refused" && c)(node.json("couplings", "secure")));
  const v = await visit(browser, node);
  await v.go("#/couplings/secure");
  await v.page.getByText("Look at its fingerprint and trust it").waitFor();
  await v.page.getByRole("button", { name: "Look at the certificate" }).click();
  const fingerprint = await v.page.getByRole("dialog").locator("code").textContent();
  assert.equal(fingerprint.split(":").length, 32);
  assert.ok(refused.detail.includes(fingerprint));
  await v.page.getByRole("dialog").getByRole("button", { name: "Trust" }).click();
  await node.online("secure");
  await v.page.getByText(/signed and encrypted/).waitFor();
  node.cli("uncouple", "secure");
  await secure.stop();
});
test("a look for machines shows how far it is, and can be ended", async () => {
  const port = await freePort(), targets = Array.from({ length: 12 }, (_, i) => `127.0.0.${i + 1}`), v = await visit(browser, node);
  const silent = targets.map((t) => createServer().listen(port, t)); // they take a connection and say nothing
  const asked = await v.context.request.post(node.url + "/api/v1/discover", { data: { targets, ports: [port], parallel: 1 }, headers: { "X-Koppel": "1" } });
  assert.equal(asked.status(), 202);
  await v.go("#/couplings");
  await v.page.getByRole("button", { name: "Find machines" }).click();
  await v.page.getByRole("progressbar").waitFor();
  await v.page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await v.page.getByText(/Looked at \d+ of 12/).waitFor();
  silent.forEach((s) => s.close());
});
test("language and colours are chosen and remembered", async () => {
  const v = await visit(browser, node);
  await v.go("#/settings");
  await v.page.getByLabel("Colours").selectOption("dark");
  await v.page.getByLabel("Language").selectOption("nl");
  await v.page.getByRole("heading", { level: 1, name: "Instellingen" }).waitFor();
  await v.page.reload();
  await v.page.getByRole("heading", { level: 1, name: "Instellingen" }).waitFor();
  assert.equal(await v.page.evaluate(() => document.documentElement.lang + document.documentElement.dataset.theme), "nldark");
  await v.page.getByLabel("Kleuren").selectOption("auto");
  assert.equal(await v.page.evaluate(() => document.documentElement.dataset.theme), "light");
  await v.page.emulateMedia({ colorScheme: "dark" });
  await until("as the system", () => v.page.evaluate(() => document.documentElement.dataset.theme === "dark"));
});
test("ten tabs of a browser are live, and take one stream of the node", async () => {
  const v = await visit(browser, node), pages = [v.page, ...(await Promise.all(Array.from({ length: 9 }, () => v.context.newPage())))];
  for (const p of pages) await p.goto(`${node.url}/#/asset/${mill}/Axes`);
  for (const p of pages) {
    const text = () => p.locator(".signal .value").allTextContents().then(String);
    await p.locator(".signal .value").first().waitFor();
    const first = await text();
    await until("a live value", async () => (await text()) !== first);
  }
  assert.equal(node.json("status").hub.subscribers, 1);
});
test("a page that did not get the program of its stream says so, and is live as soon as it does", async () => {
  const context = await browser.newContext({ locale: "en-GB" }), page = await context.newPage();
  await page.addInitScript(() => {
    const Worker = window.SharedWorker, until = Date.now() + 4000;
    window.SharedWorker = function (url, name) { return new Worker(Date.now() < until ? "/assets/none.js" : url, name); };
  });
  await page.goto(`${node.url}/#/asset/${mill}`);
  await page.getByRole("button", { name: "With a token or a link" }).click();
  await page.getByLabel("Token").fill(node.token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("The node does not answer.").first().waitFor();
  await page.getByText("The node does not answer.").first().waitFor({ state: "detached" });
  const row = page.getByRole("row").filter({ hasText: "X / Position" });
  const first = await row.locator(".value").textContent();
  await until("a live value", async () => (await row.locator(".value").textContent()) !== first);
  await context.close();
});
test("a node that is started again is found again, and the page goes on", async () => {
  const context = await browser.newContext({ locale: "en-GB" }), page = await context.newPage();
  await page.goto(`${node.url}/#/asset/${mill}`);
  await page.getByRole("button", { name: "With a token or a link" }).click();
  await page.getByLabel("Token").fill(node.token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator(".signal .value").first().waitFor();
  await node.stop();
  await page.getByText("The node does not answer.").first().waitFor();
  await node.start();
  await node.online("mill");
  await page.getByText("The node does not answer.").first().waitFor({ state: "detached" });
  const row = page.getByRole("row").filter({ hasText: "X / Position" });
  const first = await row.locator(".value").textContent();
  await until("a live value", async () => (await row.locator(".value").textContent()) !== first);
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Mill-01");
  await page.goto(`${node.url}/${chart}`);
  await page.getByRole("img", { name: /^Gap:/ }).waitFor(); // and what was missed is shown as missed
});
