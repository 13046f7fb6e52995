// Texts with line numbers that can be jumped to, and their differences.

import { h } from "./dom.ts";

/** Wide content in a region of its own, which the keyboard can scroll. */
function scrolls(name: string, content: HTMLElement): HTMLElement {
  return h("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, content);
}

/** A text, line by line; the marked line is scrolled to by `jump`. */
export function numbered(text: string, start = 1): HTMLElement {
  const lines = text.replace(/\n$/, "").split("\n");
  const rows = lines.map((line, index) =>
    h("li", { value: start + index, "data-line": start + index }, h("code", {}, line === "" ? " " : line)),
  );
  return scrolls("Text with line numbers", h("ol", { class: "code", start }, ...rows));
}

/** Marks a line and scrolls to it. */
export function jump(inside: HTMLElement, line: number): void {
  for (const marked of inside.querySelectorAll(".mark")) marked.classList.remove("mark");
  const row = inside.querySelector<HTMLElement>(`[data-line="${line}"]`);
  if (!row) return;
  row.classList.add("mark");
  row.tabIndex = -1;
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
}

export interface Difference {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Line differences after Myers; beyond the limit of effort everything is removed and added. */
export function difference(old: string[], now: string[], limit = 4000): Difference[] {
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const a = old.slice(head, old.length - tail);
  const b = now.slice(head, now.length - tail);
  const same = (text: string): Difference => ({ kind: "same", text });
  return [...old.slice(0, head).map(same), ...middle(a, b, limit), ...old.slice(old.length - tail).map(same)];
}

function middle(a: string[], b: string[], limit: number): Difference[] {
  const all = (): Difference[] => [
    ...a.map((text): Difference => ({ kind: "removed", text })),
    ...b.map((text): Difference => ({ kind: "added", text })),
  ];
  if (a.length === 0 || b.length === 0) return all();
  const trace: Map<number, number>[] = [];
  const best = new Map<number, number>([[1, 0]]);
  const most = Math.min(a.length + b.length, limit);
  for (let cost = 0; cost <= most; cost++) {
    trace.push(new Map(best));
    for (let k = -cost; k <= cost; k += 2) {
      const down = k === -cost || (k !== cost && (best.get(k - 1) ?? -1) < (best.get(k + 1) ?? -1));
      let x = down ? (best.get(k + 1) ?? 0) : (best.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      best.set(k, x);
      if (x >= a.length && x - k >= b.length) return back(a, b, trace, cost);
    }
  }
  return all();
}

function back(a: string[], b: string[], trace: Map<number, number>[], cost: number): Difference[] {
  const found: Difference[] = [];
  let [x, y] = [a.length, b.length];
  for (let at = cost; at >= 0; at--) {
    const best = trace[at] ?? new Map<number, number>();
    const k = x - y;
    const down = k === -at || (k !== at && (best.get(k - 1) ?? -1) < (best.get(k + 1) ?? -1));
    const from = down ? k + 1 : k - 1;
    const fromX = best.get(from) ?? 0;
    const fromY = fromX - from;
    while (x > Math.max(fromX, 0) && y > Math.max(fromY, 0)) {
      found.push({ kind: "same", text: a[--x] ?? "" });
      y--;
    }
    if (at === 0) break;
    if (down) found.push({ kind: "added", text: b[--y] ?? "" });
    else found.push({ kind: "removed", text: a[--x] ?? "" });
  }
  return found.reverse();
}

/** Differences as a list, unchanged stretches shortened to three lines around each change. */
export function shown(differences: Difference[]): HTMLElement {
  const near = differences.map((_, at) => differences.slice(Math.max(0, at - 3), at + 4).some((one) => one.kind !== "same"));
  const rows: HTMLElement[] = [];
  let skipped = 0;
  const gap = (): void => {
    if (skipped > 0) rows.push(h("li", { class: "gap" }, `${skipped} unchanged line${skipped === 1 ? "" : "s"}`));
    skipped = 0;
  };
  differences.forEach((one, at) => {
    if (!near[at]) {
      skipped++;
      return;
    }
    gap();
    const sign = { same: " ", removed: "−", added: "+" }[one.kind];
    const words = { same: "", removed: "removed: ", added: "added: " }[one.kind];
    rows.push(h("li", { class: one.kind }, h("span", { class: "sign", "aria-hidden": "true" }, sign), words && h("span", { class: "unseen" }, words), h("code", {}, one.text || " ")));
  });
  gap();
  return scrolls("Differences", h("ol", { class: "diff" }, ...rows));
}
