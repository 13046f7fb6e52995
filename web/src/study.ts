// From source and values to what is shown: the calls, in order.

import type { Core } from "./core.ts";
import type { Policy } from "./export.ts";
import type { Source } from "./source.ts";
import type { LookAheadInput, Parsed, Preview, RenderAnswer, Run, TimeInputs } from "./types.ts";

export interface Asked {
  source: Source;
  /** The values as YAML, whole. */
  values: string;
  /** The values as they were loaded. */
  loaded: string;
  release: string;
  namespace: string;
  before: "differs" | "loaded" | "nothing";
  inputs: TimeInputs;
  policy: Policy;
}

/** What of a rendered chart is shown. */
type Rendered = Pick<RenderAnswer, "text" | "notes" | "warnings" | "crds" | "chart">;

export interface Studied {
  text: string;
  /** The files of crds/, which are not among the manifests. */
  definitions: string;
  previous: string;
  templates: Record<string, string>;
  chart: { name: string; version: string };
  notes: string;
  warnings: string[];
  preview: Preview;
  parsed: Parsed[];
}

/** What is random in templates stays the same while the page is open, so that only edits make differences. */
const SEED = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
const NOW = new Date().toISOString();

async function render(core: Core, asked: Asked, values: string, isUpgrade: boolean): Promise<Rendered> {
  if (asked.source.kind === "manifests") {
    return { text: asked.source.text, notes: "", warnings: [], crds: [], chart: { name: asked.source.name, version: "" } };
  }
  return core.call("render", {
    files: asked.source.files, values_files: [values], release: asked.release, namespace: asked.namespace,
    is_upgrade: isUpgrade, revision: isUpgrade ? 2 : 1, seed: SEED, now: NOW,
  });
}

function templates(source: Source, chart: string): Record<string, string> {
  if (source.kind === "manifests") return {};
  return Object.fromEntries(source.files.flatMap(({ path, text }) => (text === undefined ? [] : [[`${chart}/${path}`, text]])));
}

/** The files of crds/, each under its name. */
function definitions({ crds }: Rendered): string {
  return crds.map(({ source, content }) => `---\n# Source: ${source}\n${content}`).join("\n");
}

function before(asked: Asked, previous: string): Pick<LookAheadInput, "install" | "previous"> {
  if (asked.before === "nothing") return { install: true };
  return asked.before === "loaded" ? { previous } : {};
}

/** Renders and looks ahead. */
export async function study(core: Core, asked: Asked): Promise<Studied> {
  const rendered = await render(core, asked, asked.values, asked.before !== "nothing");
  const old = asked.values === asked.loaded ? rendered : await render(core, asked, asked.loaded, asked.before !== "nothing");
  const known = templates(asked.source, rendered.chart.name);
  const defined = definitions(rendered);
  const { preview } = await core.call("preview", {
    release: asked.release, namespace: asked.namespace, manifest: rendered.text, inputs: asked.inputs, templates: known,
    definitions: defined, facts: { undo: true }, ...before(asked, old.text),
  });
  const parsed = await core.call("parse-manifest", { manifest: rendered.text });
  return {
    text: rendered.text, definitions: defined, previous: old.text, templates: known, chart: rendered.chart, notes: rendered.notes,
    warnings: rendered.warnings, preview, parsed,
  };
}

/** A healthy run and one for each fault. */
export async function rehearse(core: Core, asked: Asked, studied: Studied, faults: string[]): Promise<Run[]> {
  const { runs } = await core.call("rehearsals", {
    release: asked.release, namespace: asked.namespace, manifest: studied.text, faults, ...before(asked, studied.previous),
  });
  return runs;
}
