// node hostile.mjs MODULE: callers that break the rules get an error as an answer, and the next call works.

import assert from "node:assert/strict";
import { argv } from "node:process";

import { Backstay } from "./backstay.mjs";

const backstay = await Backstay.load(argv[2]);
const { alloc, call, free, memory } = backstay.exports;

const works = (after) => {
  const { abi } = backstay.call("version");
  assert.equal(abi, 1, after);
};

const isError = (answer, code, after) => {
  const { error } = JSON.parse(answer);
  assert.equal(error?.code, code, `${after}: ${answer}`);
  works(after);
};

const raw = (bytes) => {
  const pointer = alloc(bytes.length) >>> 0;
  new Uint8Array(memory.buffer, pointer, bytes.length).set(bytes);
  return backstay.take(call(pointer, bytes.length));
};

works("the beginning");

for (const text of ["{", "null", "[]", '"x"', "1e999", '{"call": 1}', "\u0000", '{"call": "version"}}', "[".repeat(100000)]) {
  isError(backstay.ask(text), "bad-request", `the request ${text.slice(0, 20)}`);
}
isError(backstay.ask('{"call": "nope"}'), "unknown-call", "an unknown call");
isError(raw([0xff, 0xfe, 0x7b]), "bad-request", "bytes that are not UTF-8");

const size = memory.buffer.byteLength;
for (const [pointer, length] of [
  [0, 0], [0, 10], [0, 0xffffffff], [1, 1], [8, 0xfffffff0], [size - 1, 2], [size, 1], [0xffffffff, 1], [0xffffffff, 0xffffffff],
]) {
  isError(backstay.take(call(pointer, length)), "bad-request", `pointer ${pointer} and length ${length}`);
  free(pointer, length);
  works(`free of pointer ${pointer} and length ${length}`);
}

// Nothing, and more than a buffer can be.
for (const length of [0, 0x80000000, 0xffffffff]) {
  assert.equal(alloc(length), 0, `alloc(${length})`);
  works(`alloc(${length})`);
}

// A buffer with another length than its own, and one that was given back.
const buffer = alloc(64) >>> 0;
isError(backstay.take(call(buffer, 65)), "bad-request", "a length that is too large");
free(buffer, 63);
free(buffer, 64);
free(buffer, 64);
isError(backstay.take(call(buffer, 64)), "bad-request", "a buffer that was given back");

const chart = (text) => [
  { path: "Chart.yaml", text: "apiVersion: v2\nname: a\nversion: 1.0.0\n" },
  { path: "templates/a.yaml", text },
];

// Nothing is left behind: many calls do not make the memory grow.
for (let round = 0; round < 50; round++) backstay.call("render", { files: chart("a: {{ .Release.Name }}\n") });
const before = memory.buffer.byteLength;
for (let round = 0; round < 500; round++) backstay.call("render", { files: chart("a: {{ .Release.Name }}\n") });
assert.equal(memory.buffer.byteLength, before, "memory grows with the number of calls");

console.log("ok");
