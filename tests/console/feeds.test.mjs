// SPDX-License-Identifier: Apache-2.0
// Where warnings come from, and what goes back: sources, files, sightings, collections.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { freePort, launch, looks, Node, sound, until, visit } from "./kit.mjs";

process.env.TZ = "Europe/Amsterdam";
let node, browser, site, folder;
const advisory = (id) => ({
  document: { category: "csaf_security_advisory", csaf_version: "2.0", title: `Hole ${id}`, publisher: { category: "vendor", name: "Cogs", namespace: "https://cogs.example" }, distribution: { tlp: { label: "WHITE" } },
    tracking: { id, version: "1", status: "final", initial_release_date: "2026-02-01T00:00:00Z", current_release_date: "2026-02-01T00:00:00Z", revision_history: [{ number: "1", date: "2026-02-01T00:00:00Z", summary: "first" }] } },
  product_tree: { branches: [{ category: "vendor", name: "Cogs", branches: [{ category: "product_name", name: "Wheel 7", branches: [{ category: "product_version_range", name: "< V2.4", product: { product_id: "P1", name: "Wheel 7 < V2.4" } }] }] }] },
  vulnerabilities: [{ cve: "CVE-2026-4711", notes: [{ category: "description", text: "x" }], product_status: { known_affected: ["P1"] } }] });
/** A publisher of warnings on this machine. */
async function publisher() {
  const port = await freePort(), url = `http://127.0.0.1:${port}`, documents = { "2026/cog-1.json": JSON.stringify(advisory("COG-1")), "2026/cog-2.json": "{ broken" };
  const files = { "/provider-metadata.json": JSON.stringify({ canonical_url: `${url}/provider-metadata.json`, distributions: [{ directory_url: `${url}/white/` }], last_updated: "2026-02-01T00:00:00Z", list_on_CSAF_aggregators: false, metadata_version: "2.0", mirror_on_CSAF_aggregators: false, publisher: { category: "vendor", name: "Cogs", namespace: "https://cogs.example" }, role: "csaf_publisher" }),
    "/white/changes.csv": Object.keys(documents).map((p) => `"${p}","2026-02-01T00:00:00Z"\n`).join(""), "/white/index.txt": Object.keys(documents).join("\n"), "/kev.json": JSON.stringify({ catalogVersion: "1", vulnerabilities: [{ cveID: "CVE-2026-4711" }] }), ...Object.fromEntries(Object.entries(documents).map(([p, text]) => ["/white/" + p, text])) };
  const server = createServer((ask, reply) => (files[ask.url] ? reply.end(files[ask.url]) : reply.writeHead(404).end()));
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return { url, stop: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) };
}
const indicator = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", bundle = { type: "bundle", id: "bundle--1b2f5ed6-1b25-4a4e-9b7e-0a1f0e4a0f10", objects: [{ type: "indicator", spec_version: "2.1", id: indicator, created: "2026-01-01T00:00:00.000Z", modified: "2026-01-01T00:00:00.000Z", name: "Known scanner", pattern: "[ipv4-addr:value = '198.51.100.7']", pattern_type: "stix", valid_from: "2026-01-01T00:00:00Z" }] };

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "koppel-files-"));
  browser = await launch();
  [site, node] = await Promise.all([publisher(), new Node().start()]);
  await node.ask("POST", "inventory", { name: "hall/mill", manufacturer: "Cogs", product: "Wheel 7", firmware: "V2.3" });
});
afterEach(() => Promise.all(browser.contexts().map((x) => x.close())));
after(async () => {
  await browser?.close();
  await site?.stop();
  await node?.stop();
  node?.remove();
  rmSync(folder, { recursive: true, force: true });
});
const source = (page, name) => page.getByRole("region", { name });

test("a publisher is looked at before it is trusted, and then fetched; what it got wrong is told", async () => {
  const v = await visit(browser, node), page = v.page;
  await v.go("#/security/feeds");
  await page.getByRole("heading", { name: "No source yet" }).waitFor();
  await page.getByRole("button", { name: "Add a source" }).click();
  const d = page.getByRole("dialog");
  await d.getByLabel("Name", { exact: true }).fill("cogs");
  await d.getByLabel("Domain").fill(`${site.url}/provider-metadata.json`);
  await d.getByRole("button", { name: "Look who is there" }).click();
  await d.getByText("There is Cogs, who publishes.").waitFor();
  await d.getByText("It shows no key").waitFor();
  assert.deepEqual((await node.ask("GET", "feeds")).feeds, []);
  await sound(page, "who is there");
  await d.getByRole("button", { name: "Add a source" }).click();
  await source(page, "cogs").getByText("1 taken, 1 refused in all").waitFor();
  await source(page, "cogs").getByRole("button", { name: /^Refused ones/ }).click();
  await page.getByRole("dialog").getByText("cog-2.json").first().waitFor();
  await v.go("#/security");
  await page.getByText("Hole COG-1").waitFor();
  await page.getByText(/^Sources: 1, all fetched within/).waitFor();
  assert.deepEqual(v.problems, []);
});
test("a list is added, pulled, changed, switched off and removed; one that fails says why", async () => {
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog"), kev = source(page, "kev");
  await v.go("#/security/feeds");
  await page.getByRole("button", { name: "Add a source" }).click();
  await d.getByLabel("What kind").selectOption("kev");
  assert.equal(await d.getByLabel("Name", { exact: true }).inputValue(), "kev");
  await d.getByLabel("Address").fill(`${site.url}/nothing.json`);
  await d.getByRole("button", { name: "Add a source" }).click();
  await kev.getByText("could not be fetched").waitFor();
  await kev.getByText(/Why: .*404/).waitFor();
  await kev.getByText("There is nothing at that address (any more).").waitFor();
  await v.go("#/security");
  await page.getByText("Could not be fetched the last time: kev").waitFor();
  await v.go("#/security/feeds");
  await kev.getByRole("button", { name: "Edit kev" }).click();
  await d.getByLabel("Address").fill(`${site.url}/kev.json`);
  await d.getByLabel("How often").fill("2h");
  await d.getByRole("button", { name: "Save" }).click();
  await kev.getByText("well", { exact: true }).waitFor();
  assert.equal((await node.ask("GET", "feeds/kev")).every, "2h");
  const before = (await node.ask("GET", "feeds/kev")).pulled;
  await kev.getByRole("button", { name: "Fetch now: kev" }).click();
  await until("it is fetched anew", async () => (await node.ask("GET", "feeds/kev")).pulled !== before);
  await kev.getByRole("button", { name: "Switch off: kev" }).click();
  await kev.getByText("switched off").waitFor();
  await kev.getByRole("button", { name: "Remove kev" }).click();
  await d.getByRole("button", { name: "Remove" }).click();
  await kev.waitFor({ state: "detached" });
  assert.deepEqual(v.problems, []);
});
test("files are taken one by one, and what is refused says why", async () => {
  const v = await visit(browser, node, { language: "nl" }), page = v.page;
  writeFileSync(join(folder, "good.json"), JSON.stringify(advisory("COG-7")));
  writeFileSync(join(folder, "bad.json"), "{}");
  await v.go("#/security/feeds");
  await page.getByRole("button", { name: "Bestanden inlezen" }).click();
  await page.getByRole("dialog").getByLabel("Bestanden", { exact: true }).setInputFiles([join(folder, "good.json"), join(folder, "bad.json")]);
  await page.getByRole("dialog").getByRole("button", { name: "Inlezen" }).click();
  await page.getByText("1 ingelezen, 0 waren er al, 1 geweigerd; 1 nieuwe bevindingen.").waitFor();
  await page.getByRole("dialog").getByText("bad.json").waitFor();
  assert.deepEqual(v.problems, []);
});
test("a sighting shows all that would go out before it does", async () => {
  await node.ask("POST", "stix", { text: JSON.stringify(bundle) });
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog");
  await v.go("#/security/sharing");
  await page.getByRole("button", { name: "Tell of a sighting" }).click();
  await d.getByRole("button", { name: "Known scanner" }).click();
  await d.getByLabel(/^What was seen/).selectOption("ipv4-addr");
  await d.getByLabel("value").fill("192.168.3.4");
  await d.getByRole("button", { name: "See what goes out" }).click();
  await d.getByText("an address of our own networks").waitFor();
  await d.getByLabel("value").fill("198.51.100.7");
  await d.getByRole("button", { name: "See what goes out" }).click();
  await d.getByText("By a manufacturer: seen 1 ×").waitFor();
  await d.getByText("Word for word").click();
  assert.deepEqual(JSON.parse(await d.locator(".exact").innerText()).map((o) => o.type), ["identity", "ipv4-addr", "observed-data", "sighting"]);
  assert.deepEqual((await node.ask("GET", "sightings")).sightings, []);
  await sound(page, "what goes out");
  await d.getByRole("button", { name: "Keep" }).click();
  await page.getByText("only here").waitFor();
  await page.getByRole("button", { name: /^Take back/ }).click();
  await page.getByText("None yet.").waitFor();
  assert.deepEqual(v.problems, []);
});
test("a collection is made for members, and what it holds and who may what is seen", async () => {
  await node.ask("POST", "tokens", { name: "acme", role: "member" });
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog"), box = page.getByRole("region", { name: "warnings", exact: true });
  await v.go("#/security/sharing");
  await page.getByRole("button", { name: "Make a collection" }).click();
  await d.getByLabel("Name").fill("warnings");
  await d.getByLabel("Title").fill("Warnings for the region");
  await d.getByLabel("Up to which label").selectOption("amber");
  await d.getByRole("button", { name: "Save" }).click();
  await box.getByText("Nobody may read or write it yet.").waitFor();
  await box.getByRole("button", { name: "Let somebody in" }).click();
  await d.getByLabel(/^Who/).selectOption("token acme");
  await d.getByLabel("gets AMBER too").check();
  await d.getByRole("button", { name: "Save" }).click();
  await box.getByText("read, AMBER").waitFor();
  await box.getByRole("button", { name: "Put objects in" }).click();
  await d.getByLabel("File").setInputFiles({ name: "bundle.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(bundle)) });
  await d.getByRole("button", { name: "Take it" }).click();
  await d.getByText("0 stored, 1 were here already, 0 refused.").waitFor();
  await d.getByRole("button", { name: "Close" }).click();
  await box.getByText("objects: 1").waitFor();
  assert.deepEqual((await node.ask("GET", "collections")).collections[0].members.map((m) => [m.who, m.read, m.write, m.amber]), [["token acme", true, false, true]]);
  assert.deepEqual(v.problems, []);
});
test("an engineer changes no collection", async () => {
  await node.user("ella", "engineer");
  const v = await visit(browser, node, { name: "ella" });
  await v.go("#/security/sharing");
  await v.page.getByRole("region", { name: "warnings", exact: true }).getByText("read, AMBER").waitFor();
  assert.equal(await v.page.getByRole("button", { name: /Let somebody in|Make a collection/ }).count(), 0);
  assert.deepEqual([v.refused, v.problems], [[], []]);
});
for (const [language, colorScheme, width] of looks)
  test(`sources and sharing are sound in ${language}, ${colorScheme}, ${width} px wide`, async () => {
    const v = await visit(browser, node, { language, colorScheme, viewport: { width, height: 800 } });
    await v.page.addInitScript((l) => localStorage.setItem("koppel.language", l), language);
    for (const [hash, seen] of [["#/security/feeds", "provider-metadata.json"], ["#/security/sharing", "Warnings for the region"]]) {
      await v.go(hash);
      await v.page.getByText(seen).first().waitFor();
      await sound(v.page, hash);
    }
    assert.deepEqual(v.problems, []);
  });
