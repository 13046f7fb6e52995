// What a user does with the page, in a real Chromium.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { browser, change, open, withPage } from "./browser.mjs";
import { repository } from "./server.mjs";

let chromium;
before(async () => (chromium = await browser()));
after(() => chromium.close());

const binary = process.env.BACKSTAY_TEST_BINARY;
const place = mkdtempSync(join(tmpdir(), "backstay-page-"));
after(() => rmSync(place, { recursive: true }));

const check = (name, work, options = {}) => test(name, () => withPage(chromium, options, work));
const text = (page, selector) => page.locator(selector).innerText();

check("the example is there at once, with plan, timeout and findings", async (page) => {
  assert.match(await text(page, "#chart-name"), /shop, the example/);
  assert.match(await text(page, "#recommended"), /^--timeout \d/);
  assert.equal(await page.locator("#waves .node").count(), 10);
  assert.match(await text(page, "#tab-lint"), /Findings \(\d+\)/);
});

check("an edit of the values changes manifests, differences and time", async (page) => {
  const values = await page.inputValue("#values");
  await change(page, () => page.fill("#values", values.replace("tag: 1.4.0", "tag: 1.5.0").replace("failureThreshold: 20", "failureThreshold: 90")));
  await page.click("#tab-changes");
  assert.match(await text(page, "#changes"), /web:1\.5\.0/);
  assert.match(await text(page, "#changes"), /lines differ/);
  const slower = await text(page, "#recommended");
  await change(page, () => page.click("#reset"));
  assert.notEqual(await text(page, "#recommended"), slower);
  assert.match(await text(page, "#changes"), /No difference/);
});

check("wrong values are told, and the last good plan stays", async (page) => {
  await page.fill("#values", "image: [");
  await page.waitForFunction(() => document.querySelector("#values-error").textContent !== "");
  assert.equal(await page.locator("#waves .node").count(), 10);
});

check("a template that fails names its line, which can be shown", async (page) => {
  await page.fill("#values", "image: 3\n");
  await page.waitForSelector("#values-error button");
  assert.match(await text(page, "#values-error"), /shop\/templates\/\S+:\d+/);
  await page.click("#values-error button");
  assert.equal(await page.locator("#detail-body li.mark").count(), 1);
});

check("the graph shows hooks, waves, uses and an object's manifest", async (page) => {
  const lanes = await page.locator("#waves .lane").allTextContents();
  assert.deepEqual(lanes, ["Hooks before (1)", "Wave 0 (9)"]);
  assert.ok((await page.locator("#waves .edge").count()) >= 4);
  await page.click('#waves .node[aria-label*="statefulset"]');
  assert.match(await text(page, "#detail-body"), /kind: StatefulSet/);
});

check("a finding leads to its line", async (page) => {
  await page.click("#tab-lint");
  await page.click("#lint .finding button");
  assert.equal(await page.locator("#manifest li.mark").count(), 1);
  assert.ok(await page.locator("#manifest li.mark").isVisible());
});

check("the rule of thumb gives 210 s for six pods", async (page) => {
  await page.click("#rule-box summary");
  assert.match(await text(page, "#rule-answer"), /^210 s/);
  await page.fill("#rule [name=pods]", "7");
  await page.waitForFunction(() => document.querySelector("#rule-answer").textContent.startsWith("235 s"));
});

check("a slider changes the time, and its term", async (page) => {
  const before = await text(page, "#recommended");
  await change(page, () => page.locator("#slider-image_mb").fill("3000"));
  assert.notEqual(await text(page, "#recommended"), before);
  assert.match(await text(page, "#timeout-answer"), /5m/);
});

check("replicas and probes can be tried out without editing the manifests", async (page, _server, context) => {
  const [before, manifest] = [await text(page, "#recommended"), await text(page, "#manifest")];
  const replicas = page.locator("#what-if #try-deployment-shop-web-spec-replicas");
  if (!(await replicas.isVisible())) await page.click("#what-if summary >> text=deployment/shop-web");
  await replicas.focus();
  await change(page, () => replicas.fill("20"));
  assert.match(await text(page, "#tried"), /Tried out, not in the manifests: deployment\/shop-web replicas = 20/);
  // The slider stays the one that was moved.
  assert.ok(await replicas.evaluate((element) => element === document.activeElement));
  await change(page, () => page.locator("#try-deployment-shop-web-spec-template-spec-containers-0-readinessProbe-failureThreshold").fill("40"));
  const slower = await text(page, "#recommended");
  assert.notEqual(slower, before);
  await page.click("#share");
  await page.waitForFunction(() => location.hash.startsWith("#s="));
  const second = await context.newPage();
  await open(second, page.url());
  assert.equal(await text(second, "#recommended"), slower);
  assert.equal(await second.inputValue("#try-deployment-shop-web-spec-replicas"), "20");
  await change(page, () => page.click("#tried button"));
  assert.equal(await text(page, "#recommended"), before);
  assert.equal(await text(page, "#manifest"), manifest);
  assert.equal(await page.locator("#tried").count(), 0);
});

check("a first install is another plan", async (page) => {
  await change(page, () => page.selectOption("#before", "nothing"));
  assert.match(await text(page, "#waves .summary"), /9 created/);
  assert.match(await text(page, "#waves"), /everything that was created is deleted/);
});

check("a missing image is rehearsed: detected, undone, scrubbed", async (page) => {
  await page.selectOption("#fault-target", "deployment/shop-web");
  await page.click("#add-fault");
  await page.click("#rehearse");
  const run = page.locator(".run", { hasText: "image-not-found@deployment/shop-web" });
  await run.waitFor();
  assert.match(await run.innerText(), /rolled back \(image-not-found\), exit 1/);
  assert.equal(await page.locator(".story line.moment.bad").count(), 2);
  const end = await text(page, ".story .clock");
  await page.locator(".scrubber").fill("0");
  assert.notEqual(await text(page, ".story .clock"), end);
  const first = await text(page, ".states");
  await page.click("text=Step ›");
  await page.click("text=Step ›");
  assert.notEqual(await text(page, ".states"), first);
  assert.match(await page.locator("#rehearsal-answer").innerText(), /web:1\.4\.0: not found/);
});

check("a recording is replayed thought by thought", async (page) => {
  await page.click("#tab-replay");
  await page.setInputFiles("#file", join(repository, "core", "health", "tests", "recordings", "f1-image-not-found.ndjson"));
  await page.waitForSelector("#replay-answer .story");
  assert.match(await text(page, "#replay-answer"), /condemned after/);
  assert.match(await text(page, "#replay-answer"), /image-not-found/);
});

check("a folder, an archive, manifests and a values file are understood", async (page) => {
  await change(page, () => page.setInputFiles("#folder", join(repository, "tests", "charts", "app")));
  assert.match(await text(page, "#chart-name"), /^app, a chart with/);
  const archive = execFileSync("tar", ["-czf", "-", "-C", join(repository, "tests", "charts"), "failures"]);
  await change(page, () => page.setInputFiles("#file", { name: "failures-1.0.0.tgz", mimeType: "application/gzip", buffer: archive }));
  assert.match(await text(page, "#chart-name"), /^failures-1\.0\.0\.tgz, a chart with/);
  const object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n";
  const file = (name, content) => ({ name, mimeType: "text/yaml", buffer: Buffer.from(content) });
  await change(page, () => page.setInputFiles("#file", file("all.yaml", object)));
  assert.match(await text(page, "#chart-name"), /all\.yaml, manifests/);
  assert.equal(await page.locator("#waves .node").count(), 1);
  await page.setInputFiles("#file", file("broken.tgz", "no gzip"));
  await page.waitForSelector("#problem:not([hidden])");
  await change(page, () => page.click("#choose-example"));
  await change(page, () => page.setInputFiles("#file", file("values.yaml", "replicas: 5\n")));
  assert.equal(await page.inputValue("#values"), "replicas: 5\n");
});

check("a share link carries everything, and nothing goes to the server", async (page, server, context) => {
  await change(page, () => page.fill("#values", "replicas: 7\n"));
  await change(page, () => page.fill("#release", "other"));
  await change(page, () => page.locator("#slider-nodes").fill("9"));
  await page.click("#add-fault");
  await page.click("#share");
  await page.waitForFunction(() => location.hash.startsWith("#s="));
  const [link, timeout] = [page.url(), await text(page, "#recommended")];
  const second = await context.newPage();
  await open(second, link);
  assert.equal(await second.inputValue("#values"), "replicas: 7\n");
  assert.equal(await second.inputValue("#release"), "other");
  assert.equal(await second.inputValue("#slider-nodes"), "9");
  assert.equal(await text(second, "#recommended"), timeout);
  assert.equal(await second.locator(".chip").count(), 1);
  assert.ok(server.asked.every((path) => ["/", "/page.js", "/style.css", "/backstay-first.wasm", "/backstay.wasm"].includes(path)), server.asked.join());
});

check("a damaged link is told, and the example is shown", async (page) => {
  await page.evaluate(() => (location.hash = "#s=AAAA"));
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await text(page, "#problem"), /link is damaged/);
});

check("it works offline once it is there, and may connect to nobody", async (page, _server, context) => {
  await context.setOffline(true);
  await change(page, () => page.fill("#values", "replicas: 3\n"));
  await page.click("#rehearse");
  await page.waitForFunction(() => document.querySelector("#rehearsal-answer").getAttribute("aria-busy") === null);
  await context.setOffline(false);
  const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content");
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /connect-src 'self'/);
});

check("exports are what the plan says", async (page) => {
  await change(page, () => page.fill("#values", "replicas: 3\n"));
  await page.click("#tab-export");
  const value = (name) => page.locator(`#export textarea[aria-label="${name}"]`).inputValue();
  const flag = (await text(page, "#recommended")).replace("--timeout ", "");
  assert.ok((await value("Command")).endsWith(`--timeout ${flag} --values values.yaml`));
  assert.equal(await value("Values"), "replicas: 3\n");
  assert.equal(JSON.parse(await value("Plan as JSON")).release, "shop");
  const release = await value("Flux HelmRelease");
  assert.match(release, /kind: HelmRelease/);
  assert.match(release, /values:\n    replicas: 3/);
  const policy = await value("backstay.yaml");
  assert.match(policy, new RegExp(`^timeout: ${flag}\nfailFast: default\nbake: 0s\nremediation: rollback\nhooks: true$`, "m"));
  assert.match(policy, /#   pre-upgrade: job\/\S+, weight -5/);
});

check("exports carry what is decided about failures, and links do", async (page, _server, context) => {
  const total = await text(page, "#recommended");
  await page.click("#tab-export");
  const of = (where, name) => where.locator(`#export textarea[aria-label="${name}"]`).inputValue();
  for (const [id, word] of [["fail-fast", "strict"], ["remediation", "none"], ["hooks", "left out"]]) await page.selectOption(`#${id}`, word);
  await page.fill("#bake", "90");
  const policy = await of(page, "backstay.yaml");
  assert.match(policy, /^failFast: strict\nbake: 90s\nremediation: none\nhooks: false\n$/m);
  // A given time contains the time that everything has to hold.
  assert.ok(!policy.includes(`timeout: ${total.replace("--timeout ", "")}\n`), policy);
  assert.match(await of(page, "Command"), /--fail-fast strict --bake 90s --no-hooks --policy backstay\.yaml$/);
  const release = await of(page, "Flux HelmRelease");
  assert.match(release, /disableHooks: true\n    remediation:\n      retries: 0\n      remediateLastFailure: false/);
  await page.click("#share");
  await page.waitForFunction(() => location.hash.startsWith("#s="));
  const second = await context.newPage();
  await open(second, page.url());
  assert.equal(await of(second, "backstay.yaml"), policy);
  const [policies, releases] = [join(place, "backstay.yaml"), join(place, "helmrelease.yaml")];
  writeFileSync(policies, policy);
  writeFileSync(releases, release.replace("my-repository", "charts"));
  if (!binary) return;
  // The program takes the policy as it is.
  const chart = join(repository, "tests", "charts", "shop");
  execFileSync(binary, ["plan", "shop", chart, "--policy", policies, "--sandbox"], { cwd: place, stdio: "pipe" });
});
