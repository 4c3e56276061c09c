// SPDX-License-Identifier: Apache-2.0
// A node of its own, real machines to couple it to, and a browser. KOPPEL_BIN names the binary.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
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

export async function until(what, check, ms = 20000) {
  for (const end = Date.now() + ms; ; await new Promise((r) => setTimeout(r, 50))) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms} ms`);
  }
}
export const freePort = () => new Promise((done) => {
  const s = createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => done(port));
  });
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
    this.token = JSON.parse(execFileSync(koppel, ["init", this.dir, "--name", "test", "--json"], { encoding: "utf8" })).token;
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

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
/** A browser's window, logged in; `problems` lists what its console said was wrong. */
export async function visit(browser, node, { language = "en", ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: language === "nl" ? "nl-NL" : "en-GB", timezoneId: "Europe/Amsterdam", ...options });
  const made = await context.request.post(node.url + "/api/v1/session", { data: { token: node.token } });
  if (!made.ok()) throw new Error(`no session: ${made.status()}`);
  const page = await context.newPage(), problems = [];
  page.on("pageerror", (e) => problems.push(e.message));
  page.on("console", (m) => m.type() === "error" && /Content Security|Refused|Uncaught/.test(m.text()) && problems.push(m.text()));
  page.setDefaultTimeout(15000);
  return { context, page, problems, go: (hash) => page.goto(`${node.url}/${hash}`) };
}
