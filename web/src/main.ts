// The page: what the user gave, and what is drawn from it.

import { Core, CoreError } from "./core.ts";
import { documents, references } from "./documents.ts";
import { byId, debounced, h, say } from "./dom.ts";
import { exports, policyForm, USUAL } from "./export.ts";
import { graph } from "./graph.ts";
import { lint } from "./lint.ts";
import * as rehearsal from "./rehearsal.ts";
import { ofReplay } from "./runs.ts";
import { fromFragment, toFragment, type Shared } from "./share.ts";
import { chosen, dropped, understand, type Picked, type Source } from "./source.ts";
import { story } from "./story.ts";
import { rehearse, study, type Asked, type Studied } from "./study.ts";
import * as tabs from "./tabs.ts";
import { difference, jump, numbered, shown } from "./text.ts";
import { theme } from "./theme.ts";
import { rule, sliders, timeout } from "./timeout.ts";
import type { ChartFile } from "./types.ts";
import { whatIf } from "./whatif.ts";

declare const EXAMPLE_FILES: ChartFile[];

const EXAMPLE: Source = { kind: "chart", name: "shop", files: EXAMPLE_FILES };

const asked: Asked = { source: EXAMPLE, values: "", loaded: "", release: "release-name", namespace: "default", before: "differs", inputs: {}, policy: { ...USUAL } };
let isExample = true;
let studied: Studied | undefined;
let generation = 0;
let faults: ReturnType<typeof rehearsal.form> | undefined;

function problem(text: string): void {
  const place = byId("problem");
  place.textContent = text;
  place.hidden = text === "";
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function valuesOf(source: Source): string {
  return source.kind === "chart" ? (source.files.find((file) => file.path === "values.yaml")?.text ?? "") : "";
}

/** A release is mostly called like its chart. */
function releaseOf(source: Source): string {
  const file = source.kind === "chart" ? source.files.find((one) => one.path === "Chart.yaml")?.text : undefined;
  return /^name:\s*["']?([a-z0-9][a-z0-9-]{0,51})/m.exec(file ?? "")?.[1] ?? "release-name";
}

function gutter(mark?: number): void {
  const lines = byId<HTMLTextAreaElement>("values").value.split("\n").length;
  const numbers = Array.from({ length: lines }, (_, at) => h("span", { class: at + 1 === mark ? "mark" : null }, `${at + 1}\n`));
  byId("gutter").replaceChildren(...numbers);
}

/** Shows in the form what was given. */
function fillForm(): void {
  byId<HTMLTextAreaElement>("values").value = asked.values;
  byId<HTMLTextAreaElement>("values").disabled = asked.source.kind === "manifests";
  byId<HTMLInputElement>("release").value = asked.release;
  byId<HTMLInputElement>("namespace").value = asked.namespace;
  byId<HTMLSelectElement>("before").value = asked.before;
  const what = asked.source.kind === "chart" ? (isExample ? "the example" : `a chart with ${asked.source.files.length} files`) : "manifests";
  byId("chart-name").replaceChildren(h("strong", {}, asked.source.name), `, ${what}`);
  gutter();
  sliders(asked.inputs, again);
  policyForm(() => asked.policy, drawExports);
}

function take(source: Source, example = false): void {
  isExample = example;
  asked.source = source;
  asked.loaded = asked.values = valuesOf(source);
  asked.release = releaseOf(source);
  delete asked.inputs.overrides;
  faults?.set([]);
  byId("rehearsal-answer").replaceChildren();
  fillForm();
}

function showManifestLine(line: number): void {
  tabs.open("tab-manifest");
  tabs.view("plan");
  jump(byId("manifest"), line);
}

function dialog(title: string, ...body: HTMLElement[]): void {
  byId("detail-title").textContent = title;
  byId("detail-body").replaceChildren(...body);
  byId<HTMLDialogElement>("detail").showModal();
}

function showTemplate(source: string, line: number): void {
  const text = studied?.templates[source];
  if (text === undefined) return;
  dialog(source, numbered(text));
  jump(byId("detail-body"), line);
}

function showObject(object: string): void {
  if (!studied) return;
  const find = (text: string) => documents(text).find((one) => one.object === object);
  const [now, old] = [find(studied.text), find(studied.previous)];
  const parts: HTMLElement[] = [];
  if (now && old && now.text !== old.text) parts.push(h("h3", {}, "Changed by the values"), shown(difference(old.text.split("\n"), now.text.split("\n"))));
  const definition = now ? undefined : documents(studied.definitions).find((one) => one.object === object);
  if (definition) parts.push(h("h3", {}, `Definition, from ${definition.source}`), numbered(definition.text));
  if (now) parts.push(h("h3", {}, now.source ? `Manifest, from ${now.source}` : "Manifest"), numbered(now.text, now.line));
  else if (old) parts.push(h("h3", {}, "Deleted"), numbered(old.text, old.line));
  dialog(object, ...parts);
}

function drawPlan(told: Studied): void {
  byId("waves").replaceChildren(
    ...told.warnings.map((warning) => h("p", { class: "warning" }, warning)),
    graph(told.preview, references(told.parsed), showObject),
    told.notes.trim() ? h("details", {}, h("summary", {}, "Notes of the chart"), h("pre", { class: "notes" }, told.notes)) : "");
  const found = documents(told.text);
  const list = h("ul", { class: "documents" }, ...found.map((one) =>
    h("li", {}, h("button", { type: "button", class: "link", onclick: () => jump(byId("manifest"), one.line) }, one.object), " ", h("span", { class: "hint" }, one.source))));
  byId("manifest").replaceChildren(
    h("details", { open: found.length < 16 }, h("summary", {}, `${found.length} objects`), list), numbered(told.text));
  const changes = difference(told.previous.split("\n"), told.text.split("\n"));
  const count = changes.filter((one) => one.kind !== "same").length;
  byId("changes").replaceChildren(count === 0
    ? h("p", {}, "No difference: the values are as they were loaded. Edit them to see what changes in the manifests.")
    : h("div", {}, h("p", { class: "summary" }, `${count} lines differ from the values as they were loaded`), shown(changes)));
  byId("tab-changes").textContent = count === 0 ? "Changes" : `Changes (${count})`;
}

function drawExports(): void {
  if (!studied) return;
  const { name: chart, version } = studied.chart;
  exports({ preview: studied.preview, chart, version, values: asked.values === asked.loaded ? "" : asked.values, policy: asked.policy });
}

function draw(told: Studied): void {
  drawPlan(told);
  byId("timeout-answer").replaceChildren(timeout(told.preview.timing, showManifestLine, () => {
    delete asked.inputs.overrides;
    byId("timeout").focus();
    void work();
  }));
  whatIf(told.preview.timing, told.parsed, () => asked.inputs, again);
  byId("lint").replaceChildren(lint(told.preview.findings, {
    manifest: showManifestLine, template: showTemplate, canTemplate: (source) => told.templates[source] !== undefined,
  }));
  byId("tab-lint").textContent = `Findings (${told.preview.findings.length})`;
  drawExports();
  faults?.offer(told.preview);
}

function tellError(error: unknown): void {
  const place = byId("values-error");
  place.textContent = words(error);
  if (!(error instanceof CoreError)) return;
  const { file, line } = error;
  const inValues = error.code === "values" || error.code === "schema";
  const found = /line (\d+)/.exec(error.message)?.[1];
  gutter(inValues && found ? Number(found) : undefined);
  const text = asked.source.kind === "chart" && file !== undefined ? asked.source.files.find((one) => file.endsWith(`/${one.path}`))?.text : undefined;
  if (text !== undefined && line !== undefined && file !== undefined) {
    place.append(" ", h("button", { type: "button", class: "link", onclick: () => {
      dialog(file, numbered(text));
      jump(byId("detail-body"), line);
    } }, `Show ${file}:${line}`));
  }
}

let core: Core;

async function work(): Promise<void> {
  const mine = ++generation;
  try {
    const told = await study(core, { ...asked, inputs: { ...asked.inputs } });
    if (mine !== generation) return;
    studied = told;
    byId("values-error").textContent = "";
    gutter();
    draw(told);
    document.body.dataset["studied"] = String(mine);
    say(`Plan of ${told.preview.steps.length} objects; recommended ${byId("recommended").textContent ?? ""}; ${told.preview.findings.length} findings`);
  } catch (error) {
    if (mine === generation) tellError(error);
  }
}

const again = debounced(150, () => void work());

async function replay(recording: string, name: string): Promise<void> {
  tabs.open("tab-replay");
  tabs.view("timeline");
  const told = await core.call("replay", { recording });
  const hint = told.judgement.hint ? h("p", {}, `Hint: ${told.judgement.hint}`) : "";
  const cut = told.cut_off ? h("p", { class: "warning" }, "The last line of the recording is cut off and left out.") : "";
  byId("replay-answer").replaceChildren(h("p", { class: "summary" }, name), cut, hint, story(ofReplay(told, name)));
  say(`Replayed ${name}: ${told.judgement.verdict}`);
}

async function read(picked: Picked[]): Promise<void> {
  problem("");
  try {
    const given = await understand(picked, core);
    if ("recording" in given) return await replay(given.recording, given.name);
    if ("values" in given) asked.values = given.values;
    else take(given.source);
    fillForm();
    await work();
  } catch (error) {
    problem(words(error));
  }
}

function listen(): void {
  const values = byId<HTMLTextAreaElement>("values");
  values.addEventListener("input", () => {
    asked.values = values.value;
    gutter();
    again();
  });
  values.addEventListener("scroll", () => (byId("gutter").scrollTop = values.scrollTop));
  for (const name of ["release", "namespace"] as const) {
    const input = byId<HTMLInputElement>(name);
    input.addEventListener("input", () => {
      asked[name] = input.value.trim();
      again();
    });
  }
  const before = byId<HTMLSelectElement>("before");
  before.addEventListener("change", () => {
    asked.before = before.value as Asked["before"];
    again();
  });
  byId("reset").addEventListener("click", () => {
    asked.values = asked.loaded;
    fillForm();
    again();
  });
  byId("detail-close").addEventListener("click", () => byId<HTMLDialogElement>("detail").close());
  byId("share").addEventListener("click", () => void share());
  files();
}

function files(): void {
  const file = byId<HTMLInputElement>("file");
  const folder = byId<HTMLInputElement>("folder");
  byId("choose-file").addEventListener("click", () => file.click());
  byId("choose-recording").addEventListener("click", () => file.click());
  byId("choose-folder").addEventListener("click", () => folder.click());
  byId("choose-example").addEventListener("click", () => {
    take(EXAMPLE, true);
    void work();
  });
  for (const input of [file, folder]) {
    input.addEventListener("change", () => {
      const picked = chosen(input);
      // The same file may be chosen again after it was edited.
      void read(picked).finally(() => (input.value = ""));
    });
  }
  const zone = byId("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", () => zone.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer) void dropped(event.dataTransfer).then(read);
  });
}

async function share(): Promise<void> {
  const { values, release, namespace, before, inputs, policy } = asked;
  const state: Shared = { v: 1, source: isExample ? "example" : asked.source, values, release, namespace, before, inputs, policy, faults: faults?.faults() ?? [] };
  history.replaceState(null, "", await toFragment(state));
  const button = byId("share");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Link copied";
  } catch {
    button.textContent = "Link is in the address bar";
  }
  say(`${button.textContent}. It holds the chart and the values; whoever has it can read them.`);
  setTimeout(() => (button.textContent = "Copy share link"), 3000);
}

/** What the address or `backstay ui` gives at the start; the example otherwise. */
async function begin(): Promise<void> {
  take(EXAMPLE, true);
  const shared = await fromFragment(location.hash);
  if (shared) {
    take(shared.source === "example" ? EXAMPLE : shared.source, shared.source === "example");
    const { values, release, namespace, inputs } = shared;
    Object.assign(asked, { values, release, namespace, before: shared.before, inputs, policy: { ...USUAL, ...shared.policy } });
    fillForm();
    faults?.set(shared.faults);
    return;
  }
  // Only `backstay ui CHART` puts this mark into the page.
  if (document.querySelector("meta[name=backstay-chart]")) {
    const response = await fetch("chart.json");
    if (!response.ok) throw new Error(`chart.json: the server answers ${response.status}`);
    const given = (await response.json()) as { source: Source; values?: string; release?: string; namespace?: string };
    take(given.source);
    if (given.values) asked.values = given.values;
    asked.release = given.release ?? asked.release;
    asked.namespace = given.namespace ?? asked.namespace;
    fillForm();
  }
}

async function runFaults(wanted: string[]): Promise<void> {
  if (!studied) return;
  const place = byId("rehearsal-answer");
  place.setAttribute("aria-busy", "true");
  try {
    place.replaceChildren(rehearsal.runs(await rehearse(core, asked, studied, wanted)));
  } catch (error) {
    place.replaceChildren(h("p", { class: "error", role: "alert" }, words(error)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

async function start(): Promise<void> {
  theme();
  tabs.start();
  fillForm();
  try {
    core = await Core.load("backstay-first.wasm", "backstay.wasm");
    const { faults: names } = await core.call("version", {});
    faults = rehearsal.form(names, (wanted) => void runFaults(wanted));
    rule(core);
    listen();
    await begin().catch((error: unknown) => problem(words(error)));
    await work();
    await runFaults(faults.faults());
    window.addEventListener("hashchange", () => void begin().then(work).catch((error: unknown) => problem(words(error))));
  } catch (error) {
    problem(`The core cannot be loaded: ${words(error)}`);
  }
}

void start();
