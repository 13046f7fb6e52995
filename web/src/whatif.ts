// What if there were more replicas, or another probe: numbers of the manifest to move, which the core then counts with.

import { byId, h } from "./dom.ts";
import { duration } from "./time.ts";
import type { Override, Parsed, TimeInputs, Timing } from "./types.ts";

interface Movable {
  object: string;
  field: string;
  label: string;
  given: number;
  least: number;
  most: number;
  tell(value: number): string;
}

type Fields = Record<string, unknown>;

const PROBES = [["startupProbe", "startup"], ["readinessProbe", "readiness"]] as const;
// The API's defaults.
const PARTS = [
  { field: "initialDelaySeconds", label: "delay", usual: 0, least: 0, most: 120 },
  { field: "periodSeconds", label: "period", usual: 10, least: 1, most: 60 },
  { field: "failureThreshold", label: "failures", usual: 3, least: 1, most: 60 },
] as const;

function fields(of: unknown, name: string): Fields {
  const value = (of as Fields | undefined)?.[name];
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function number(of: Fields, name: string, usual: number): number {
  const value = of[name];
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : usual;
}

const times = (count: number): string => `${count}`;
const seconds = (count: number): string => duration(count * 1000);

function numbersOf(object: string, parsed: Parsed): Movable[] {
  const spec = fields(parsed.object, "spec");
  const numbers: Movable[] = [];
  if (["Deployment", "StatefulSet", "ReplicaSet"].includes(String(parsed.object["kind"]))) {
    const given = number(spec, "replicas", 1);
    numbers.push({ object, field: "spec.replicas", label: "Replicas", given, least: 1, most: Math.max(20, 2 * given), tell: times });
  }
  const containers = fields(fields(spec, "template"), "spec")["containers"];
  for (const [index, container] of (Array.isArray(containers) ? containers : []).entries()) {
    for (const [name, word] of PROBES) {
      const probe = (container as Fields)[name];
      if (typeof probe !== "object" || probe === null) continue;
      for (const part of PARTS) {
        const given = number(probe as Fields, part.field, part.usual);
        numbers.push({
          object, field: `spec.template.spec.containers[${index}].${name}.${part.field}`, given, least: part.least,
          label: `${String((container as Fields)["name"])}, ${word} ${part.label}`, most: Math.max(part.most, 2 * given),
          tell: part.field === "failureThreshold" ? times : seconds,
        });
      }
    }
  }
  return numbers;
}

function same(one: Override, other: { object: string; field: string }): boolean {
  return one.object === other.object && one.field === other.field;
}

/** What is tried out, in words. */
export function tried(inputs: TimeInputs): string {
  return (inputs.overrides ?? []).map((one) => `${one.object} ${one.field.replace("spec.template.spec.", "").replace("spec.", "")} = ${one.value}`).join(", ");
}

/** The sliders as they were drawn: drawn anew only when there are others, so that one that is moved stays under the hand. */
let drawn = "";

function row(one: Movable, of: () => TimeInputs, changed: () => void): HTMLElement {
  const id = `try-${one.object}-${one.field}`.replace(/[^a-zA-Z0-9-]+/g, "-");
  const value = of().overrides?.find((other) => same(other, one))?.value ?? one.given;
  const output = h("output", { for: id });
  const input = h("input", { type: "range", id, min: one.least, max: one.most, step: 1, value });
  const tell = (): void => {
    const now = input.valueAsNumber;
    output.textContent = now === one.given ? one.tell(now) : `${one.tell(now)}, not ${one.tell(one.given)}`;
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    const inputs = of();
    const others = (inputs.overrides ?? []).filter((other) => !same(other, one));
    const now = input.valueAsNumber === one.given ? [] : [{ object: one.object, field: one.field, value: input.valueAsNumber }];
    inputs.overrides = [...others, ...now];
    if (inputs.overrides.length === 0) delete inputs.overrides;
    tell();
    changed();
  });
  tell();
  return h("div", { class: "slider" }, h("label", { for: id }, one.label), input, output);
}

/** Draws the sliders of what takes time; `changed` runs whenever one moved. */
export function whatIf(timing: Timing, parsed: Parsed[], of: () => TimeInputs, changed: () => void): void {
  const groups = timing.objects.flatMap(({ object, decides }) => {
    const of = parsed.find((one) => `${String(one.object["kind"]).toLowerCase()}/${String(fields(one.object, "metadata")["name"])}` === object);
    const numbers = of ? numbersOf(object, of) : [];
    return numbers.length > 0 ? [{ object, decides, numbers }] : [];
  });
  const now = JSON.stringify(groups.map(({ object, numbers }) => [object, numbers]));
  const place = byId("what-if");
  if (now === drawn && tried(of()) === place.dataset["tried"]) return;
  // Moving one changes what is tried, not which sliders there are.
  const isMoved = now === drawn && place.contains(document.activeElement);
  drawn = now;
  place.dataset["tried"] = tried(of());
  if (isMoved) return;
  place.replaceChildren(...groups.map(({ object, decides, numbers }) =>
    h("details", { open: decides }, h("summary", {}, `What if: ${object}`), ...numbers.map((one) => row(one, of, changed)))));
}
