// The page for those who use a keyboard, a screen reader, a phone, or the dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { axeSource, browser, change, withPage } from "./browser.mjs";

let chromium;
before(async () => (chromium = await browser()));
after(() => chromium.close());

const shots = process.env.BACKSTAY_TEST_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

async function serious(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.addScriptTag({ path: axeSource });
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).slice(0, 3).join(" | ")}`);
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 768, 1280]) {
    test(`axe finds nothing serious, and nothing is cut off: ${colorScheme}, ${width} px`, () =>
      withPage(chromium, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true }, async (page) => {
        const views = width < 700 ? ["inputs", "plan", "answers", "timeline"] : [undefined];
        for (const view of views) {
          if (view) await page.click(`#views [data-to=${view}]`);
          const tabs = await page.locator("main [role=tab]:visible").all();
          for (const tab of [undefined, ...tabs]) {
            if (tab) await tab.click();
            assert.deepEqual(await serious(page), [], `${view ?? "all"} ${tab ? await tab.innerText() : ""}`);
            const wide = await page.evaluate(() => document.documentElement.scrollWidth);
            assert.ok(wide <= width, `the page is ${wide} px wide`);
            if (shots) {
              const name = [colorScheme, width, view ?? "all", tab ? await tab.getAttribute("id") : "first"].join("-");
              await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
            }
          }
        }
      }));
  }
}

test("everything can be done with the keyboard alone", () =>
  withPage(chromium, {}, async (page) => {
    const active = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute("aria-label") || document.activeElement?.tagName);
    const to = async (wanted) => {
      for (let step = 0; step < 120; step++) {
        if ((await active()) === wanted) return;
        await page.keyboard.press("Tab");
      }
      assert.fail(`Tab never reaches ${wanted}`);
    };
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
    await to("values");
    await change(page, async () => {
      await page.keyboard.press("Control+A");
      await page.keyboard.type("replicas: 4\n");
    });
    await to("tab-waves");
    await page.keyboard.press("ArrowRight");
    assert.equal(await active(), "tab-manifest");
    assert.equal(await page.getAttribute("#tab-manifest", "aria-selected"), "true");
    await page.keyboard.press("Home");
    await to("Graph of the plan");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.ok(await page.locator("#detail").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(!(await page.locator("#detail").isVisible()));
    await to("tab-timeout");
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator("#lint").isVisible());
    await to("fault");
    await to("add-fault");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.equal(await active(), "rehearse");
    await page.keyboard.press("Enter");
    await page.locator(".run").nth(1).waitFor();
    await to("Time of the run");
    const before = await page.locator(".story .clock").innerText();
    await page.keyboard.press("Home");
    assert.notEqual(await page.locator(".story .clock").innerText(), before);
  }));

test("what changes is told to screen readers", () =>
  withPage(chromium, {}, async (page) => {
    await change(page, () => page.fill("#values", "replicas: 6\n"));
    assert.match(await page.locator("#live").textContent(), /Plan of \d+ objects; recommended --timeout/);
  }));

test("the theme follows the system until it is chosen, and then is kept", () =>
  withPage(chromium, { colorScheme: "dark" }, async (page) => {
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await back();
    assert.equal(await page.getAttribute("#theme", "aria-pressed"), "true");
    await page.click("#theme");
    assert.notEqual(await back(), dark);
    await page.reload();
    assert.notEqual(await back(), dark);
    assert.equal(await page.getAttribute("#theme", "aria-pressed"), "false");
  }));
