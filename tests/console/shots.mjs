// SPDX-License-Identifier: Apache-2.0
// shots.mjs URL OUT [NAME ...]: pictures of the pages of a running demo, into the folder OUT. URL is what `koppel status --url` prints, or
// http://USER:PASSWORD@127.0.0.1:8420/.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, out, ...only] = process.argv.slice(2), { origin, username, password } = new URL(url);
const at = "eindhoven/hall1/Mill-01", signal = (n) => `s=${encodeURIComponent(`${at}/${n}`)}`;
const pages = {
  overview: "#/", asset: `#/asset/${at}`, couplings: "#/couplings", coupling: "#/couplings/mill", settings: "#/settings", sql: "#/sql", start: "#/start",
  oee: "#/oee", energy: "#/oee/energy", reports: "#/oee/reports", calendar: "#/oee/calendar", shop: "#/oee/settings", orders: "#/orders", order: "#/orders/1", bookings: "#/orders/bookings", capacity: "#/orders/capacity", folders: "#/orders/folders",
  chart: `#/chart?${signal("Spindle/Load")}&${signal("Spindle/Temperature")}&${signal("Spindle/Speed")}&from=-15m`,
  alarms: "#/alarms", history: "#/alarms/history", rules: "#/alarms/rules", delivery: "#/alarms/delivery", audit: "#/audit", users: "#/users", account: "#/account", totp: "#/account",
  security: "#/security", findings: "#/security/findings", inventory: "#/security/inventory", feeds: "#/security/feeds", sharing: "#/security/sharing",
  hits: "#/security/hits", incidents: "#/security/incidents", advisory: "#/security/advisory", watches: "#/watches", partners: "#/partners", catalogue: "#/partners/catalogue", card: "#/partners/card",
  floor: "#/floor", stops: "#/stops", tablet: `#/tablet/${at}`, wall: "#/wall",
  forecast: "#/chart?s=eindhoven%2Fhall1%2FMeter%2Fpower&from=-7d&forecast=1",
  month: "#/chart?s=eindhoven%2Fhall1%2FMeter%2Fpower&from=-30d",
};
const looks = [["light", "en", 1280, 800], ["dark", "nl", 1280, 800], ["light", "nl", 360, 740], ["dark", "en", 360, 740]];
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext();
if (username) await context.request.post(origin + "/api/v1/session", { data: { user: decodeURIComponent(username), password: decodeURIComponent(password) } });
else await (await context.newPage()).goto(url);
await new Promise((r) => setTimeout(r, 1500));
const state = await context.storageState();
for (const [theme, lang, width, height] of looks) {
  const c = await browser.newContext({ storageState: state, viewport: { width, height }, colorScheme: theme, locale: lang === "nl" ? "nl-NL" : "en-GB", timezoneId: "Europe/Amsterdam" });
  await c.addInitScript((l) => localStorage.setItem("koppel.language", l), lang);
  const page = await c.newPage();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.log(m.text()));
  page.on("pageerror", (e) => console.log("page error:", e.message));
  for (const [name, hash] of Object.entries(pages)) {
    if (only.length && !only.includes(name)) continue;
    await page.goto(`${origin}/${hash}`);
    if (name === "sql") await page.getByRole("button", { name: lang === "nl" ? "Uitvoeren" : "Run" }).click();
    if (name === "audit") await page.getByRole("button", { name: lang === "nl" ? "Logboek controleren" : "Verify the log" }).click();
    if (name === "totp") await page.getByRole("button", { name: lang === "nl" ? "Instellen" : "Set up" }).click();
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(out, `${name}-${theme}-${lang}-${width}.png`) });
  }
  const outside = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale: lang === "nl" ? "nl-NL" : "en-GB" }), login = await outside.newPage();
  await login.goto(origin);
  await login.waitForTimeout(700);
  await login.screenshot({ path: join(out, `login-${theme}-${lang}-${width}.png`) });
  await outside.close();
  await c.close();
}
await browser.close();
