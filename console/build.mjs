// SPDX-License-Identifier: Apache-2.0
// build.mjs OUT: the bundle as the node serves it, into the folder OUT: index.html, and packed assets whose names hold
// a hash of what is in them.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
const common = { bundle: true, minify: true, write: false, target: "es2022", legalComments: "none", logLevel: "warning",
  jsx: "automatic", jsxImportSource: "preact", absWorkingDir: here };

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let size = 0;
function put(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const [stem, ...rest] = name.split(".");
  const hashed = `${stem}-${hash}.${rest.join(".")}`;
  const packed = gzipSync(bytes, { level: 9 });
  size += packed.length;
  writeFileSync(join(out, hashed), packed);
  return hashed;
}
const one = async (entry, more = {}) => (await build({ ...common, entryPoints: [entry], outfile: basename(entry), ...more })).outputFiles[0].contents;

const worker = put("worker.js", await one("src/worker.ts", { format: "iife" }));
const app = put("app.js", await one("src/main.tsx", { format: "iife", define: { WORKER: JSON.stringify("/assets/" + worker) } }));
const css = put("app.css", await one("src/app.css"));
const icon = put("icon.svg", readFileSync(join(here, "src/icon.svg")));
const html = readFileSync(join(here, "src/index.html"), "utf8").replace("@APP@", app).replace("@CSS@", css).replace("@ICON@", icon);
writeFileSync(join(out, "index.html"), html);
console.log(`console: ${((size + html.length) / 1000).toFixed(1)} kB packed`);
