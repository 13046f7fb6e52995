// node examples/timeout.mjs CHART: how long may the rollout of a chart take, and why?
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { argv } from "node:process";

import { Backstay } from "../node.js";

const chart = argv[2];
const entries = await readdir(chart, { recursive: true, withFileTypes: true });
const files = [];
for (const entry of entries.filter((entry) => entry.isFile())) {
  const file = join(entry.parentPath ?? entry.path, entry.name);
  files.push({ path: relative(chart, file).split(sep).join("/"), base64: (await readFile(file)).toString("base64") });
}

const backstay = await Backstay.load();
const { manifest } = backstay.call("render", { files, release: "shop" });
console.log(backstay.call("timeout", { manifest, install: true }).text);
