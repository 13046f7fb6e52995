// What the core answers, as far as the page reads it. The names are those of docs/embedding.md.

export interface Failure {
  code: string;
  message: string;
  file?: string;
  line?: number;
}

export type Answer = { ok: unknown } | { error: Failure };
export type WorkerRequest = { module: WebAssembly.Module } | { id: number; call: string; input: unknown };
export interface WorkerReply {
  id: number;
  answer: Answer;
}

/** A file of a chart: text where it is text. */
export interface ChartFile {
  path: string;
  text?: string;
  base64?: string;
}

export interface Version {
  version: string;
  faults: string[];
}

export interface Rendered {
  text: string;
  notes: string;
  warnings: string[];
  /** The files of `crds/`. */
  crds: { source: string; content: string }[];
  chart: { name: string; version: string };
}

export interface Key {
  group: string;
  version: string;
  kind: string;
  namespace: string;
  name: string;
}

export type Change = "create" | "change" | "unchanged" | "delete" | "adopt";

export interface Step {
  object: string;
  key: Key;
  change: Change;
  wave: number;
  undo: "delete" | "restore" | "nothing";
  source: string;
}

export interface Hook {
  object: string;
  events: string[];
  weight: number;
  source: string;
}

export interface Term {
  what: string;
  field: string;
  line: number | null;
  times: number;
  expected_ms: number;
  most_ms: number;
}

export interface ObjectTime {
  object: string;
  source: string;
  line: number | null;
  phase: string;
  expected_ms: number;
  most_ms: number;
  failed_after_ms: number | null;
  limit: string;
  decides: boolean;
  terms: Term[];
}

export interface Remark {
  code: string;
  object: string;
  line: number | null;
  message: string;
}

export interface Timing {
  expected_ms: number;
  recommended_ms: number;
  undo_ms: number;
  total_ms: number;
  ci_job_ms: number;
  failed_after_ms: number | null;
  unlimited: string[];
  critical_path: string[];
  objects: ObjectTime[];
  remarks: Remark[];
}

export type Severity = "info" | "warning" | "error";

export interface Finding {
  code: string;
  severity: Severity;
  object: string;
  source: string;
  field: string;
  line: number | null;
  template_line: number | null;
  message: string;
  why: string;
  fix: string;
}

export interface Preview {
  release: string;
  namespace: string;
  operation: string;
  steps: Step[];
  hooks: Hook[];
  undo: { target: "revision"; revision: number } | { target: "nothing" } | { target: "closed"; reason: string };
  timing: Timing;
  findings: Finding[];
  fatal: boolean;
}

export interface Readiness {
  status: "current" | "in-progress" | "failed" | "terminating" | "not-found" | "unknown";
  message: string;
  ready: number;
  desired: number;
}

export interface Cause {
  code: string;
  object: Key;
  pod?: string;
  container?: string;
  message: string;
  hint: string;
}

/** A phase of the machine: its name and the numbers that belong to it. */
export interface Phase {
  phase: string;
  wave?: number;
  stage?: string;
  position?: number;
}

export type RunEvent =
  | { event: "entered"; phase: Phase }
  | { event: "readiness"; key: Key; readiness: Readiness; suspicion: Cause | null }
  | { event: "condemned"; cause: Cause; others: Cause[] }
  | { event: "undo-failed"; cause: Cause }
  | { event: "retrying"; reason: string }
  | { event: "started" };

export interface Run {
  fault: string | null;
  verdict: { verdict: string; cause?: Cause; running?: number };
  exit: number;
  took_ms: number;
  detected_ms: number | null;
  undo_ms: number | null;
  evidence: string[];
  timeline: { t_ms: number; text: string; event: RunEvent }[];
  end_state: string[];
}

export interface Replay {
  judgement: {
    verdict: "deployed" | "condemned" | "undecided";
    code: string | null;
    object: string | null;
    decided_at: number | null;
    began_at: number | null;
    message: string;
    hint: string | null;
  };
  thoughts: { t: number; object: string; readiness: Readiness; suspicion: Cause | null; condemned_at: number | null }[];
  sights: { t: number; object: string; deleted: boolean }[];
  end: number;
  cut_off: boolean;
}

/** An object of a manifest, with the template it comes from. */
export interface Parsed {
  source: string;
  object: Record<string, unknown>;
}

/** The numbers of the timeout model that the page has sliders for. */
export interface Inputs {
  image_mb?: number;
  bandwidth_mb_s?: number;
  scheduling_ms?: number;
  node_start_ms?: number;
  nodes?: number;
  start_ms?: number | null;
  job_ms?: number | null;
}
