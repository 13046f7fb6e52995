// A real Chromium, and pages in it that must stay silent: no error on the console, no request to anybody else.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { repository, serve } from "./server.mjs";

// The packages are the page's.
const packages = createRequire(join(repository, "web", "package.json"));
const { chromium } = packages("playwright-core");
export const axeSource = packages.resolve("axe-core/axe.min.js");
const LIMIT = 60_000;

export async function browser() {
  const executablePath = process.env.BACKSTAY_TEST_CHROMIUM ?? "/usr/bin/chromium";
  // Chromium's own sandbox cannot be had by root, which is who runs tests in containers.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args });
}

/** Opens the page, does something with it, and looks whether it stayed silent. */
export async function withPage(chromiumBrowser, options, work) {
  const server = await serve();
  const context = await chromiumBrowser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT);
  const noise = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && noise.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => noise.push(`uncaught: ${error.message}`));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !url.startsWith("blob:") && !url.startsWith("data:")) noise.push(`foreign request: ${url}`);
  });
  try {
    await open(page, options?.url ?? server.url);
    await work(page, server, context);
    assert.deepEqual(noise, []);
  } finally {
    await context.close();
    await server.stop();
  }
}

export async function open(page, url) {
  await page.goto(url);
  await studied(page, 0);
  await page.waitForSelector("#rehearsal-answer .story", { state: "attached" });
}

/** Waits for a look ahead later than `count`; gives its number. */
export async function studied(page, count) {
  await page.waitForFunction((before) => Number(document.body.dataset.studied ?? 0) > before, count);
  return page.evaluate(() => Number(document.body.dataset.studied));
}

/** Does something that makes the page look ahead again, and waits for that. */
export async function change(page, work) {
  const before = await page.evaluate(() => Number(document.body.dataset.studied ?? 0));
  await work();
  return studied(page, before);
}
