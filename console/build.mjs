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
/** All languages have the same texts in the same order (a test says so): their names go along once. */
const textsOf = (path) => `import en from "./en.json";
const all = ${JSON.stringify(Object.values(JSON.parse(readFileSync(path, "utf8"))))};
export default Object.fromEntries(Object.keys(en).map((k, i) => [k, all[i]]));`;
const texts = {
  name: "texts",
  setup: (b) => b.onLoad({ filter: /lang\/(\w+\/)?\w+\.json$/ }, ({ path }) => (path.endsWith("en.json") ? undefined : { loader: "js", contents: textsOf(path) })),
};
const common = { bundle: true, minify: true, write: false, target: "es2022", legalComments: "none", logLevel: "warning", plugins: [texts],
  jsx: "automatic", jsxImportSource: "preact", absWorkingDir: here };

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let size = 0;
function keep(name, bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  size += packed.length;
  writeFileSync(join(out, name), packed);
  return name;
}
function put(name, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const [stem, ...rest] = name.split(".");
  return keep(`${stem}-${hash}.${rest.join(".")}`, bytes);
}
const worker = put("worker.js", (await build({ ...common, entryPoints: ["src/worker.ts"], format: "iife", outfile: "worker.js" })).outputFiles[0].contents);
const css = put("app.css", (await build({ ...common, entryPoints: ["src/app.css"], outfile: "app.css" })).outputFiles[0].contents);
const icon = put("icon.svg", readFileSync(join(here, "src/icon.svg")));
// The first page comes in one piece, the others when they are gone to.
const made = await build({ ...common, entryPoints: { app: "src/main.tsx" }, format: "esm", splitting: true, metafile: true, outdir: "x", entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]", define: { WORKER: JSON.stringify("/assets/" + worker) } });
for (const f of made.outputFiles) keep(basename(f.path), f.contents);
const entry = Object.entries(made.metafile.outputs).find(([, o]) => o.entryPoint === "src/main.tsx"), names = (l) => l.filter((i) => i.kind === "import-statement").map((i) => basename(i.path));
const preload = names(entry[1].imports).map((n) => `<link rel="modulepreload" href="/assets/${n}">\n`).join("");
const html = readFileSync(join(here, "src/index.html"), "utf8").replace("@APP@", basename(entry[0])).replace("@CSS@", css).replace("@ICON@", icon).replace("@PRELOAD@\n", preload);
writeFileSync(join(out, "index.html"), html);
console.log(`console: ${((size + html.length) / 1000).toFixed(1)} kB packed`);
