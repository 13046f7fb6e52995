// The plan as lanes: hooks before, waves, hooks after. A card an object; arrows where one refers to another.

import { h, s } from "./dom.ts";
import { duration } from "./time.ts";
import type { Preview } from "./types.ts";

interface Card {
  object: string;
  kind: string;
  name: string;
  mark: string;
  change: string;
  note: string;
  share: number;
  x: number;
  y: number;
}

const WIDTH = 212;
const HEIGHT = 50;
const GAP = 12;
const LANE_GAP = 44;
/** Letters of a name that fit on a card. */
const FITS = 25;
const TOP = 34;

const MARKS: Record<string, string> = { create: "+", change: "~", unchanged: "=", delete: "−", adopt: "→", hook: "◆" };
const WORDS: Record<string, string> = {
  create: "created", change: "changed", unchanged: "unchanged", delete: "deleted", adopt: "taken over", hook: "hook",
};
const SHORT: Record<string, string> = {
  horizontalpodautoscaler: "autoscaler", persistentvolumeclaim: "volume claim", customresourcedefinition: "definition",
  poddisruptionbudget: "disruption budget", serviceaccount: "service account", clusterrolebinding: "cluster role binding",
};

function laneOfHook(events: string[]): "before" | "after" | undefined {
  if (events.some((event) => event.startsWith("pre-"))) return "before";
  return events.some((event) => event === "post-install" || event === "post-upgrade") ? "after" : undefined;
}

function fit(name: string, length: number): string {
  return name.length <= length ? name : `${name.slice(0, Math.ceil(length / 2) - 1)}…${name.slice(name.length - Math.floor(length / 2))}`;
}

function lanes(preview: Preview): { title: string; cards: Card[] }[] {
  const most = Math.max(1, ...preview.timing.objects.map((one) => one.expected_ms));
  const card = (object: string, change: string, timed: string): Card => {
    const [kind = "", name = ""] = object.split("/");
    const time = preview.timing.objects.find((one) => one.object === timed);
    const note = time ? duration(time.expected_ms) : "";
    return { object, kind: SHORT[kind] ?? kind, name, mark: MARKS[change] ?? "", change, note, share: time ? time.expected_ms / most : 0, x: 0, y: 0 };
  };
  const hooks = (where: "before" | "after"): Card[] =>
    preview.hooks.filter((hook) => laneOfHook(hook.events) === where)
      .sort((a, b) => a.weight - b.weight).map((hook) => card(hook.object, "hook", `hook ${hook.object}`));
  const waves = [...new Set(preview.steps.map((step) => step.wave))].sort((a, b) => a - b);
  const all = [
    { title: "Hooks before", cards: hooks("before") },
    ...waves.map((wave) => ({
      title: `Wave ${wave}`,
      cards: preview.steps.filter((step) => step.wave === wave).map((step) => card(step.object, step.change, step.object)),
    })),
    { title: "Hooks after", cards: hooks("after") },
  ];
  return all.filter((lane) => lane.cards.length > 0);
}

function drawn(card: Card, show: (object: string) => void): SVGElement {
  // What one hears begins with what one sees (WCAG 2.5.3).
  const words = `${card.mark} ${card.kind} ${fit(card.name, FITS)} ${card.note}: ${card.object}, ${WORDS[card.change] ?? card.change}`;
  const open = (): void => show(card.object);
  return s(
    "g",
    {
      class: `node ${card.change}`, transform: `translate(${card.x} ${card.y})`, role: "button", tabindex: "0", "aria-label": words,
      onclick: open,
      onkeydown: (event) => {
        const { key } = event as KeyboardEvent;
        if (key !== "Enter" && key !== " ") return;
        event.preventDefault();
        open();
      },
    },
    s("rect", { width: WIDTH, height: HEIGHT, rx: 6 }),
    card.share > 0 && s("rect", { class: "share", x: 1, y: HEIGHT - 4, width: Math.max(4, (WIDTH - 2) * card.share), height: 3 }),
    s("text", { class: "mark", x: 10, y: 30 }, card.mark), " ",
    s("text", { class: "kind", x: 28, y: 19 }, card.kind), " ",
    s("text", { class: "name", x: 28, y: 36 }, fit(card.name, FITS)), " ",
    s("text", { class: "time", x: WIDTH - 8, y: 19, "text-anchor": "end" }, card.note),
  );
}

function arrow(from: Card, to: Card): SVGElement {
  const sameLane = from.x === to.x;
  const [x1, y1] = [sameLane || from.x > to.x ? from.x : from.x + WIDTH, from.y + HEIGHT / 2];
  const [x2, y2] = [sameLane ? to.x : from.x > to.x ? to.x + WIDTH : to.x, to.y + HEIGHT / 2];
  const bend = sameLane ? Math.min(30, 10 + Math.abs(y2 - y1) / 14) : 0;
  const path = sameLane
    ? `M${x1} ${y1}C${x1 - bend} ${y1} ${x2 - bend} ${y2} ${x2 - 2} ${y2}`
    : `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
  return s("path", { class: "edge", d: path, "marker-end": "url(#arrow)" });
}

/** The drawing; its cards are buttons that show an object. */
export function graph(preview: Preview, edges: [string, string][], show: (object: string) => void): HTMLElement {
  const columns = lanes(preview);
  let x = 34;
  const parts: SVGElement[] = [];
  const placed = new Map<string, Card>();
  let height = 0;
  for (const lane of columns) {
    // A long wave is folded, so that it stays readable.
    const rows = Math.max(9, Math.ceil(lane.cards.length / 3));
    lane.cards.forEach((card, at) => {
      card.x = x + Math.floor(at / rows) * (WIDTH + LANE_GAP);
      card.y = TOP + (at % rows) * (HEIGHT + GAP);
      height = Math.max(height, card.y + HEIGHT);
      placed.set(card.object, card);
    });
    parts.push(s("text", { class: "lane", x, y: 20 }, `${lane.title} (${lane.cards.length})`));
    x += Math.ceil(lane.cards.length / rows) * (WIDTH + LANE_GAP);
  }
  const lines = edges.flatMap(([from, to]) => {
    const [a, b] = [placed.get(from), placed.get(to)];
    return a && b ? [arrow(a, b)] : [];
  });
  const tip = s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
    s("path", { d: "M0 0 8 4 0 8z", class: "tip" }));
  const size = { width: x - LANE_GAP + 10, height: height + 10 };
  const cards = columns.flatMap((lane) => lane.cards).map((card) => drawn(card, show));
  const svg = s("svg", { ...size, viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-label": "Objects by wave" },
    s("defs", {}, tip), ...parts, ...lines, ...cards);
  const counts = Object.entries(WORDS).map(([change, word]) => {
    const number = change === "hook" ? preview.hooks.length : preview.steps.filter((step) => step.change === change).length;
    return number > 0 ? `${MARKS[change]} ${number} ${word}` : "";
  });
  const undo = preview.undo.target === "revision" ? `back to revision ${preview.undo.revision}`
    : preview.undo.target === "nothing" ? "everything that was created is deleted" : `closed: ${preview.undo.reason}`;
  return h("div", {}, h("p", { class: "summary" }, counts.filter(Boolean).join(" · ")),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Graph of the plan" }, svg),
    h("p", { class: "hint" }, `Way back: ${undo}. The bar on a card is its share of the time; an arrow leads from an object to what it uses.`));
}
