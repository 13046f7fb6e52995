// What one takes along: the flag, the plan, and files for the pipeline.

import { download, h, say } from "./dom.ts";
import { flag } from "./time.ts";
import type { Preview } from "./types.ts";

export interface Exported {
  preview: Preview;
  chart: string;
  version: string;
  /** The user's values as YAML; empty where they are the chart's own. */
  values: string;
}

function indented(text: string, by: string): string {
  return text.trimEnd().split("\n").map((line) => (line === "" ? "" : by + line)).join("\n");
}

function valuesBlock(values: string, by: string): string {
  return values.trim() === "" ? "" : `${by}values:\n${indented(values, `${by}  `)}\n`;
}

/** A HelmRelease of Flux with the recommended times. */
export function helmRelease({ preview, chart, version, values }: Exported): string {
  return `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: ${JSON.stringify(preview.release)}
  namespace: ${JSON.stringify(preview.namespace)}
spec:
  interval: 10m
  timeout: ${flag(preview.timing.recommended_ms)}
  releaseName: ${JSON.stringify(preview.release)}
  chart:
    spec:
      chart: ${JSON.stringify(chart)}
      version: ${JSON.stringify(version)}
      sourceRef:
        kind: HelmRepository
        name: my-repository # the one that has the chart
  install:
    remediation:
      retries: 0
  upgrade:
    cleanupOnFail: true
    remediation:
      retries: 0
      remediateLastFailure: true
      strategy: rollback
${valuesBlock(values, "  ")}`;
}

/** The policy file with the recommended time. */
export function policyFile({ preview }: Exported): string {
  return `# backstay.yaml: how ${preview.release} is deployed. See docs/policy.md.
timeout: ${flag(preview.timing.total_ms)}
`;
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("The browser does not let this page write to the clipboard; select the text and copy it");
  }
}

function block(title: string, name: string, text: string): HTMLElement {
  const area = h("textarea", { readonly: true, rows: Math.min(14, text.split("\n").length), "aria-label": title, wrap: "off", spellcheck: "false" });
  area.value = text;
  return h("section", { class: "export" },
    h("div", { class: "row" }, h("h3", {}, title),
      h("button", { type: "button", onclick: () => void copy(text), "aria-label": `Copy ${title}` }, "Copy"),
      h("button", { type: "button", onclick: () => download(name, text), "aria-label": `Save ${title}` }, "Save")),
    area);
}

/** All exports. */
export function exports(given: Exported, plan: string): HTMLElement {
  const { preview } = given;
  const command = `backstay deploy ${preview.release} ${given.chart} --namespace ${preview.namespace} --timeout ${flag(preview.timing.total_ms)}`;
  return h("div", {},
    block("Command", "deploy.sh", command),
    block("Plan as JSON", "plan.json", plan),
    block("Flux HelmRelease", "helmrelease.yaml", helmRelease(given)),
    block("backstay.yaml", "backstay.yaml", policyFile(given)));
}
