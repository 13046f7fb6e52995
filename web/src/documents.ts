// A manifest's documents by the names the plan gives objects.

import type { Parsed } from "./types.ts";

export interface Document {
  /** kind/name as the plan writes it. */
  object: string;
  source: string;
  text: string;
  /** Line of its first line in the manifest, from 1. */
  line: number;
}

/** The documents of a manifest as the core prints it. */
export function documents(manifest: string): Document[] {
  const found: Document[] = [];
  let start = 0;
  const lines = manifest.split("\n");
  const take = (end: number): void => {
    const text = lines.slice(start, end).join("\n");
    const kind = /^kind:\s*["']?(\w+)/m.exec(text)?.[1];
    if (!kind) return;
    const name = /^metadata:(?:\s*\n(?:[ \t].*\n|\s*\n)*?|\s*\{.*?)[ \t]*name:[ \t]*["']?([^\s"',}]+)/m.exec(text)?.[1] ?? "";
    const source = /^# Source: (.*)$/m.exec(text)?.[1] ?? "";
    found.push({ object: `${kind.toLowerCase()}/${name}`, source, text, line: start + 1 });
  };
  lines.forEach((line, at) => {
    if (line !== "---") return;
    take(at);
    start = at + 1;
  });
  take(lines.length);
  return found;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** kind/name of an object. */
export function nameOf(object: Record<string, unknown>): string {
  return `${text(object["kind"]).toLowerCase()}/${text(record(object["metadata"])["name"])}`;
}

function podTemplate(object: Record<string, unknown>): Record<string, unknown> {
  const spec = record(object["spec"]);
  return object["kind"] === "CronJob" ? record(record(record(spec["jobTemplate"])["spec"])["template"]) : record(spec["template"]);
}

function podReferences(object: Record<string, unknown>): string[] {
  const pod = record(podTemplate(object)["spec"]);
  const found: string[] = [];
  const add = (kind: string, name: unknown): void => {
    if (text(name)) found.push(`${kind}/${text(name)}`);
  };
  add("serviceaccount", pod["serviceAccountName"]);
  for (const one of list(pod["volumes"]).map(record)) {
    add("configmap", record(one["configMap"])["name"]);
    add("secret", record(one["secret"])["secretName"]);
    add("persistentvolumeclaim", record(one["persistentVolumeClaim"])["claimName"]);
  }
  for (const container of [...list(pod["initContainers"]), ...list(pod["containers"])].map(record)) {
    for (const from of list(container["envFrom"]).map(record)) {
      add("configmap", record(from["configMapRef"])["name"]);
      add("secret", record(from["secretRef"])["name"]);
    }
    for (const from of list(container["env"]).map((one) => record(record(one)["valueFrom"]))) {
      add("configmap", record(from["configMapKeyRef"])["name"]);
      add("secret", record(from["secretKeyRef"])["name"]);
    }
  }
  return found;
}

/** Which object refers to which: names from and to. */
export function references(parsed: Parsed[]): [string, string][] {
  const found: [string, string][] = [];
  for (const { object } of parsed) {
    const own = nameOf(object);
    const spec = record(object["spec"]);
    for (const to of podReferences(object)) found.push([own, to]);
    const target = record(spec["scaleTargetRef"]);
    if (target["kind"]) found.push([own, `${text(target["kind"]).toLowerCase()}/${text(target["name"])}`]);
    if (object["kind"] === "Service") {
      const wanted = Object.entries(record(spec["selector"]));
      for (const other of parsed) {
        const labels = record(record(podTemplate(other.object)["metadata"])["labels"]);
        if (wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)) found.push([own, nameOf(other.object)]);
      }
    }
    for (const rule of list(spec["rules"]).map(record)) {
      for (const path of list(record(rule["http"])["paths"]).map(record)) {
        const service = text(record(record(path["backend"])["service"])["name"]);
        if (service) found.push([own, `service/${service}`]);
      }
    }
  }
  const known = new Set(parsed.map(({ object }) => nameOf(object)));
  const unique = new Map(found.filter(([from, to]) => known.has(to) && from !== to).map((pair) => [pair.join(" "), pair]));
  return [...unique.values()];
}
