// Rehearsals and replays as stories.

import type { Moment, Span, Status, Story } from "./story.ts";
import { duration } from "./time.ts";
import type { Cause, Phase, Readiness, ReplayAnswer, ResourceKey, Run } from "./types.ts";

const PHASES: Record<string, string> = {
  "recording": "recording", "hooks": "hooks", "cleaning-hooks": "cleaning hooks", "applying": "applying", "pruning": "pruning",
  "verifying": "waiting for ready", "baking": "baking", "promoting": "recording success", "capturing-evidence": "keeping evidence",
  "recording-failure": "recording failure", "deleting-created": "undo: deleting", "beginning-undo": "undo: beginning",
  "restoring": "undo: restoring", "verifying-undo": "undo: waiting for ready", "capturing-undo-evidence": "undo: keeping evidence",
  "finishing-undo": "undo: recording", "finished": "finished",
};

const VERDICTS: Record<string, string> = {
  "deployed": "deployed", "rolled-back": "rolled back", "cleaned-up": "failed, nothing is left", "left-in-place": "failed and left in place",
  "undo-failed": "the way back failed", "refused": "refused", "held": "held by another", "unreachable": "cluster unreachable", "interrupted": "interrupted",
};

export function keyText(key: ResourceKey): string {
  return `${key.kind.toLowerCase()}/${key.name}`;
}

function phaseText(phase: Phase): string {
  const name = PHASES[phase.phase] ?? phase.phase;
  return phase.wave === undefined ? name : `${name}, wave ${phase.wave}`;
}

function add(rows: Map<string, Span[]>, object: string, t: number, readiness: Readiness, suspicion: Cause | null): void {
  const open = readiness.status === "in-progress" || readiness.status === "failed";
  const status: Status = suspicion && open ? "suspect" : readiness.status;
  const message = suspicion && open ? `${readiness.message} (${suspicion.code}: ${suspicion.message})` : readiness.message;
  const spans = rows.get(object) ?? [];
  const last = spans.at(-1);
  if (last?.status === status && last.message === message) return;
  rows.set(object, [...spans, { from: t, status, message }]);
}

/** How a run ended, in a sentence. */
export function verdictText(run: Run): string {
  const verdict = VERDICTS[run.verdict.verdict] ?? run.verdict.verdict;
  const why = "cause" in run.verdict ? ` (${run.verdict.cause.code})` : "";
  const seen = run.detected_ms === null ? "" : `, detected after ${duration(run.detected_ms)}`;
  const back = run.undo_ms === null ? "" : `, back within ${duration(run.undo_ms)}`;
  return `${run.fault ?? "healthy run"}: ${verdict}${why}, exit ${run.exit}, after ${duration(run.took_ms)}${seen}${back}`;
}

/** A rehearsal's run. */
export function ofRun(run: Run): Story {
  const rows = new Map<string, Span[]>();
  const phases: Story["phases"] = [];
  const moments: Moment[] = [];
  for (const { t_ms: t, event } of run.timeline) {
    const tell = (kind: Moment["kind"], text: string): void => void moments.push({ t, text, kind });
    switch (event.event) {
      case "entered":
        phases.push({ from: t, name: phaseText(event.phase) });
        tell("phase", `Now ${phaseText(event.phase)}`);
        break;
      case "readiness": {
        add(rows, keyText(event.key), t, event.readiness, event.suspicion);
        const trouble = event.suspicion ? ` — ${event.suspicion.code}: ${event.suspicion.message}` : "";
        tell("plain", `${keyText(event.key)}: ${event.readiness.message}${trouble}`);
        break;
      }
      case "condemned":
        tell("bad", `Certain to fail: ${event.cause.code} at ${keyText(event.cause.object)}: ${event.cause.message}`);
        break;
      case "undo-failed":
        tell("bad", `The way back failed: ${event.cause.code}: ${event.cause.message}`);
        break;
      case "retrying":
        tell("plain", `Tried again: ${event.reason}`);
        break;
      case "started":
        break;
    }
  }
  moments.push({ t: run.took_ms, kind: run.exit === 0 ? "good" : "bad", text: verdictText(run) });
  return { title: verdictText(run), rows, phases, moments, end: run.took_ms };
}

/** A recording that was judged again. */
export function ofReplay(replay: ReplayAnswer, name: string): Story {
  const rows = new Map<string, Span[]>();
  const moments: Moment[] = [];
  for (const thought of replay.thoughts) {
    const t = thought.t * 1000;
    add(rows, thought.object, t, thought.readiness, thought.suspicion);
    const trouble = thought.suspicion ? ` — ${thought.suspicion.code}: ${thought.suspicion.message}` : "";
    const when = thought.condemned_at === null ? "" : `; certain at ${duration(thought.condemned_at * 1000)} unless it heals`;
    moments.push({ t, kind: "plain", text: `${thought.object}: ${thought.readiness.message}${trouble}${when}` });
  }
  const { judgement } = replay;
  const decided = judgement.decided_at === null ? null : judgement.decided_at * 1000;
  const cause = judgement.code ? `${judgement.code}${judgement.object ? ` at ${judgement.object}` : ""}: ` : "";
  const verdict = `${judgement.verdict}${decided === null ? "" : ` after ${duration(decided)}`}: ${cause}${judgement.message}`;
  if (decided !== null) moments.push({ t: decided, kind: judgement.verdict === "deployed" ? "good" : "bad", text: verdict });
  const phases = judgement.began_at === null ? [] : [{ from: 0, name: "before" }, { from: judgement.began_at * 1000, name: "new revision" }];
  if (decided !== null) phases.push({ from: decided, name: "decided" });
  moments.sort((a, b) => a.t - b.t);
  return { title: `${name}: ${verdict}`, rows, phases, moments, end: Math.max(replay.end * 1000, decided ?? 0) };
}
