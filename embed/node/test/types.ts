// Compiled, never run: the types of the package hold what a program does with it. `cargo xtask web` checks it.

import { type Backstay, BackstayError, type Input, type Work } from "../index.js";

export function timeouts(backstay: Backstay, manifest: string): string[] {
  const { total_ms } = backstay.call("timeout", { rule: { pods: 6, initial_delay_ms: 10_000, period_ms: 5_000 } });
  const { timing } = backstay.call("timeout", { manifest, inputs: { image_mb: 800, start_ms: null } });
  return [`${total_ms}`, ...timing.objects.map((one) => `${one.object}: ${one.expected_ms} (${one.line ?? "?"})`)];
}

export function findings(backstay: Backstay, archive: string): string[] {
  try {
    const { files } = backstay.call("unpack", { archive });
    const { text } = backstay.call("render", { files, set: ["replicas=3"] });
    return backstay.call("lint", { manifest: text }).findings.map((one) => `${one.severity} ${one.code}: ${one.fix}`);
  } catch (error) {
    if (error instanceof BackstayError) return [`${error.code} at ${error.file ?? "?"}:${error.line ?? 0}`];
    throw error;
  }
}

/** A host that carries out nothing, and says so. */
export function drive(backstay: Backstay, manifest: string): number | null {
  const rollout = backstay.rollout({ at: new Date(), of: { release: "shop", manifest } });
  while (rollout.step.verdict === null) {
    const told: Input[] = rollout.step.actions.map((action) => ({
      refused: action.id, key: firstOf(action.work)?.key ?? { group: "", version: "v1", kind: "Pod", namespace: "", name: "x" }, http_status: 403,
    }));
    rollout.tell(Date.now(), told.length > 0 ? told : [{ input: "timeout" }]);
  }
  return rollout.step.exit;
}

function firstOf(work: Work[]): Work | undefined {
  return work[0];
}

export function mistakes(backstay: Backstay): void {
  // @ts-expect-error there is no such call
  backstay.call("nope", {});
  // @ts-expect-error a misspelt field
  backstay.call("plan", { release: "a", manifest: "", hoks: "" });
  // @ts-expect-error the manifest is missing
  backstay.call("preview", { release: "a" });
}
