/** The version of the contract this package speaks. */
export const ABI: 1;

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The calls of the table; docs/embedding.md lists what each takes and gives. */
export type CallName =
  | "version" | "render" | "parse-manifest" | "plan" | "rehearse" | "timeout" | "lint" | "preview" | "rehearsals" | "rbac"
  | "replay" | "unpack" | "rollout";

/** The request was answered with an error. */
export class BackstayError extends Error {
  /** For programs, e.g. `template`; new ones may be added. */
  code: string;
  /** Where, for errors in templates and manifests; lines count from 1. */
  file?: string;
  line?: number;
  /** The look-up that is missing, with the code `needs-lookup`. */
  lookup?: { api_version: string; kind: string; namespace: string; name: string };
}

/** The module stopped in the middle of a call. The next call gets a new instance. */
export class BackstayTrap extends Error {}

/** Which object. */
export interface ResourceKey {
  group: string;
  version: string;
  kind: string;
  namespace: string;
  name: string;
}

/** An object of Kubernetes. */
export type KubernetesObject = { apiVersion: string; kind: string; metadata: { name: string; [name: string]: unknown }; [name: string]: unknown };

/** What a rollout is planned from. */
export interface Planned {
  release: string;
  namespace?: string;
  manifest: string;
  hooks?: string;
  /** The manifest that runs, for an upgrade. */
  previous?: string | null;
  previous_hooks?: string;
}

/** How a rollout begins. Times are milliseconds since 1970. */
export interface Beginning {
  at: number | Date;
  of?: Planned;
  /** What the call `plan` answered, instead of `of`. */
  plan?: unknown;
  policy?: unknown;
  timeout_ms?: number;
  /** The records a former host kept: the rollout goes on where they end. */
  journal?: JournalEntry[];
}

export interface JournalEntry {
  seq: number;
  at: number;
  decided: string;
  [name: string]: unknown;
}

/** A request to send for an action. */
export type Work =
  | { do: "check" | "apply"; key: ResourceKey; object: KubernetesObject }
  | { do: "create-hook"; key: ResourceKey; object: KubernetesObject; mark: string; delete_before: boolean }
  | { do: "delete"; key: ResourceKey; only_owned: boolean; wait: boolean; unless_ended?: boolean };

export interface Action {
  id: number;
  /** 1 for the first try. */
  attempt: number;
  deadline: number;
  action:
    | "observe" | "validate" | "create-hook" | "clean-hooks" | "apply" | "prune" | "look" | "capture-evidence" | "save-record"
    | "delete-created" | "restore" | "delete-pods" | "uninstall";
  work: Work[];
  [name: string]: unknown;
}

/** What to do now. */
export interface Step {
  /** Keep these before any of `actions` begins. */
  records: JournalEntry[];
  actions: Action[];
  /** For people. */
  events: { event: string; [name: string]: unknown }[];
  /** When to tell `{ input: "timeout" }` at the latest. */
  wake_at: number | null;
  waiting_on: { waiting: string; [name: string]: unknown }[];
  /** How it ended, once it has. */
  verdict: { verdict: string; [name: string]: unknown } | null;
  /** The command line's exit code for the verdict. */
  exit: number | null;
  /** To be kept and given back as it is. */
  state: string;
}

/** What happened. */
export type Input =
  | { input: "observed"; object: KubernetesObject; deleted?: boolean }
  | { input: "completed"; id: number; outcome: { outcome: string; [name: string]: unknown } }
  | { input: "timeout" }
  | { input: "command"; command: "abort" }
  | { input: "held"; holder: string }
  | { refused: number; key: ResourceKey; http_status: number; body?: unknown };

export class Backstay {
  constructor(module: WebAssembly.Module);
  static load(source?: string | URL | Response | BufferSource | WebAssembly.Module): Promise<Backstay>;
  /** Text to text: both are JSON. */
  ask(request: string | Uint8Array): string;
  call<T = any>(name: CallName | (string & {}), input?: object): T;
  rollout(input: Beginning): Rollout;
}

/** One rollout: `step` is what to do now, `tell` says what happened and gives the next step. */
export class Rollout {
  constructor(backstay: Backstay, input: Beginning);
  step: Step;
  tell(at: number | Date, inputs: Input[]): Step;
}
