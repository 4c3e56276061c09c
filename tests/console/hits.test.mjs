// SPDX-License-Identifier: Apache-2.0
// What was seen here that others warn of.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch, looks, Node, sound, until, visit } from "./kit.mjs";

process.env.TZ = "Europe/Amsterdam";
let node, browser;
const indicator = { type: "indicator", spec_version: "2.1", id: "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", created: "2026-01-01T00:00:00.000Z", modified: "2026-01-01T00:00:00.000Z", name: "Known scanner", pattern: "[ipv4-addr:value = '127.0.0.1']", pattern_type: "stix", valid_from: "2026-01-01T00:00:00Z", object_marking_refs: ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"] };
const wrong = () => fetch(`${node.url}/api/v1/session`, { method: "POST", headers: { "Content-Type": "application/json", "X-Koppel": "1" }, body: JSON.stringify({ user: "admin", password: "wrong" }) });

before(async () => {
  browser = await launch();
  node = await new Node().start();
});
afterEach(() => Promise.all(browser.contexts().map((x) => x.close())));
after(async () => {
  await browser?.close();
  await node?.stop();
  node?.remove();
});

test("where nothing is watched for it says what brings it", async () => {
  const v = await visit(browser, node);
  await v.go("#/security/hits");
  await v.page.getByRole("heading", { name: "No hit" }).waitFor();
  await v.page.getByText("No signs of attackers are here yet").waitFor();
  assert.deepEqual(v.problems, []);
});
test("a hit says what was seen and by whom it is known, is called harmless with a reason, and watched again", async () => {
  await node.ask("POST", "stix", { text: JSON.stringify({ type: "bundle", id: "bundle--1b2f5ed6-1b25-4a4e-9b7e-0a1f0e4a0f10", objects: [indicator] }) });
  await until("it is watched", async () => (await node.ask("GET", "observations")).watch.indicators === 1);
  await wrong();
  await until("the hit", async () => (await node.ask("GET", "hits")).hits.length === 1);
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog"), hit = page.locator("li.finding").filter({ hasText: "Known scanner" });
  await v.go("#/security/hits");
  await hit.getByText("TLP:GREEN").waitFor();
  await hit.getByText(/known from import/).waitFor();
  await page.getByText("Signs watched for: 1.").waitFor();
  await page.getByRole("table").filter({ hasText: "log-in that failed" }).getByText("127.0.0.1").first().waitFor();
  await hit.getByRole("button", { name: "Tell a centre" }).click();
  await d.getByText("By a manufacturer: seen 1 ×").waitFor();
  await d.getByText("No source takes sightings yet").waitFor();
  await d.getByRole("button", { name: "Cancel" }).click();
  await hit.getByRole("button", { name: "It is harmless" }).click();
  await d.getByLabel("Reason").fill("our own test");
  await d.getByRole("button", { name: "harmless" }).click();
  await hit.getByText("“our own test”").waitFor();
  assert.equal((await node.ask("GET", "hits")).hits[0].ignored, true);
  await hit.getByRole("button", { name: "Watch again" }).click();
  await hit.getByRole("button", { name: "It is harmless" }).waitFor();
  assert.deepEqual(v.problems, []);
});
test("its alarm stands once in the overview, and says that the node's security watch tells it", async () => {
  await wrong();
  await until("the alarm", async () => (await node.ask("GET", "alarms")).alarms.some((a) => a.source === "security" && a.active));
  const v = await visit(browser, node), page = v.page;
  await v.go("#/");
  await page.locator(".wrong li").filter({ hasText: "Known scanner" }).waitFor();
  assert.equal(await page.locator(".wrong li").filter({ hasText: "Known scanner" }).count(), 1);
  await v.go("#/alarms");
  await page.locator("li.alarm").filter({ hasText: "Known scanner" }).getByText("told by the security watch of this node").first().waitFor();
  assert.equal(await page.getByText("told by the machine").count(), 0);
  assert.deepEqual(v.problems, []);
});
test("where the node looks is set by an owner, and seen by an engineer; a viewer sees the hits alone", async () => {
  await node.user("ella", "engineer");
  await node.user("vera", "viewer");
  const v = await visit(browser, node), page = v.page;
  await v.go("#/security/hits");
  await node.ask("POST", "feeds", { name: "centre", kind: "taxii", url: "http://127.0.0.1:9/api/collections/indicators/", settings: { post: "sightings" }, enabled: false });
  await v.go("#/security/findings");
  await v.go("#/security/hits");
  await page.getByLabel("Sightings go to").selectOption("centre");
  await page.getByLabel("When there is a hit").selectOption("off");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").waitFor();
  const set = await node.ask("GET", "observations/settings");
  assert.deepEqual([set.sightings, set.feed], ["off", "centre"]);
  const e = await visit(browser, node, { name: "ella" });
  await e.go("#/security/hits");
  await e.page.getByLabel("When there is a hit").waitFor();
  assert.equal(await e.page.getByRole("button", { name: "Save" }).count(), 0);
  const w = await visit(browser, node, { name: "vera" });
  await w.go("#/security/hits");
  await w.page.getByText("Known scanner").waitFor();
  assert.deepEqual([w.refused, e.refused, v.problems], [[], [], []]);
});
for (const [language, colorScheme, width] of looks)
  test(`hits are sound in ${language}, ${colorScheme}, ${width} px wide`, async () => {
    const v = await visit(browser, node, { language, colorScheme, viewport: { width, height: 800 } });
    await v.page.addInitScript((l) => localStorage.setItem("koppel.language", l), language);
    await v.go("#/security/hits");
    await v.page.getByText("Known scanner").waitFor();
    await sound(v.page, "hits");
    assert.deepEqual(v.problems, []);
  });
