// SPDX-License-Identifier: Apache-2.0
// Two companies that share: meeting by address and fingerprint, asking, deciding, what went out, and ending it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { freePort, launch, Node, sound, until, visit } from "./kit.mjs";

process.env.TZ = "Europe/Amsterdam";
let maker, buyer, browser;
const use = (...constraint) => ({ permission: [{ action: "use", ...(constraint.length ? { constraint } : {}) }] });
const c = (leftOperand, operator, rightOperand) => ({ leftOperand, operator, rightOperand });
const newest = async (node, kind = "negotiations") => (await node.ask("GET", kind))[kind][0];
/** Rows of what went out, as the node writes them; it is not running. */
const went = (node, partner, agreement, rows) => execFileSync("python3", ["-c", `import json,sqlite3,sys
db = sqlite3.connect(sys.argv[1])
for at, count, size in json.loads(sys.argv[2]):
    db.execute("insert into share_exit(at, partner, agreement, transfer, dataset, way, from_at, to_at, count, bytes, signals, hash, ended) values(?, ?, ?, 1, 'spindles', 'pull', ?, ?, ?, ?, '[\\"hall/mill/load\\"]', ?, ?)",
               (at * 10**6, sys.argv[3], sys.argv[4], (at - 3600000) * 10**6, at * 10**6, count, size, bytes(32), at * 10**6 + 1))
db.commit()`, join(node.dir, "factory.db"), JSON.stringify(rows), partner, agreement]);

before(async () => {
  browser = await launch();
  [maker, buyer] = await Promise.all([new Node().start(), new Node().start()]);
  for (const node of [maker, buyer]) node.cli("listen", "--partners", "--address", "127.0.0.1", "--port", String((node.outside = await freePort())));
  maker.cli("partner", "card", "--id", "urn:company:maker");
  buyer.cli("partner", "card", "--id", "urn:company:buyer");
  await maker.post("hall/mill/load 1");
  maker.cli("set", "hall/mill", "--label", "partner");
  await maker.ask("POST", "offers", { id: "spindles-1", dataset: "spindles", signals: ["hall/mill/**"], policy: use(c("dateTime", "lt", "2030-01-01T00:00:00Z"), c("delayPeriod", "eq", "PT1H")) });
  await maker.ask("POST", "offers", { id: "loads-1", dataset: "loads", signals: ["hall/mill/load"], automatic: false, policy: { profile: "urn:koppel:odrl:1", ...use(c("timeInterval", "eq", "PT1M"), c("koppel:aggregate", "isAnyOf", ["mean", "max"]), c("count", "lteq", 5)) } });
});
afterEach(() => Promise.all(browser.contexts().map((x) => x.close())));
after(async () => {
  await browser?.close();
  for (const node of [maker, buyer]) {
    await node?.stop();
    node?.remove();
  }
});

test("a partner is added by his address, after the fingerprint was compared and not before", async () => {
  const v = await visit(browser, buyer), page = v.page, print = (await maker.ask("GET", "share")).fingerprint;
  await v.go("#/partners");
  await page.getByRole("heading", { name: "No partner yet" }).waitFor();
  await page.getByRole("button", { name: "Add a partner" }).click();
  const d = page.getByRole("dialog");
  await d.getByLabel("Name").fill("maker");
  await d.getByLabel("Address").fill(`https://127.0.0.1:${maker.outside}`);
  await d.getByRole("button", { name: "Look who is there" }).click();
  await d.getByText("urn:company:maker").waitFor();
  assert.equal(await d.locator(".print").innerText(), print);
  assert.deepEqual((await buyer.ask("GET", "partners")).partners, []);
  assert.ok(await d.getByRole("button", { name: "Trust this company" }).isDisabled());
  await sound(page, "the fingerprint");
  await d.getByLabel("They have read out the same").check();
  await d.getByRole("button", { name: "Trust this company" }).click();
  await page.getByRole("heading", { name: "maker" }).waitFor();
  assert.equal((await buyer.ask("GET", "partners")).partners[0].id, "urn:company:maker");
  await page.getByRole("link", { name: "Our card" }).click();
  await page.locator(".print").getByText((await buyer.ask("GET", "share")).fingerprint).waitFor();
  assert.deepEqual(v.problems, []);
});
test("who asks without being known is shown to the one that was asked", async () => {
  await assert.rejects(buyer.ask("GET", "partners/maker/catalogue"), /401/);
  const v = await visit(browser, maker);
  await v.go("#/partners");
  await v.page.getByText(/urn:company:buyer has asked \(\d+ ×\) and is no partner here/).waitFor();
  maker.cli("partner", "add", `https://127.0.0.1:${buyer.outside}`, "--name", "buyer", "--fingerprint", (await buyer.ask("GET", "share")).fingerprint);
});
test("a catalogue is browsed with its terms in words, and a question followed to the agreement", async () => {
  const v = await visit(browser, buyer), page = v.page, of = (name) => page.locator("section.panel").filter({ has: page.getByRole("heading", { name, exact: true }) });
  await v.go("#/partners/catalogue");
  await of("spindles").getByText("1 h after it was measured").waitFor();
  await of("loads").getByText("One value each 1 min: mean, highest").waitFor();
  await of("loads").getByText("At most 5 transfers").waitFor();
  await sound(page, "the catalogue");
  await of("spindles").getByRole("button", { name: /^Ask for/ }).click();
  await page.getByRole("dialog").getByText("Agreed: you may have spindles of maker.").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await of("loads").getByRole("button", { name: /^Ask for/ }).click();
  await page.getByRole("dialog").getByText("maker has loads in hand.").waitFor();
  assert.deepEqual(v.problems, []);
});
test("what waits is answered with other terms, or accepted, in words", async () => {
  const v = await visit(browser, maker), page = v.page, wait = page.locator("section.waits");
  await v.go("#/partners");
  await wait.getByRole("heading", { name: "buyer asks for loads" }).waitFor();
  await wait.getByRole("button", { name: "Other terms ..." }).click();
  const d = page.getByRole("dialog");
  assert.equal(await d.getByLabel("Transfers at most").inputValue(), "5");
  await d.getByLabel("How fine").selectOption("PT15M");
  await d.getByLabel("Transfers at most").fill("2");
  await d.getByText("One value each 15 min: mean").waitFor();
  await d.getByRole("button", { name: "Send these terms" }).click();
  await until("the counter-offer", async () => (await newest(buyer)).state === "OFFERED");
  const b = await visit(browser, buyer, { language: "nl" }), theirs = b.page.locator("section.waits");
  await b.go("#/partners");
  await theirs.getByText("Eén waarde per 15 min: gemiddelde").waitFor();
  await theirs.getByText("Hoogstens 2 overdrachten").waitFor();
  await theirs.getByRole("button", { name: "Aannemen" }).click();
  await wait.getByRole("button", { name: "Accept" }).click();
  await wait.getByRole("button", { name: "Go on" }).click(); // an offer that was made to be agreed to by hand
  await until("the agreement", async () => (await newest(maker)).state === "FINALIZED");
  assert.deepEqual([...v.problems, ...b.problems], []);
});
test("who gets what and how much went out is seen, a transfer is stopped, and an agreement ended with a reason", async () => {
  const agreement = (await maker.ask("GET", "agreements")).agreements.find((a) => a.dataset === "spindles").id, now = Date.now();
  await maker.stop();
  went(maker, "buyer", agreement, Array.from({ length: 12 }, (_, i) => [now - (i + 1) * 864e5, 1000 * (i + 1), 40000 * (i + 1)]));
  await maker.start();
  await buyer.ask("POST", "transfers", { agreement });
  const transfer = await until("the transfer", async () => { const x = await newest(maker, "transfers"); return x?.agreement === agreement && x; });
  if (transfer.state === "REQUESTED") await maker.ask("POST", `transfers/${transfer.id}/start`, { address: { endpointType: "https://w3id.org/idsa/v4.1/HTTP", endpoint: "https://127.0.0.1/x" } });
  const v = await visit(browser, maker), page = v.page, mine = page.locator(".agreed").filter({ has: page.getByRole("heading", { name: "spindles" }) });
  await v.go("#/partners");
  await mine.getByText("78,000 values went out, 3.12 MB, 12 ×").waitFor();
  await page.getByRole("figure", { name: "Values that went to buyer by day" }).waitFor();
  await sound(page, "partners");
  await page.setViewportSize({ width: 360, height: 740 });
  await sound(page, "partners on a phone");
  await mine.getByRole("button", { name: `Stop transfer ${transfer.id}` }).click();
  await mine.getByText("stopped").waitFor();
  assert.equal((await newest(maker, "transfers")).state, "SUSPENDED");
  await mine.getByRole("button", { name: /^End the agreement/ }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("not paid");
  await page.getByRole("dialog").getByRole("button", { name: "End agreement" }).click();
  await page.getByText("1 agreements that are over").waitFor();
  const ended = (await maker.ask("GET", "agreements")).agreements.find((a) => a.id === agreement);
  assert.deepEqual([ended.state, ended.why], ["ended", "not paid"]);
  assert.deepEqual(v.problems, []);
});
test("who is no owner adds no partner, and who is no engineer sees none of this", async () => {
  await maker.user("ella", "engineer");
  await maker.user("piet", "operator");
  const e = await visit(browser, maker, { name: "ella" });
  await e.go("#/partners");
  await e.page.getByRole("heading", { name: "buyer", exact: true }).waitFor();
  assert.equal(await e.page.getByRole("button", { name: "Add a partner" }).count(), 0);
  const o = await visit(browser, maker, { name: "piet" });
  await o.go("#/partners");
  await o.page.getByRole("heading", { name: "Not for this account" }).or(o.page.getByText("engineer").first()).first().waitFor();
  assert.deepEqual([o.asked.filter((a) => /v1.(partners|exits|agreements)/.test(a)), e.refused], [[], []]);
});

test("what is in force is on the page, however many agreements came after it", async () => {
  await maker.stop();
  execFileSync("python3", ["-c", `import sqlite3,sys
db = sqlite3.connect(sys.argv[1])
name = db.execute("select name from share_partner").fetchone()[0]
for i in range(2100):
    db.execute("insert into share_agreement(id, side, partner, dataset, text, active, made, ended, why) values(?, 1, ?, ?, '{}', ?, ?, ?, ?)",
               (f"old-{i}", name, "the-first-one" if i == 0 else "later", i == 0, 4 * 10**18 + i, None if i == 0 else 4 * 10**18 + i, "its time is over"))
db.commit()`, join(maker.dir, "factory.db")]);
  await maker.start();
  const v = await visit(browser, maker);
  await v.go("#/partners");
  await v.page.getByText("the-first-one").first().waitFor();
});
