// Builds the page into `dist`: node build.mjs FIRST.wasm FULL.wasm
// The worker goes into the page's script as text, so that it inherits the page's content security policy.

import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "dist");
const example = join(here, "..", "tests", "charts", "shop");

const common = {
  bundle: true, minify: true, target: "es2022", legalComments: "none", charset: "utf8", absWorkingDir: here, logLevel: "warning",
};

async function filesBelow(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.sort().map(async (file) => ({ path: relative(folder, file).replaceAll("\\", "/"), text: await readFile(file, "utf8") })),
  );
}

const [first, full] = process.argv.slice(2);
if (!first || !full) {
  console.error("usage: node build.mjs FIRST.wasm FULL.wasm");
  process.exit(2);
}
await mkdir(out, { recursive: true });
const worker = await build({ ...common, entryPoints: ["src/worker.ts"], format: "iife", write: false });
await build({
  ...common,
  entryPoints: ["src/main.ts"],
  format: "esm",
  outfile: join(out, "page.js"),
  define: {
    WORKER_SOURCE: JSON.stringify(worker.outputFiles[0].text),
    EXAMPLE_FILES: JSON.stringify(await filesBelow(example)),
  },
});
await build({ ...common, entryPoints: ["src/style.css"], outfile: join(out, "style.css") });
await writeFile(join(out, "index.html"), await readFile(join(here, "src", "index.html")));
await copyFile(first, join(out, "backstay-first.wasm"));
await copyFile(full, join(out, "backstay.wasm"));
