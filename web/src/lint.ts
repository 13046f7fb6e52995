// The findings, worst first; each leads to its line.

import { h } from "./dom.ts";
import type { Finding, Severity } from "./types.ts";

const ORDER: Severity[] = ["error", "warning", "info"];
const WORDS: Record<Severity, string> = { error: "Error", warning: "Warning", info: "Note" };
const SIGNS: Record<Severity, string> = { error: "✕", warning: "!", info: "i" };

export interface Jumps {
  manifest(line: number): void;
  template(source: string, line: number): void;
  canTemplate(source: string): boolean;
}

function entry(finding: Finding, jumps: Jumps): HTMLElement {
  const { line, template_line, source } = finding;
  const places = [
    line !== null && h("button", { type: "button", class: "link", onclick: () => jumps.manifest(line) }, `manifest line ${line}`),
    template_line !== null && jumps.canTemplate(source) &&
      h("button", { type: "button", class: "link", onclick: () => jumps.template(source, template_line) }, `${source}:${template_line}`),
  ];
  return h("li", { class: `finding ${finding.severity}` },
    h("p", {}, h("span", { class: `severity ${finding.severity}` }, `${SIGNS[finding.severity]} ${WORDS[finding.severity]}`), " ",
      h("strong", {}, finding.object), `: ${finding.message}`),
    h("p", { class: "hint" }, `${finding.why}.`), h("p", {}, "Fix: ", finding.fix),
    h("p", { class: "row" }, ...places, h("code", {}, finding.code)));
}

/** All findings. */
export function lint(findings: Finding[], jumps: Jumps): HTMLElement {
  if (findings.length === 0) return h("p", {}, "Nothing was found.");
  const sorted = ORDER.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  const counts = ORDER.map((severity) => [severity, findings.filter((one) => one.severity === severity).length] as const)
    .filter(([, count]) => count > 0).map(([severity, count]) => `${count} ${WORDS[severity].toLowerCase()}${count === 1 ? "" : "s"}`);
  return h("div", {}, h("p", { class: "summary" }, counts.join(" · ")), h("ul", { class: "findings" }, ...sorted.map((finding) => entry(finding, jumps))));
}
