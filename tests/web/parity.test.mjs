// The page's module and the program say the same about every chart of the tests, byte for byte.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Backstay } from "../embed/node/backstay.mjs";
import { repository } from "./server.mjs";

const binary = process.env.BACKSTAY_TEST_BINARY;
const page = process.env.BACKSTAY_TEST_PAGE ?? join(repository, "web", "dist");

function charts() {
  return ["core/chart/tests/charts", "tests/charts"].flatMap((folder) =>
    readdirSync(join(repository, folder)).sort().map((name) => join(folder, name)).filter((chart) => existsSync(join(repository, chart, "Chart.yaml"))));
}

function files(chart) {
  const root = join(repository, chart);
  return readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return { path: path.slice(root.length + 1), base64: readFileSync(path).toString("base64") };
  });
}

// The sandbox's state is kept in the working directory; here there is none.
const place = mkdtempSync(join(tmpdir(), "backstay-parity-"));
after(() => rmSync(place, { recursive: true }));

function run(...args) {
  try {
    return { text: execFileSync(binary, args, { cwd: place, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }) };
  } catch (error) {
    return { text: error.stdout, failed: error.status };
  }
}

function attempt(work) {
  try {
    return { ok: work() };
  } catch (error) {
    return { error: error.message, code: error.code };
  }
}

/** Where two answers first differ. */
function differs(one, other, path = "") {
  if (JSON.stringify(one) === JSON.stringify(other)) return undefined;
  const both = one && other && typeof one === "object" && typeof other === "object";
  const names = both ? [...new Set([...Object.keys(one), ...Object.keys(other)])] : [];
  const inner = names.map((name) => differs(one[name], other[name], `${path}/${name}`)).find(Boolean);
  return inner ?? `${path}: ${JSON.stringify(one)} is not ${JSON.stringify(other)}`;
}

function equal(programs, pages, chart) {
  // The first difference is easier to read than two long lines.
  assert.equal(differs(programs, pages), undefined, chart);
  assert.equal(JSON.stringify(programs), JSON.stringify(pages), chart);
}

test("manifests, times, findings and rehearsals are the program's", { skip: binary ? false : "BACKSTAY_TEST_BINARY names no program" }, async () => {
  const backstay = await Backstay.load(join(page, "backstay.wasm"));
  const first = await Backstay.load(join(page, "backstay-first.wasm"));
  let [same, refused, planned, rehearsed, whole] = [0, 0, 0, 0, 0];
  for (const chart of charts()) {
    const path = join(repository, chart);
    const template = run("template", path);
    let rendered;
    const input = { files: files(chart), now: new Date().toISOString() };
    // The small module has the same answer, or says that it has none.
    const [small, large] = [first, backstay].map((module) => attempt(() => module.call("render", input)));
    if (small.code === "elsewhere") whole++;
    else assert.deepEqual(small, large, chart);
    try {
      rendered = backstay.call("render", input);
    } catch (error) {
      assert.ok(template.failed, `${chart}: the page refuses it: ${error.message}`);
      refused++;
      continue;
    }
    assert.ok(!template.failed, `${chart}: only the program refuses it`);
    assert.equal(rendered.text, template.text, chart);
    const timeout = run("timeout", path, "--install", "-o", "json");
    if (timeout.failed === undefined) {
      const { timing } = first.call("timeout", { manifest: rendered.text, install: true });
      equal(JSON.parse(timeout.text), timing, chart);
    }
    const lint = run("lint", path, "-o", "json");
    const [told] = JSON.parse(lint.text);
    const templates = Object.fromEntries(files(chart).map(({ path, base64 }) => [`${rendered.chart.name}/${path}`, Buffer.from(base64, "base64").toString()]));
    const ours = attempt(() => backstay.call("lint", { manifest: rendered.text, templates }));
    if (ours.error) assert.ok(told.error || lint.failed || told.findings.length === 0, `${chart}: only the page refuses to look it over: ${ours.error}`);
    else equal(told.findings, ours.ok.findings, chart);
    const plan = run("plan", "release-name", path, "--sandbox", "-o", "json");
    if (plan.text) {
      const said = JSON.parse(plan.text);
      // Only a server can say this.
      said.findings = said.findings.filter(({ code }) => code !== "server-refuses");
      said.fatal = said.findings.some(({ severity }) => severity === "error");
      const definitions = rendered.crds.map(({ source, content }) => `---\n# Source: ${source}\n${content}`).join("\n");
      const { preview } = first.call("preview", { manifest: rendered.text, install: true, definitions, templates, facts: { undo: true } });
      equal(said, preview, chart);
      planned++;
    }
    const rehearsal = run("rehearse", path, "--install", "-o", "json");
    if (rehearsal.failed === undefined) {
      const { runs } = backstay.call("rehearsals", { manifest: rendered.text, install: true });
      equal(JSON.parse(rehearsal.text), runs, chart);
      rehearsed++;
    }
    same++;
  }
  assert.ok(Math.min(same, planned, rehearsed) >= 30, `only ${same} charts were compared, ${planned} planned, ${rehearsed} rehearsed`);
  console.log(`${whole} needed the module with everything`);
  console.log(`${same} charts the same, ${planned} of them planned, ${rehearsed} of them rehearsed; ${refused} refused by both`);
});

test("a module that is compiled is ready within 20 ms", async () => {
  for (const name of ["backstay-first.wasm", "backstay.wasm"]) {
    const module = await WebAssembly.compile(readFileSync(join(page, name)));
    const times = Array.from({ length: 7 }, () => {
      const began = performance.now();
      assert.equal(new WebAssembly.Instance(module, {}).exports.abi_version(), 1);
      return performance.now() - began;
    });
    console.log(`${name}: ${Math.min(...times).toFixed(2)} ms`);
    // The quickest: the others say how busy the machine is.
    assert.ok(Math.min(...times) < 20, `${name}: ${times}`);
  }
});
