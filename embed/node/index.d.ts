import type { CallFailure, CallName, Calls, Lookup, RolloutAnswer, RolloutBegin, RolloutTold } from "./calls.js";

// The types of every call, made from the core's JSON Schema; docs/embedding.md lists what each takes and gives.
export type * from "./calls.js";

/** The version of the contract this package speaks. */
export const ABI: 1;

/** The request was answered with an error. */
export class BackstayError extends Error {
  /** For programs, e.g. `template`; new ones may be added. */
  code: CallFailure["code"];
  /** Where, for errors in templates and manifests; lines count from 1. */
  file?: string;
  line?: number;
  /** The look-up that is missing, with the code `needs-lookup`. */
  lookup?: Required<Omit<Lookup, "object">>;
}

/** The module stopped in the middle of a call. The next call gets a new instance. */
export class BackstayTrap extends Error {}

/** How a rollout begins. Times are milliseconds since 1970. */
export type Beginning = Omit<RolloutBegin, "at"> & { at: number | Date };

/** What to do now. */
export type Step = RolloutAnswer;

/** What happened. */
export type Input = RolloutTold;

export class Backstay {
  constructor(module: WebAssembly.Module);
  static load(source?: string | URL | Response | BufferSource | WebAssembly.Module): Promise<Backstay>;
  /** Text to text: both are JSON. */
  ask(request: string | Uint8Array): string;
  /** The rule of thumb, and the times of a manifest. */
  call(name: "timeout", input: Extract<Calls["timeout"]["input"], { rule: unknown }>): Extract<Calls["timeout"]["ok"], { total_ms: number }>;
  call(name: "timeout", input: Exclude<Calls["timeout"]["input"], { rule: unknown }>): Extract<Calls["timeout"]["ok"], { text: string }>;
  /** The rules, and the findings of a manifest. */
  call(name: "lint", input: Extract<Calls["lint"]["input"], { rules: unknown }>): Extract<Calls["lint"]["ok"], { rules: unknown }>;
  call(name: "lint", input: Exclude<Calls["lint"]["input"], { rules: unknown }>): Extract<Calls["lint"]["ok"], { text: string }>;
  call<C extends CallName>(name: C, input: Calls[C]["input"]): Calls[C]["ok"];
  call(name: "version"): Calls["version"]["ok"];
  rollout(input: Beginning): Rollout;
}

/** One rollout: `step` is what to do now, `tell` says what happened and gives the next step. */
export class Rollout {
  constructor(backstay: Backstay, input: Beginning);
  step: Step;
  tell(at: number | Date, inputs: Input[]): Step;
}
