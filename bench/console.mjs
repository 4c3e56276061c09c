// SPDX-License-Identifier: Apache-2.0
// console.mjs URL TOKEN SECONDS: what bench/console measures in the browser, as JSON.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(fileURLToPath(new URL("../tests/console/x.mjs", import.meta.url)));
const { chromium } = require("playwright-core");
const [url, token, seconds] = process.argv.slice(2), sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const median = (l) => l.sort((a, b) => a - b)[l.length >> 1];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--js-flags=--expose-gc", "--enable-precise-memory-info"] });

async function visit(locale = "en-GB") {
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 }, locale });
  await context.request.post(url + "/api/v1/session", { data: { token } });
  const page = await context.newPage();
  await page.addInitScript(() => new MutationObserver((_, o) => {
    if (!document.querySelector(".card .badge, .card .foot, .signal .value")) return;
    o.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.useful = performance.now())));
  }).observe(document, { childList: true, subtree: true }));
  return { context, page };
}
async function paint(hash) {
  const found = [];
  for (let i = 0; i < 7; i++) {
    const { context, page } = await visit();
    await page.goto(`${url}/${hash}`, { waitUntil: "commit" });
    found.push(await (await page.waitForFunction(() => window.useful)).jsonValue());
    await context.close();
    await sleep(300);
  }
  return median(found);
}
/** Bytes of the page and what it asks for before anybody has gone anywhere. */
async function weigh(locale) {
  const { context, page } = await visit(locale);
  let bytes = 0;
  context.on("response", (r) => /\/$|\/assets\//.test(new URL(r.url()).pathname) && (bytes += Number(r.headers()["content-length"])));
  await page.goto(`${url}/#/`);
  await page.waitForFunction(() => window.useful);
  await sleep(1000);
  await context.close();
  return bytes;
}
const out = { first: { en: await weigh("en-GB"), nl: await weigh("nl-NL") }, overview: await paint("#/"), asset: await paint("#/asset/hall") };

const { context, page } = await visit();
await page.goto(`${url}/#/asset/hall`);
await page.waitForFunction(() => document.querySelector("[role=table]")?.getAttribute("aria-rowcount") === "10000");
await sleep(3000);
const cdp = await context.newCDPSession(page);
await cdp.send("Performance.enable");
const task = async () => (await cdp.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
const heap = async () => {
  await cdp.send("HeapProfiler.collectGarbage");
  return (await cdp.send("Runtime.getHeapUsage")).usedSize;
};
out.heapBefore = await heap();
const before = await task(), begin = performance.now();
await sleep(Number(seconds) * 1000);
out.busy = ((await task()) - before) / ((performance.now() - begin) / 1000) * 100;
out.heapAfter = await heap();
out.rows = await page.getByRole("row").count();
out.frame = await page.evaluate(() => new Promise((done) => {
  const box = document.getElementById("main"), gaps = [];
  let last = performance.now(), n = 0;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    box.scrollBy(0, 120);
    if (++n < 300) requestAnimationFrame(step);
    else done(gaps.sort((a, b) => a - b)[Math.floor(gaps.length * 0.95)]);
  };
  requestAnimationFrame(step);
}));

const names = [0, 1, 2, 3, 4, 5].map((i) => `s=${encodeURIComponent(`c/s${i}/value`)}`).join("&"), drawn = [];
for (let i = 0; i < 7; i++) {
  await page.goto(`${url}/#/chart?${names}&from=-7d`);
  await page.locator(".plot canvas").waitFor();
  await sleep(1500);
  drawn.push(await page.evaluate(() => new Promise((done) => {
    const said = document.querySelector(".periods .soft"), old = said.textContent.split("·").pop(), begin = performance.now();
    new MutationObserver((_, o) => {
      if (said.textContent.split("·").pop() === old) return;
      o.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
    }).observe(said, { childList: true, subtree: true, characterData: true });
    [...document.querySelectorAll(".periods button")].find((b) => b.textContent.startsWith("30")).click();
  })));
}
out.chart = median(drawn);
await browser.close();
console.log(JSON.stringify(out));
