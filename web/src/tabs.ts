// Tabs as the ARIA practices want them: one tab stop, arrows choose.

import { byId } from "./dom.ts";

function choose(tab: HTMLElement, focus: boolean): void {
  const all = tab.parentElement?.querySelectorAll<HTMLElement>("[role=tab]") ?? [];
  for (const other of all) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    byId(other.getAttribute("aria-controls") ?? "").hidden = !chosen;
  }
  if (focus) tab.focus();
}

/** Shows the panel of a tab. */
export function open(tab: string): void {
  choose(byId(tab), false);
}

/** Shows one view where there is room for one only. */
export function view(name: string): void {
  document.body.dataset["view"] = name;
  for (const button of byId("views").querySelectorAll("button")) {
    if (button.dataset["to"] === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

/** Makes all tab lists and the views work. */
export function start(): void {
  for (const list of document.querySelectorAll<HTMLElement>("[role=tablist]")) {
    const tabs = [...list.querySelectorAll<HTMLElement>("[role=tab]")];
    list.addEventListener("click", (event) => {
      const tab = (event.target as Element).closest<HTMLElement>("[role=tab]");
      if (tab) choose(tab, false);
    });
    list.addEventListener("keydown", (event) => {
      const at = tabs.indexOf(document.activeElement as HTMLElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
      const tab = to === undefined ? undefined : tabs[(to + tabs.length) % tabs.length];
      if (at < 0 || !tab) return;
      event.preventDefault();
      choose(tab, true);
    });
  }
  byId("views").addEventListener("click", (event) => {
    const to = (event.target as HTMLElement).dataset["to"];
    if (to) view(to);
  });
}
