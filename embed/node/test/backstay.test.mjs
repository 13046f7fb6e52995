import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { Backstay, BackstayError, BackstayTrap } from "@backstay/core";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const lines = (name) => readFileSync(here(`../../../tests/embed/vectors/${name}`), "utf8").split("\n").slice(0, -1);
const backstay = await Backstay.load();

const deployment = {
  release: "a",
  manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
};

test("the shared vectors have the same bytes", () => {
  const [requests, answers] = [lines("requests.ndjson"), lines("answers.txt")];
  assert.ok(requests.length >= 200);
  assert.equal(requests.length, answers.length);
  for (const [index, request] of requests.entries()) {
    const digest = createHash("sha256").update(backstay.ask(request)).digest("hex");
    assert.equal(`${digest} ${answers[index].slice(65)}`, answers[index]);
  }
});

test("errors are exceptions with a code, and the next call works", () => {
  for (const [name, input, code] of [
    ["nope", {}, "unknown-call"],
    ["plan", { release: 1 }, "bad-request"],
    ["render", { files: [{ path: "a", text: "" }] }, "chart"],
    ["rollout", { at: 0, state: "x" }, "state"],
  ]) {
    assert.throws(() => backstay.call(name, input), (error) => error instanceof BackstayError && error.code === code, name);
    assert.equal(backstay.call("version").abi, 1);
  }
});

test("inputs in the wrong order are refused and change nothing", () => {
  const rollout = backstay.rollout({ at: 1000, of: deployment });
  const before = rollout.step;
  const completed = { input: "completed", id: 77, outcome: { outcome: "succeeded" } };
  assert.throws(() => rollout.tell(1000, [completed]), { code: "input" });
  assert.equal(rollout.step, before);
  const [{ id }] = before.actions;
  assert.equal(rollout.tell(2000, [{ ...completed, id }]).verdict, null);
  assert.throws(() => rollout.tell(2000, [{ ...completed, id }]), { code: "input" });
});

test("a trap is an exception, and the next call works", async () => {
  // What a module without memory or stack does: `alloc` is `unreachable`.
  const trapping =
    "0061736d010000000115046000017f60017f017f60027f7f017e60027f7f00030504000102030503010001072e05066d656d6f727902000b" +
    "6162695f76657273696f6e000005616c6c6f6300010463616c6c0002046672656500030a1104040041010b0300000b0300000b02000b";
  const broken = await Backstay.load(Buffer.from(trapping, "hex"));
  for (let round = 0; round < 2; round++) assert.throws(() => broken.ask("{}"), BackstayTrap);
  await assert.rejects(() => Backstay.load(Buffer.from("not a module")), WebAssembly.CompileError);
  assert.equal(JSON.parse(backstay.ask("")).error.code, "bad-request");
  assert.equal(backstay.call("version").abi, 1);
});

test("the examples run", () => {
  const run = (name, ...more) => execFileSync(process.execPath, [here(`../examples/${name}.mjs`), ...more], { encoding: "utf8" });
  assert.match(run("timeout", here("../../../tests/charts/shop")), /recommended/i);
  const said = run("rollout");
  assert.match(said, /install:[^]*deployed \(exit 0\)[^]*upgrade:[^]*rolled-back \(exit 1\)/);
  assert.match(said, /now runs: shop\/web:1\n/);
});
