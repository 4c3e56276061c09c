// SPDX-License-Identifier: Apache-2.0
// What concerns us, findings, devices: as people see them who have no training in security.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { launch, looks, Node, root, sound, until, visit } from "./kit.mjs";

process.env.TZ = "Europe/Amsterdam";
let node, empty, browser;
const advisory = (id, product, range, text, score = 9.8) => ({
  document: { category: "csaf_security_advisory", csaf_version: "2.0", title: `Hole in ${product}`, publisher: { category: "vendor", name: "Cogs", namespace: "https://cogs.example" },
    references: [{ category: "self", summary: "All of it", url: "https://cogs.example/page" }, { category: "external", summary: "Not of the web", url: "javascript:alert(1)" }],
    tracking: { id, version: "1", status: "final", initial_release_date: "2026-02-01T00:00:00Z", current_release_date: "2026-02-01T00:00:00Z", revision_history: [{ number: "1", date: "2026-02-01T00:00:00Z", summary: "first" }] } },
  product_tree: { branches: [{ category: "vendor", name: "Cogs", branches: [{ category: "product_name", name: product, branches: [{ category: "product_version_range", name: range, product: { product_id: "P1", name: `${product} ${range}` } }] }] }] },
  vulnerabilities: [{ cve: "CVE-2026-4711", product_status: { known_affected: ["P1"] }, remediations: [{ category: "vendor_fix", details: text, product_ids: ["P1"], restart_required: { category: "machine" }, url: "https://cogs.example/fix" }],
    scores: [{ products: ["P1"], cvss_v3: { version: "3.1", vectorString: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", baseScore: score, baseSeverity: "CRITICAL" } }] }] });
const take = (n, document) => n.ask("POST", "advisories", { text: JSON.stringify(document) });

before(async () => {
  browser = await launch();
  [node, empty] = await Promise.all([new Node().start(), new Node().start()]);
  await node.ask("POST", "inventory/import", { text: "name,manufacturer,product,firmware\nhall/mill,Cogs,Wheel 7,V2.3\nhall/saw,Cogs,Wheel 7,\nhall/lathe,Cogs,Gear 9,V1.0\n" });
  await take(node, advisory("COG-1", "Wheel 7", "< V2.4", "Update to V2.4"));
  await take(node, advisory("COG-2", "Gear 9", "< V1.1", "Update to V1.1"));
});
afterEach(() => Promise.all(browser.contexts().map((x) => x.close())));
after(async () => {
  await browser?.close();
  for (const n of [node, empty]) {
    await n?.stop();
    n?.remove();
  }
});
const finding = (page, device, id) => page.getByRole("region", { name: device }).locator("li.finding").filter({ hasText: id });

test("whatever the node says of a version, a rule or an end has words in both languages", () => {
  const words = JSON.parse(readFileSync(join(root, "console/src/lang/shield/en.json"), "utf8")), source = (f) => readFileSync(join(root, "src/shield", f), "utf8").replace(/"\s*\n\s*"/g, "");
  const doubts = [...source("version.c").matchAll(/(?:why = [^;]*?|odd = |doubt = |no_order\(|: )"([a-z][^"%]{8,})"/g)].map((m) => m[1]), rules = [...source("match_judge.c").match(/kp_match_rule_text[\s\S]*?texts\[\] = \{([\s\S]*?)\}/)[1].matchAll(/"([^"]+)"/g)].map((m) => m[1]), ends = [...source("finding.c").matchAll(/"(the advisory is[^"]+)"|'(a person answered)'/g)].map((m) => m[1] ?? m[2]);
  assert.ok(doubts.length >= 18 && rules.length === 7 && ends.length >= 2, `${doubts.length} ${rules.length} ${ends.length}`);
  assert.deepEqual([...doubts, ...ends].filter((d) => !words[`doubt.${d}`]), []);
  assert.deepEqual(rules.filter((r) => !words[`rule.${r}`]), []);
});
test("a node that knows nothing says what to do first", async () => {
  const v = await visit(browser, empty);
  await v.go("#/security");
  await v.page.getByRole("heading", { name: "Which devices are there?" }).waitFor();
  await v.page.getByRole("listitem").getByRole("link", { name: "Devices" }).click();
  await v.page.getByRole("heading", { name: "No device is known yet" }).waitFor();
  await v.page.getByRole("button", { name: "Take a list" }).click();
  await v.page.getByLabel("File").setInputFiles({ name: "list.csv", mimeType: "text/csv", buffer: Buffer.from("name;manufacturer;product;firmware\nhall/drill;Cogs;Wheel 7;V2.3\n") });
  await v.page.getByRole("button", { name: "Take it" }).click();
  await v.page.getByText("Devices: 1; 1 new, 0 changed, 0 gone.").waitFor();
  await v.page.getByRole("button", { name: "Close" }).click();
  await v.page.getByRole("link", { name: "hall/drill" }).waitFor();
  assert.deepEqual(v.problems, []);
});
test("what concerns a device stands there in words, with what to do and why", async () => {
  const v = await visit(browser, node), page = v.page, mill = finding(page, "hall/mill", "COG-1");
  await v.go("#/security");
  await mill.getByText("Over the network, without a password: the device can be stopped, programs and settings can be changed, data can be read.").waitFor();
  await mill.getByText("Update to V2.4").waitFor();
  await mill.getByText("The machine has to be restarted.").waitFor();
  await mill.getByText("severity 9.8 of 10 (critical)").waitFor();
  await node.ask("POST", "advisories", { text: JSON.stringify({ catalogVersion: "1", vulnerabilities: [{ cveID: "CVE-2026-4711" }] }) });
  await v.go("#/security/findings?urgency=urgent");
  await page.getByText("attackers already use it").first().waitFor();
  await v.go("#/");
  await page.getByRole("link", { name: /Weaknesses that are urgent: \d/ }).click();
  await mill.waitFor();
  assert.deepEqual(v.problems, []);
});
test("a doubt is answered by one press, remembered, and can be taken back", async () => {
  const v = await visit(browser, node, { language: "nl" }), page = v.page, saw = finding(page, "hall/saw", "COG-1"), told = async () => (await node.ask("GET", "advisories/COG-1")).findings.find((f) => f.name === "hall/saw").answer;
  await v.go("#/security");
  await saw.getByText("de firmware van het apparaat is niet bekend").waitFor();
  await saw.getByRole("button", { name: /^Het gaat ons niet aan/ }).click();
  await page.getByText("COG-1, hall/saw: gaat ons niet aan.").waitFor();
  await until("it is gone", async () => (await saw.count()) === 0);
  assert.equal(await told(), "not_affected");
  await page.getByRole("button", { name: "Ongedaan maken" }).click();
  await saw.waitFor();
  assert.equal(await told(), null);
  await saw.getByRole("button", { name: /^Het gaat ons aan/ }).click();
  await saw.getByRole("button", { name: /^Wij zijn ermee bezig/ }).click();
  await saw.getByText("in behandeling").first().waitFor();
  await saw.getByRole("link", { name: "Hole in Wheel 7" }).click();
  const said = page.getByRole("table").filter({ has: page.getByRole("columnheader", { name: "Antwoord" }) });
  await said.waitFor();
  assert.equal(await said.locator("tbody tr").count(), 4);
  await page.getByText("fabrikant en productnaam komen overeen").first().waitFor();
  await page.getByText("firmware V2.3 valt binnen het bereik “< V2.4”").waitFor();
  assert.deepEqual(v.problems, []);
});
test("what is accepted is asked a reason for", async () => {
  const v = await visit(browser, node), page = v.page, lathe = finding(page, "hall/lathe", "COG-2");
  await v.go("#/security");
  await lathe.getByRole("button", { name: /^We live with it/ }).click();
  const d = page.getByRole("dialog");
  await d.getByLabel("Reason").fill("it stands alone");
  await d.getByRole("button", { name: "We live with it" }).click();
  await page.getByText("COG-2, hall/lathe: accepted.").waitFor();
  await v.go("#/security/findings?state=closed");
  await page.getByRole("row").filter({ hasText: "COG-2" }).getByText("accepted").waitFor();
});
test("firmware that a person types closes what it is not about any more, and the history shows it", async () => {
  const v = await visit(browser, node), page = v.page;
  await v.go("#/security/inventory?needs=firmware");
  await page.getByRole("link", { name: "hall/saw" }).click();
  await page.getByText("Hole in Wheel 7").waitFor();
  await page.getByLabel("Firmware").fill("V2.4");
  await page.getByLabel("How much depends on it").selectOption("high");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").waitFor();
  await v.go("#/security/advisory/COG-1");
  await page.getByText("firmware V2.4 is outside the range “< V2.4”").waitFor();
  const link = page.getByRole("link", { name: "All of it" });
  assert.deepEqual([await link.getAttribute("href"), (await link.getAttribute("rel")).split(" ").sort(), await link.getAttribute("target")], ["https://cogs.example/page", ["noopener", "noreferrer"], "_blank"]);
  await page.getByText("Not of the web").waitFor();
  assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
  await page.getByRole("link", { name: "hall/saw" }).first().click();
  await page.getByText("No known weakness concerns it.").waitFor();
  await page.getByRole("table", { name: "What its firmware was" }).or(page.getByRole("region", { name: "What its firmware was" })).first().getByText("V2.4").waitFor();
  assert.deepEqual(v.problems, []);
});
test("who may only look is offered nothing that would be refused", async () => {
  await node.user("vera", "viewer");
  const v = await visit(browser, node, { name: "vera" });
  for (const hash of ["#/security", "#/security/findings", "#/security/inventory", "#/security/advisory/COG-1", "#/security/feeds"]) {
    await v.go(hash);
    await v.page.getByText(/Wheel 7/).first().waitFor();
    assert.equal(await v.page.getByRole("button", { name: /We are on it|It concerns us|Add a device|Take a list/ }).count(), 0);
  }
  assert.deepEqual([v.refused, v.problems], [[], []]);
});
for (const [language, colorScheme, width] of looks)
  test(`the pages of security are sound in ${language}, ${colorScheme}, ${width} px wide`, async () => {
    const v = await visit(browser, node, { language, colorScheme, viewport: { width, height: 800 } }), id = (await node.ask("GET", "inventory?find=mill")).devices[0].id;
    await v.page.addInitScript((l) => localStorage.setItem("koppel.language", l), language);
    for (const hash of ["#/security", "#/security/findings", "#/security/inventory", "#/security/advisory/COG-1", `#/security/device/${id}`]) {
      await v.go(hash);
      await v.page.getByText(/Wheel 7/).first().waitFor();
      await sound(v.page, hash);
    }
    assert.deepEqual(v.problems, []);
  });
