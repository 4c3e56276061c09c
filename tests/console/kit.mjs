// SPDX-License-Identifier: Apache-2.0
// A node of its own, real machines to couple it to, and a browser. KOPPEL_BIN names the binary.
import { execFileSync, spawn } from "node:child_process";
import assert from "node:assert/strict";
import { createHmac, randomInt } from "node:crypto";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const koppel = process.env.KOPPEL_BIN ?? join(root, "build/dev/koppel");
const python = join(root, "build/python-tests/bin/python");
const running = new Set();
process.on("exit", () => running.forEach((p) => p.kill("SIGKILL")));

// How long a busy machine may take for what should be there in a moment: waiting longer costs a test that passes nothing.
const patience = 60000;
export async function until(what, check, ms = patience) {
  for (const end = Date.now() + ms; ; await new Promise((r) => setTimeout(r, 50))) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms} ms`);
  }
}
/** Below those the system gives to clients (from 32768), so that nobody else gets it between the choice and its use. */
export const freePort = () => new Promise((done) => {
  const port = 12000 + randomInt(20000), s = createServer();
  s.once("error", () => done(freePort()));
  s.listen(port, "127.0.0.1", () => s.close(() => done(port)));
});
function start(command, args) {
  const p = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(p);
  p.once("exit", () => running.delete(p));
  return p;
}
const ended = (p) => (p.exitCode !== null || p.signalCode !== null ? p.exitCode : new Promise((r) => p.once("exit", r)));
/** A peer program that prints READY and a URL as often as `ready` says. */
export async function server(script, args, ready = 1) {
  const p = script.endsWith(".py") ? start(python, [join(root, script), ...args.map(String)]) : start(join(dirname(koppel), script), args.map(String));
  let said = "";
  p.stdout.on("data", (d) => (said += d));
  await until(`${script}: READY`, () => {
    if (p.exitCode !== null) throw new Error(`${script} ended: ${said}`);
    return (said.match(/^READY/gm) ?? []).length >= ready;
  });
  return { urls: [...said.matchAll(/^READY (\S+)/gm)].map((m) => m[1]), stop: () => (p.kill("SIGKILL"), ended(p)) };
}
/** The mill and the laser cutter of the demo factory. */
export const factory = async () => server("demo/factory.py", [await freePort()], 2);

export class Node {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "koppel-console-"));
    this.dir = join(this.folder, "node");
    Object.assign(this, JSON.parse(execFileSync(koppel, ["init", this.dir, "--name", "test", "--json"], { encoding: "utf8" })), { dir: join(this.folder, "node") });
  }
  async start() {
    this.port ??= await freePort();
    this.log = join(this.folder, "run.log");
    const log = openSync(this.log, "a");
    this.process = spawn(koppel, ["run", this.dir, "--listen", `127.0.0.1:${this.port}`], { stdio: ["ignore", log, log] });
    running.add(this.process);
    await until("the node", () => {
      if (this.process.exitCode !== null) throw new Error(`the node ended; see ${this.log}`);
      try {
        return this.cli("status", "--json");
      } catch {
        return false;
      }
    });
    return this;
  }
  get url() {
    return `http://127.0.0.1:${this.port}`;
  }
  cli(...words) {
    return execFileSync(koppel, [...words, "--node", this.dir], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }
  json(...words) {
    return JSON.parse(this.cli(...words, "--json"));
  }
  link() {
    return this.json("status", "--url").url ?? this.cli("status", "--url").trim();
  }
  /** Asks over HTTP as the owner that `init` made a token for. */
  async ask(method, path, body) {
    const text = typeof body === "string", reply = await fetch(`${this.url}/api/v1/${path}`, { method, headers: { Authorization: `Bearer ${this.token}`, "Content-Type": text ? "text/plain" : "application/json" }, body: text || body === undefined ? body : JSON.stringify(body) });
    const said = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${said}`);
    return said ? JSON.parse(said) : null;
  }
  post = (lines) => this.ask("POST", "values", lines);
  user = (name, role, more) => this.ask("POST", "users", { name, role, password: passwordOf(name), mustChangePassword: false, ...more });
  online(name) {
    return until(`${name} online`, () => this.json("couplings", name).state === "online");
  }
  async stop() {
    this.process.kill("SIGTERM");
    const code = await ended(this.process);
    running.delete(this.process);
    if (code !== 0) throw new Error(`the node ended with ${code}; see ${this.log}`);
  }
  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const passwordOf = (name) => `a few words of ${name}`;
/** The code an authenticator app shows; `step` of half minutes from now. */
export function codeOf(secret, step = 0) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join(""), key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + step));
  const sum = createHmac("sha1", key).update(counter).digest(), at = sum[19] & 15;
  return String((sum.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0");
}

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const late = Number(process.env.KOPPEL_LATE ?? 0); // ms: each request waits up to that long, so that answers come in any order
/** A browser's window, logged in (as the user `name`, else by the token; null: not at all); `problems` lists what its console said was wrong, `refused` what
 * the node said it may not do. */
export async function visit(browser, node, { language = "en", name, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: language === "nl" ? "nl-NL" : "en-GB", timezoneId: "Europe/Amsterdam", ...options });
  if (name !== null) {
    const made = await context.request.post(node.url + "/api/v1/session", { data: name ? { user: name, password: passwordOf(name) } : { token: node.token } });
    if (!made.ok()) throw new Error(`no session: ${made.status()}`);
  }
  if (late) await context.route("**/api/v1/**", (r) => setTimeout(() => r.continue().catch(() => null), Math.random() * late));
  const page = await context.newPage(), problems = [], refused = [], asked = [];
  page.on("pageerror", (e) => problems.push(e.message));
  page.on("console", (m) => m.type() === "error" && /Content Security|Refused|Uncaught/.test(m.text()) && problems.push(m.text()));
  context.on("request", (r) => asked.push(`${r.method()} ${new URL(r.url()).pathname}`)); // those of the worker too
  context.on("response", (r) => r.status() === 403 && refused.push(`${r.request().method()} ${r.url()}`));
  page.setDefaultTimeout(patience);
  return { context, page, problems, refused, asked, go: (hash) => page.goto(`${node.url}/${hash}`) };
}
/** As somebody does it who has the log-in before him. */
export async function enter(page, user, password, words = ["User name", "Password", "Log in"]) {
  await page.getByLabel(words[0]).fill(user);
  await page.getByLabel(words[1]).fill(password);
  await page.getByRole("button", { name: words[2], exact: true }).click();
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Nothing serious or critical for people who use a keyboard or a screen reader, and nothing wider than the window. */
export async function sound(page, what) {
  await page.evaluate(axe).catch(() => null); // the page's policy forbids scripts put in; this runs beside them
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(bad.map((v) => `${what}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`).join(" | ")}`), []);
  const over = await page.evaluate(() => Math.max(...[document.documentElement, document.getElementById("main")].map((e) => (e ? e.scrollWidth - e.clientWidth : 0))));
  assert.equal(over, 0, `${what} is ${over} px wider than the window`);
}
export const looks = [["en", "light", 1280], ["nl", "dark", 1280], ["nl", "light", 360], ["en", "dark", 360]];
