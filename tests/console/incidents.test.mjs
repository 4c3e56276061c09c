// SPDX-License-Identifier: Apache-2.0
// Incidents: whom to tell by when, the texts, the log.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch, looks, Node, sound, until, visit } from "./kit.mjs";

process.env.TZ = "Europe/Amsterdam";
let node, browser, id;
const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
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

test("five questions say which laws count", async () => {
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog");
  await v.go("#/security/incidents");
  await page.getByRole("heading", { name: "No incident" }).waitFor();
  await page.getByText("Not known yet: answer five questions").waitFor();
  await page.getByRole("button", { name: "Answer five questions" }).click();
  await d.getByRole("button", { name: "Save" }).click();
  await d.getByText(/^Still to be answered/).waitFor();
  const { questions } = await node.ask("GET", "incidents/scope"), say = { sector: "machinery", size: "medium", named: "false", supplier: "true", products: "true" };
  for (const q of questions) await d.getByLabel(q.text).selectOption(say[q.key]);
  await sound(page, "the questions");
  await d.getByRole("button", { name: "Save" }).click();
  await page.getByText(/NIS2.*: counts for us/).waitFor();
  assert.deepEqual((await node.ask("GET", "incidents/scope")).answers, { sector: "machinery", size: "medium", named: false, supplier: true, products: true });
  assert.deepEqual(v.problems, []);
});
test("an incident begins its clocks when it was noticed, with the time that is left in words", async () => {
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog");
  await v.go("#/security/incidents");
  await page.getByRole("button", { name: "Report an incident" }).click();
  await d.getByLabel("What it is").fill("Ransomware at the office PC");
  await d.getByLabel("What happened").fill("All files have another name.");
  await d.getByLabel("Noticed").fill(local(Date.now() - 20 * 3600e3));
  await d.getByLabel("Kind").selectOption("ransomware");
  await d.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("heading", { name: "Ransomware at the office PC" }).waitFor();
  id = (await node.ask("GET", "incidents")).incidents[0].id;
  const clock = page.locator(".clocks li").filter({ hasText: "23(4)(a)" });
  await clock.getByText(/^[34] h( \d+ min)? left$/).waitFor();
  await v.go("#/security/incidents");
  await page.getByRole("row").filter({ hasText: "Ransomware" }).getByText(/ left$/).waitFor();
  assert.deepEqual(v.problems, []);
});
test("the text of a report is edited, exported, and noted as reported; it can be taken back", async () => {
  const v = await visit(browser, node), page = v.page, d = page.getByRole("dialog"), clock = page.locator(".clocks li").filter({ hasText: "23(4)(a)" });
  await v.go(`#/security/incident/${id}`);
  await clock.getByRole("button").click();
  const first = d.locator("textarea").first();
  await first.waitFor();
  const before = await first.inputValue();
  await first.fill(before + " Seen by the night shift.");
  await d.getByRole("button", { name: "Save" }).click();
  await d.getByText("changed by you").waitFor();
  const html = await page.request.get(node.url + (await d.getByRole("link", { name: "Open" }).getAttribute("href")));
  assert.match(await html.text(), /Seen by the night shift/);
  assert.match((await page.request.get(node.url + (await d.getByRole("link", { name: "PDF" }).getAttribute("href")))).headers()["content-type"], /pdf/);
  await sound(page, "a report");
  await d.getByRole("button", { name: "As prefilled again" }).click();
  await until("it is as before", async () => (await d.locator("textarea").first().inputValue()) === before);
  await d.getByLabel("Number you were given").fill("NCSC-1");
  await d.getByRole("button", { name: "It is reported" }).click();
  await d.getByText("NCSC-1").waitFor();
  await d.getByRole("button", { name: "Close" }).click();
  await clock.getByText("reported", { exact: true }).waitFor();
  await page.locator(".log").getByText(/NCSC-1|Early/i).first().waitFor();
  assert.deepEqual(v.problems, []);
});
test("facts, notes and the end are kept", async () => {
  const v = await visit(browser, node, { language: "nl" }), page = v.page;
  await v.go(`#/security/incident/${id}`);
  await page.getByLabel("Hoe erg").selectOption("critical");
  await page.getByLabel("Wat het met ons doet").fill("Kantoor ligt stil.");
  await page.getByRole("button", { name: "Opslaan" }).click();
  await page.getByText(/ransomware · kritiek · open/).waitFor();
  await page.getByLabel("Wat er gebeurde of gedaan is").fill("Pc van het net gehaald");
  await page.getByRole("button", { name: "Noteren" }).click();
  await page.locator(".log").getByText("Pc van het net gehaald").waitFor();
  await page.getByRole("button", { name: "Het is voorbij" }).click();
  await page.getByText(/ransomware · kritiek · afgesloten/).waitFor();
  const one = await node.ask("GET", `incidents/${id}`);
  assert.deepEqual([one.status, one.impact, one.severity], ["closed", "Kantoor ligt stil.", "critical"]);
  assert.deepEqual(v.problems, []);
});
test("an alarm becomes an incident by one press, with what is known of it", async () => {
  await node.post("hall/press/pressure 1");
  await node.ask("POST", "alarm-rules", { name: "pressure", match: "hall/press/pressure", kind: "limit", high: 10, priority: "high" });
  await node.post("hall/press/pressure 20");
  await until("the alarm", async () => (await node.ask("GET", "alarms")).alarms.some((a) => a.asset === "hall/press"));
  const v = await visit(browser, node), page = v.page;
  await v.go("#/alarms");
  await page.locator("li.alarm").filter({ hasText: "pressure" }).getByRole("button", { name: /^Make an incident/ }).click();
  await page.getByRole("heading", { name: "Whom to tell, and by when" }).waitFor();
  await page.getByRole("link", { name: "hall/press" }).first().waitFor();
  assert.deepEqual(v.problems, []);
});
test("the pack for customers opens in both languages for an owner, and the daily mail is set", async () => {
  const v = await visit(browser, node), page = v.page, section = (name) => page.locator("section.panel").filter({ has: page.getByRole("heading", { name }) }), pack = section("For customers who ask"), mail = section("One mail a day");
  await v.go("#/security/incidents");
  await pack.getByLabel("Language").selectOption("nl");
  const html = await page.request.get(node.url + (await pack.getByRole("link", { name: "Open to read or print" }).getAttribute("href")));
  assert.match(await html.text(), /<html lang="nl"/);
  assert.match((await page.request.get(node.url + (await pack.getByRole("link", { name: "PDF" }).getAttribute("href")))).headers()["content-type"], /pdf/);
  await mail.getByLabel("Send it").check();
  await mail.getByLabel("At", { exact: true }).fill("06:30");
  await mail.getByLabel("To", { exact: false }).first().fill("owner@example.com");
  await mail.getByRole("button", { name: "Save" }).click();
  await until("it is kept", async () => (await node.ask("GET", "shield/mail")).at === "06:30");
  assert.deepEqual((await node.ask("GET", "shield/mail")).to, ["owner@example.com"]);
  await node.user("ella", "engineer");
  const e = await visit(browser, node, { name: "ella" });
  await e.go("#/security/incidents");
  await e.page.getByRole("heading", { name: "One mail a day" }).waitFor();
  assert.equal(await e.page.getByRole("heading", { name: "For customers who ask" }).count(), 0);
  assert.deepEqual([e.refused, v.problems], [[], []]);
});
for (const [language, colorScheme, width] of looks)
  test(`incidents are sound in ${language}, ${colorScheme}, ${width} px wide`, async () => {
    const v = await visit(browser, node, { language, colorScheme, viewport: { width, height: 800 } });
    await v.page.addInitScript((l) => localStorage.setItem("koppel.language", l), language);
    for (const [hash, seen] of [["#/security/incidents?all=1", "Ransomware at the office PC"], [`#/security/incident/${id}`, "23(4)(a)"]]) {
      await v.go(hash);
      await v.page.getByText(seen).first().waitFor();
      await sound(v.page, hash);
    }
    assert.deepEqual(v.problems, []);
  });
