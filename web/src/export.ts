// What one takes along: the flag, the plan, and files for the pipeline.

import { byId, download, h, say } from "./dom.ts";
import { flag } from "./time.ts";
import type { Preview } from "./types.ts";

const FAIL_FAST = ["off", "default", "strict"] as const;
const REMEDIATIONS = ["rollback", "uninstall", "none"] as const;

/** What a team decides about its rollouts, as far as the page asks for it; the names are those of docs/policy.md. */
export interface Policy {
  failFast: (typeof FAIL_FAST)[number];
  bake_s: number;
  remediation: (typeof REMEDIATIONS)[number];
  hooks: boolean;
}

/** What `deploy` does without other word. */
export const USUAL: Policy = { failFast: "default", bake_s: 0, remediation: "rollback", hooks: true };

export interface Exported {
  preview: Preview;
  chart: string;
  version: string;
  /** The user's values as YAML; empty where they are the chart's own. */
  values: string;
  policy: Policy;
}

/** Draws the questions; `changed` runs after each answer. */
export function policyForm(of: () => Policy, changed: () => void): void {
  const policy = of();
  const options = (words: readonly string[], chosen: string): HTMLElement[] => words.map((word) => h("option", { value: word, selected: word === chosen }, word));
  const failFast = h("select", { id: "fail-fast" }, ...options(FAIL_FAST, policy.failFast));
  const remediation = h("select", { id: "remediation" }, ...options(REMEDIATIONS, policy.remediation));
  const bake = h("input", { type: "number", id: "bake", min: 0, max: 86_400, step: 1, value: policy.bake_s, inputmode: "numeric" });
  const hooks = h("select", { id: "hooks" }, ...options(["run", "left out"], policy.hooks ? "run" : "left out"));
  const form = byId<HTMLFormElement>("policy");
  form.replaceChildren(
    h("label", {}, "Fail fast ", failFast), h("label", {}, "After a failure ", remediation),
    h("label", {}, "Bake: hold for (s) ", bake), h("label", {}, "Hooks ", hooks));
  form.oninput = () => {
    const bake_s = Math.min(86_400, Math.max(0, Math.trunc(bake.valueAsNumber) || 0));
    Object.assign(of(), { failFast: failFast.value, remediation: remediation.value, bake_s, hooks: hooks.value === "run" });
    changed();
  };
  form.onsubmit = (event) => event.preventDefault();
}

function indented(text: string, by: string): string {
  return text.trimEnd().split("\n").map((line) => (line === "" ? "" : by + line)).join("\n");
}

function valuesBlock(values: string, by: string): string {
  return values.trim() === "" ? "" : `${by}values:\n${indented(values, `${by}  `)}\n`;
}

/** A HelmRelease of Flux with the recommended times, what becomes of a failure, and the values. */
export function helmRelease({ preview, chart, version, values, policy }: Exported): string {
  const goesBack = policy.remediation !== "none";
  const disabled = policy.hooks ? "" : "    disableHooks: true\n";
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
${disabled}    remediation:
      retries: 0
      remediateLastFailure: ${goesBack}
  upgrade:
${disabled}    cleanupOnFail: ${goesBack}
    remediation:
      retries: 0
      remediateLastFailure: ${goesBack}
      strategy: ${policy.remediation === "uninstall" ? "uninstall" : "rollback"}
${valuesBlock(values, "  ")}`;
}

/** The recommended time for both ways; a given one contains the time that everything has to hold. */
function total(preview: Preview, policy: Policy): string {
  return flag(preview.timing.total_ms + policy.bake_s * 1000);
}

/** The policy file: all that was decided here, with the recommended time. */
export function policyFile({ preview, policy }: Exported): string {
  const hooks = policy.hooks ? preview.hooks.map((hook) => `#   ${hook.events.join(", ")}: ${hook.object}, weight ${hook.weight}\n`).join("") : "";
  return `# backstay.yaml: how ${preview.release} is deployed. See docs/policy.md.
timeout: ${total(preview, policy)}
failFast: ${policy.failFast}
bake: ${policy.bake_s}s
remediation: ${policy.remediation}
hooks: ${policy.hooks}
${hooks && `# The hooks of this plan:\n${hooks}`}`;
}

/** The same as a command. */
function command({ preview, chart, values, policy }: Exported): string {
  const words = ["backstay deploy", preview.release, chart, "--namespace", preview.namespace, "--timeout", total(preview, policy)];
  if (values.trim() !== "") words.push("--values values.yaml");
  if (policy.failFast !== USUAL.failFast) words.push("--fail-fast", policy.failFast);
  if (policy.bake_s > 0) words.push("--bake", `${policy.bake_s}s`);
  if (!policy.hooks) words.push("--no-hooks");
  // There is no flag for it.
  if (policy.remediation !== USUAL.remediation) words.push("--policy backstay.yaml");
  return words.join(" ");
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
export function exports(given: Exported): void {
  const { preview, values } = given;
  const parts = [
    block("Command", "deploy.sh", command(given)),
    block("backstay.yaml", "backstay.yaml", policyFile(given)),
    block("Flux HelmRelease", "helmrelease.yaml", helmRelease(given)),
    values.trim() !== "" && block("Values", "values.yaml", values),
    block("Plan as JSON", "plan.json", JSON.stringify(preview, null, 2)),
  ];
  byId("exports").replaceChildren(...parts.filter((part) => part !== false));
}
