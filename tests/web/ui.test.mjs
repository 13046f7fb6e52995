// `backstay ui`: the program serves the page with the user's chart in it, to nobody else, until it is told to stop.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { browser, studied } from "./browser.mjs";
import { repository } from "./server.mjs";

const binary = process.env.BACKSTAY_TEST_BINARY;
const skip = binary ? false : "BACKSTAY_TEST_BINARY names no program";

async function serve(...args) {
  const child = spawn(binary, ["ui", ...args], { cwd: repository, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(String(line))?.[0];
  assert.ok(url, `it says where it is: ${line}`);
  return { child, url };
}

function ask(url, path, host) {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), host ? { headers: { host } } : {}, (answer) => {
      answer.resume();
      answer.on("end", () => resolve({ status: answer.statusCode, type: answer.headers["content-type"] }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("ui serves a chart with its values on loopback, and ends when it is asked to", { skip }, async () => {
  const { child, url } = await serve(join("tests", "charts", "app"), "--set", "text=from-the-flag", "--name", "mine", "-n", "here");
  const chromium = await browser();
  try {
    assert.deepEqual(await ask(url, "/backstay.wasm"), { status: 200, type: "application/wasm" });
    assert.equal((await ask(url, "/chart.json", "evil.example")).status, 421);
    const page = await chromium.newPage();
    const noise = [];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && noise.push(message.text()));
    page.on("request", (sent) => {
      const to = sent.url();
      if (![url, "blob:", "data:"].some((start) => to.startsWith(start))) noise.push(to);
    });
    await page.goto(url);
    await studied(page, 0);
    assert.match(await page.locator("#chart-name").innerText(), /^tests\/charts\/app, a chart with/);
    assert.match(await page.inputValue("#values"), /text: from-the-flag/);
    assert.equal(await page.inputValue("#release"), "mine");
    assert.equal(await page.inputValue("#namespace"), "here");
    assert.deepEqual(noise, []);
  } finally {
    await chromium.close();
    child.kill("SIGINT");
  }
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("ui without a chart leaves the page its example", { skip }, async () => {
  const { child, url } = await serve();
  assert.equal((await ask(url, "/chart.json")).status, 404);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
