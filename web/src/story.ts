// A run told along time: one row an object, phases above, decisions as marks; scrubbed, played, stepped.

import { byId, h, s, say } from "./dom.ts";
import { duration } from "./time.ts";
import type { Readiness } from "./types.ts";

export type Status = Readiness["status"] | "suspect";

export interface Span {
  from: number;
  status: Status;
  message: string;
}

export interface Moment {
  t: number;
  text: string;
  /** What kind of mark it gets; plain moments get none. */
  kind: "plain" | "phase" | "bad" | "good";
}

export interface Story {
  title: string;
  rows: Map<string, Span[]>;
  phases: { from: number; name: string }[];
  moments: Moment[];
  end: number;
}

const LEFT = 214;
const ROW = 22;
const TOP = 46;

const WORDS: Record<Status, string> = {
  "current": "ready", "in-progress": "on its way", "failed": "failed", "terminating": "being deleted", "not-found": "not there",
  "unknown": "unknown", "suspect": "in trouble",
};
const SIGNS: Record<Status, string> = {
  "current": "✓", "in-progress": "…", "failed": "✕", "terminating": "−", "not-found": "○", "unknown": "?", "suspect": "!",
};

function short(name: string): string {
  return name.length > 28 ? `${name.slice(0, 13)}…${name.slice(-14)}` : name;
}

/** What an object was at a time. */
function at(spans: Span[], t: number): Span | undefined {
  return spans.findLast((span) => span.from <= t);
}

function drawing(story: Story, width: number, x: (t: number) => number): { svg: SVGElement; cursor: SVGElement } {
  const height = TOP + story.rows.size * ROW + 24;
  const parts: SVGElement[] = [];
  story.phases.forEach((phase, index) => {
    const end = story.phases[index + 1]?.from ?? story.end;
    const [left, long] = [x(phase.from), Math.max(1, x(end) - x(phase.from))];
    parts.push(s("rect", { class: `phase p${index % 2}`, x: left, y: 20, width: long, height: 18 }, s("title", {}, `${phase.name}, ${duration(phase.from)} to ${duration(end)}`)));
    if (long > phase.name.length * 6.4 + 8) parts.push(s("text", { class: "phase-name", x: left + 4, y: 33 }, phase.name));
  });
  let y = TOP;
  for (const [object, spans] of story.rows) {
    parts.push(s("text", { class: "row-name", x: LEFT - 8, y: y + 14, "text-anchor": "end" }, short(object), s("title", {}, object)));
    spans.forEach((span, index) => {
      const end = spans[index + 1]?.from ?? story.end;
      const [left, long] = [x(span.from), Math.max(1.5, x(end) - x(span.from))];
      parts.push(s("rect", { class: `span ${span.status}`, x: left, y: y + 2, width: long, height: ROW - 6 }, s("title", {}, `${object}: ${WORDS[span.status]}: ${span.message}`)));
      if (long > 14) parts.push(s("text", { class: "sign", x: left + 4, y: y + 14 }, SIGNS[span.status]));
    });
    y += ROW;
  }
  for (const moment of story.moments.filter((one) => one.kind === "bad" || one.kind === "good")) {
    const place = x(moment.t);
    const shape = moment.kind === "bad" ? `M${place} 6l6 10h-12z` : `M${place - 5} 11a5 5 0 1 0 10 0a5 5 0 1 0 -10 0`;
    parts.push(s("path", { class: `moment ${moment.kind}`, d: shape }, s("title", {}, `${duration(moment.t)} ${moment.text}`)));
    parts.push(s("line", { class: `moment ${moment.kind}`, x1: place, x2: place, y1: 16, y2: y }));
  }
  for (let tick = 0; tick <= 5; tick++) {
    const t = (story.end * tick) / 5;
    parts.push(s("text", { class: "tick", x: x(t), y: y + 16, "text-anchor": tick === 5 ? "end" : tick === 0 ? "start" : "middle" }, t === 0 ? "0" : duration(t)));
  }
  const cursor = s("line", { class: "cursor", y1: 16, y2: y });
  const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${story.title}. The table below says the same in words.` }, ...parts, cursor);
  return { svg, cursor };
}

function legend(): HTMLElement {
  const entries = (["current", "in-progress", "suspect", "failed", "terminating", "not-found"] as const).map((status) =>
    h("li", {}, h("span", { class: `key ${status}`, "aria-hidden": "true" }, SIGNS[status]), WORDS[status]));
  return h("ul", { class: "legend" }, ...entries);
}

/** The story with its controls, as wide as there is room. */
export function story(told: Story): HTMLElement {
  const width = Math.max(640, byId("timeline").clientWidth - 26);
  const end = Math.max(1, told.end);
  const x = (t: number): number => LEFT + (Math.min(t, end) / end) * (width - LEFT - 12);
  const { svg, cursor } = drawing({ ...told, end }, width, x);
  const stops = [...new Set(told.moments.map((moment) => Math.round(moment.t)))].sort((a, b) => a - b);
  const slider = h("input", { type: "range", min: 0, max: Math.ceil(end), step: 1, value: Math.ceil(end), "aria-label": "Time of the run", class: "scrubber" });
  const clock = h("output", { class: "clock" });
  const body = h("tbody");
  const now = h("p", { class: "now" });
  const show = (): void => {
    const t = slider.valueAsNumber;
    cursor.setAttribute("x1", String(x(t)));
    cursor.setAttribute("x2", String(x(t)));
    clock.textContent = duration(t);
    slider.setAttribute("aria-valuetext", duration(t));
    now.textContent = told.moments.findLast((moment) => moment.t <= t)?.text ?? "Nothing has happened yet.";
    body.replaceChildren(...[...told.rows].map(([object, spans]) => {
      const span = at(spans, t);
      const status = span?.status ?? "unknown";
      return h("tr", {}, h("th", { scope: "row" }, object),
        h("td", { class: "state" }, h("span", { class: `key ${status}`, "aria-hidden": "true" }, SIGNS[status]), span ? WORDS[status] : "not looked at"), h("td", {}, span?.message ?? ""));
    }));
  };
  const to = (t: number): void => {
    slider.value = String(t);
    show();
  };
  slider.addEventListener("input", show);
  const step = (by: 1 | -1): void => {
    const t = slider.valueAsNumber;
    to((by === 1 ? stops.find((stop) => stop > t) : stops.findLast((stop) => stop < t)) ?? (by === 1 ? Math.ceil(end) : 0));
    say(`${clock.textContent ?? ""}: ${now.textContent ?? ""}`);
  };
  const play = player(slider, end, to);
  const controls = h("div", { class: "row controls" },
    play, h("button", { type: "button", onclick: () => step(-1), "aria-label": "‹ Step back to the decision before" }, "‹ Step"),
    h("button", { type: "button", onclick: () => step(1), "aria-label": "Step › to the next decision" }, "Step ›"), slider, clock);
  const log = h("details", { class: "log" }, h("summary", {}, `All ${told.moments.length} decisions in words`),
    h("ol", {}, ...told.moments.map((moment) => h("li", { class: moment.kind }, h("time", {}, duration(moment.t)), " ", moment.text))));
  show();
  return h("div", { class: "story" }, controls, now,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Drawing of the run" }, svg), legend(),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Objects at this time" },
      h("table", { class: "states" }, h("thead", {}, h("tr", {}, ...["Object", "State", "Why"].map((name) => h("th", { scope: "col" }, name)))), body)), log);
}

function player(slider: HTMLInputElement, end: number, to: (t: number) => void): HTMLButtonElement {
  let timer = 0;
  const button = h("button", { type: "button" }, "Play");
  const stop = (): void => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  };
  button.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    if (slider.valueAsNumber >= end) to(0);
    button.textContent = "Pause";
    // A run is shown in ten seconds, however long it took.
    timer = setInterval(() => {
      if (slider.valueAsNumber >= end || !button.isConnected) stop();
      else to(slider.valueAsNumber + end / 100);
    }, 100);
  });
  return button;
}
