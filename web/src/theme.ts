// Light, dark, or as the system is.

import { byId } from "./dom.ts";

const KEY = "backstay-theme";

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // Storage may be forbidden; the system's choice will do.
  }
}

/** Makes the switch work. */
export function theme(): void {
  const button = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = (): boolean => (document.documentElement.dataset["theme"] ?? (system.matches ? "dark" : "light")) === "dark";
  const tell = (): void => button.setAttribute("aria-pressed", String(isDark()));
  const kept = stored();
  if (kept === "light" || kept === "dark") document.documentElement.dataset["theme"] = kept;
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset["theme"] = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // It holds until the page is closed.
    }
    tell();
  });
  system.addEventListener("change", tell);
  tell();
}
