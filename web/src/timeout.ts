// The timeout panel: what to write after --timeout, and why.

import { byId, h, type Child } from "./dom.ts";
import { duration, flag } from "./time.ts";
import type { AnswerWith, ObjectTime, TimeInputs, Timing } from "./types.ts";
import { tried } from "./whatif.ts";
import type { Core } from "./core.ts";

type Name = Exclude<keyof TimeInputs, "images" | "overrides">;

interface Slider {
  name: Name;
  label: string;
  least: number;
  most: number;
  step: number;
  usual: number;
  tell(value: number): string;
}

const ms = (value: number): string => duration(value);
const SLIDERS: Slider[] = [
  { name: "image_mb", label: "Image size", least: 10, most: 5000, step: 10, usual: 300, tell: (mb) => `${mb} MB` },
  { name: "bandwidth_mb_s", label: "A node pulls", least: 1, most: 200, step: 1, usual: 10, tell: (mb) => `${mb} MB/s` },
  { name: "scheduling_ms", label: "Scheduling and volumes", least: 0, most: 120_000, step: 1000, usual: 5000, tell: ms },
  { name: "node_start_ms", label: "A new node starts", least: 0, most: 600_000, step: 10_000, usual: 0, tell: (value) => (value === 0 ? "no new node" : ms(value)) },
  { name: "nodes", label: "Nodes", least: 1, most: 50, step: 1, usual: 3, tell: (count) => `${count}` },
  { name: "start_ms", label: "A program starts", least: 0, most: 300_000, step: 1000, usual: 0, tell: (value) => (value === 0 ? "as the probes say" : ms(value)) },
  { name: "job_ms", label: "A Job works", least: 0, most: 1_800_000, step: 10_000, usual: 0, tell: (value) => (value === 0 ? "as its limits say" : ms(value)) },
];

/** Makes the sliders; `changed` runs whenever one moved. */
export function sliders(inputs: TimeInputs, changed: () => void): void {
  const rows = SLIDERS.map((slider) => {
    const given = inputs[slider.name];
    const output = h("output", { for: `slider-${slider.name}` });
    const input = h("input", { type: "range", id: `slider-${slider.name}`, min: slider.least, max: slider.most, step: slider.step, value: given ?? slider.usual });
    const tell = (): void => {
      output.textContent = slider.tell(input.valueAsNumber);
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      // Nothing given is something else than the usual value: the core may know better.
      if (input.valueAsNumber === slider.usual) delete inputs[slider.name];
      else inputs[slider.name] = input.valueAsNumber;
      tell();
      changed();
    });
    tell();
    return h("div", { class: "slider" }, h("label", { for: input.id }, slider.label), input, output);
  });
  byId("sliders").replaceChildren(...rows);
}

function bars(object: ObjectTime, longest: number, jump: (line: number) => void): HTMLElement {
  const share = (value: number): string => `${(100 * value) / longest}%`;
  const rows = object.terms.map((term) => {
    const line = term.line;
    const times = term.times > 1 ? `${term.times} × ` : "";
    const expected = h("span", { class: "bar expected" });
    const most = h("span", { class: "bar most" });
    expected.style.width = share(term.expected_ms);
    most.style.width = share(term.most_ms);
    return h("tr", {},
      h("th", { scope: "row" }, `${times}${term.what}`, h("span", { class: "bars", "aria-hidden": "true" }, most, expected)),
      h("td", {}, duration(term.expected_ms)), h("td", {}, duration(term.most_ms)),
      h("td", {}, line === null ? "assumed" : h("button", { type: "button", class: "link", onclick: () => jump(line) }, `line ${line}`)),
    );
  });
  const title: Child[] = [h("strong", {}, object.object), ` ${duration(object.expected_ms)}, at most ${duration(object.most_ms)}`];
  const heading = h("summary", {}, h("span", { class: "phase" }, object.phase), " ", ...title, object.decides && h("span", { class: "badge" }, "decides"));
  return h("details", { class: "object", open: object.decides },
    heading,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Times of ${object.object}` },
      h("table", {}, h("thead", {}, h("tr", {}, ...["Term", "Expected", "At most", "From"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, ...rows))),
    object.limit ? h("p", { class: "hint" }, `Certainly failed ${object.failed_after_ms === null ? "never" : `after ${duration(object.failed_after_ms)}`}: ${object.limit}`) : null);
}

/** The answer with its bars. */
export function timeout(timing: Timing, jump: (line: number) => void, reset: () => void): HTMLElement {
  const longest = Math.max(1, ...timing.objects.flatMap((one) => one.terms.map((term) => term.most_ms)));
  const failed = timing.failed_after_ms === null
    ? `never${timing.unlimited.length > 0 ? `: nothing but --timeout ends ${timing.unlimited.join(", ")}` : ""}`
    : `after ${duration(timing.failed_after_ms)}`;
  return h("div", {},
    h("p", { class: "headline" }, h("code", { id: "recommended" }, `--timeout ${flag(timing.total_ms)}`), " recommended"),
    timing.inputs.overrides && h("p", { class: "warning", id: "tried" }, `Tried out, not in the manifests: ${tried(timing.inputs)}. `,
      h("button", { type: "button", class: "link", onclick: reset }, "As the manifests say")),
    h("dl", { class: "facts" },
      h("dt", {}, "Expected"), h("dd", {}, duration(timing.expected_ms)),
      h("dt", {}, "Forward"), h("dd", {}, duration(timing.recommended_ms)),
      h("dt", {}, "Kept for the way back"), h("dd", {}, duration(timing.undo_ms)),
      h("dt", {}, "Certainly failed"), h("dd", {}, failed),
      h("dt", {}, "Limit of a CI job"), h("dd", {}, duration(timing.ci_job_ms))),
    timing.remarks.length > 0 && h("ul", { class: "remarks" }, ...timing.remarks.map((remark) => h("li", {}, `${remark.object}: ${remark.message}`))),
    h("h3", {}, "What takes the time"),
    ...timing.objects.map((object) => bars(object, longest, jump)));
}

const RULE = [
  { name: "pods", label: "Pods at most", value: 6 },
  { name: "initial", label: "Initial delay (s)", value: 10 },
  { name: "period", label: "Period (s)", value: 5 },
  { name: "threshold", label: "Failure threshold", value: 3 },
  { name: "buffer", label: "Buffer (s)", value: 60 },
];

/** Makes the calculator of the rule of thumb. */
export function rule(core: Core): void {
  const form = byId<HTMLFormElement>("rule");
  const fields = RULE.map(({ name, label, value }) =>
    h("label", {}, label, " ", h("input", { type: "number", name, value, min: 0, max: 1_000_000, step: 1, inputmode: "numeric" })));
  form.replaceChildren(...fields);
  const number = (name: string): number => Math.max(0, Math.trunc(Number(new FormData(form).get(name)) || 0));
  const tell = async (): Promise<void> => {
    const input = {
      pods: number("pods"), initial_delay_ms: number("initial") * 1000, period_ms: number("period") * 1000,
      failure_threshold: number("threshold"), buffer_ms: number("buffer") * 1000,
    };
    const { total_ms } = (await core.call("timeout", { rule: input })) as AnswerWith<"timeout", "total_ms">;
    const sum = `${input.pods} × (${number("initial")} s + ${number("period")} s × ${input.failure_threshold}) + ${number("buffer")} s`;
    byId("rule-answer").replaceChildren(h("strong", {}, `${total_ms / 1000} s`), ` = ${sum} (${duration(total_ms)})`);
  };
  form.addEventListener("input", () => void tell());
  form.addEventListener("submit", (event) => event.preventDefault());
  void tell();
}
