// The rehearsal panel: faults to switch on, and the run of each.

import { byId, h, say } from "./dom.ts";
import { ofRun, verdictText } from "./runs.ts";
import { story } from "./story.ts";
import type { Preview, Run } from "./types.ts";

const FAULTY = /^(deployment|statefulset|daemonset|replicaset|job|pod|cronjob)\//;
const NUMBERS: Record<string, number> = {
  "slow-pull": 60_000, "crash-after": 5000, "crash-until-restart": 2, "exit": 1, "slow-start": 60_000, "job-fails": 1,
};

/** The form; `run` gets the faults that were asked for. */
export function form(names: string[], run: (faults: string[]) => void): { offer(preview: Preview): void; set(faults: string[]): void; faults(): string[] } {
  const chosen = new Set<string>();
  const list = h("ul", { class: "chips", "aria-label": "Faults that are on" });
  const fault = h("select", { id: "fault" }, ...names.map((name) => h("option", { value: name }, name.replace("(n)", ""))));
  const target = h("select", { id: "fault-target" });
  const draw = (): void => {
    list.replaceChildren(...[...chosen].map((text) => h("li", {},
      h("button", { type: "button", class: "chip", "aria-label": `Switch off ${text}`, onclick: () => {
        chosen.delete(text);
        draw();
        fault.focus();
      } }, `${text} ✕`))));
  };
  const add = (): void => {
    const name = fault.value.replace("(n)", "");
    const number = fault.value.endsWith("(n)") ? `(${NUMBERS[name] ?? 1})` : "";
    if (target.value) chosen.add(`${name}${number}@${target.value}`);
    draw();
  };
  const element = byId<HTMLFormElement>("faults");
  element.replaceChildren(
    h("label", {}, "Fault ", fault), h("label", {}, "at ", target),
    h("button", { type: "button", id: "add-fault", onclick: add }, "Switch on"),
    h("button", { type: "submit", class: "main", id: "rehearse" }, "Rehearse"), list);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    run([...chosen]);
  });
  return {
    offer: (preview) => {
      const objects = [...preview.steps.map((step) => step.object), ...preview.hooks.map((hook) => hook.object)].filter((name) => FAULTY.test(name));
      const kept = target.value;
      target.replaceChildren(...objects.map((name) => h("option", { value: name }, name)));
      if (objects.includes(kept)) target.value = kept;
    },
    set: (faults) => {
      chosen.clear();
      for (const text of faults) chosen.add(text);
      draw();
    },
    faults: () => [...chosen],
  };
}

/** The runs, one shown at a time. */
export function runs(all: Run[]): HTMLElement {
  const stage = h("div");
  const buttons = all.map((run) => h("button", { type: "button", class: "run", "aria-pressed": "false" }, `${run.exit === 0 ? "✓" : "✕"} ${verdictText(run)}`));
  const show = (index: number): void => {
    const run = all[index];
    if (!run) return;
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
    stage.replaceChildren(story(ofRun(run)),
      run.evidence.length > 0 ? h("section", {}, h("h3", {}, "Evidence"), h("ul", {}, ...run.evidence.map((line) => h("li", {}, line)))) : "",
      h("section", {}, h("h3", {}, "How it is left"), h("ul", {}, ...run.end_state.map((line) => h("li", {}, line)))));
  };
  buttons.forEach((button, index) => button.addEventListener("click", () => show(index)));
  show(all.length - 1);
  const last = all.at(-1);
  if (last) say(verdictText(last));
  return h("div", {}, h("div", { class: "runs", role: "group", "aria-label": "Runs" }, ...buttons), stage);
}
