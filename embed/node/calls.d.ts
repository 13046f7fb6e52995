// Made by `cargo xtask types` from docs/schemas/calls.schema.json. Not to be edited by hand.

/** What is to be done: `attempt` is 1 for the first try, `deadline` when to give up, in milliseconds since 1970, `work` the requests to send, in order. */
export type Action =
  | { action: "observe"; attempt: number; deadline: number; id: number; scopes: WatchScope[]; work: Work[] }
  | { action: "validate"; attempt: number; deadline: number; id: number; work: Work[] }
  | {
    action: "create-hook";
    attempt: number;
    deadline: number;
    id: number;
    position: number;
    stage: HookStage;
    work: Work[];
  }
  | {
    action: "clean-hooks";
    attempt: number;
    deadline: number;
    id: number;
    stage: HookStage;
    succeeded: number;
    work: Work[];
  }
  | { action: "apply"; attempt: number; deadline: number; id: number; wave: number; work: Work[] }
  | { action: "prune"; attempt: number; deadline: number; holding_data: boolean; id: number; work: Work[] }
  | { action: "look"; attempt: number; deadline: number; id: number; keys: ResourceKey[]; work: Work[] }
  | {
    action: "capture-evidence";
    attempt: number;
    deadline: number;
    id: number;
    keys: ResourceKey[];
    of_undo: boolean;
    work: Work[];
  }
  | { action: "save-record"; attempt: number; change: RecordChange; deadline: number; id: number; work: Work[] }
  | { action: "delete-created"; attempt: number; deadline: number; id: number; work: Work[] }
  | { action: "restore"; attempt: number; deadline: number; id: number; work: Work[] }
  | { action: "delete-pods"; attempt: number; deadline: number; id: number; pods: ResourceKey[]; work: Work[] }
  | { action: "uninstall"; attempt: number; deadline: number; id: number; work: Work[] };

/** What an action does. */
export type ActionKind =
  | { action: "observe"; scopes: WatchScope[] }
  | { action: "validate" }
  | { action: "create-hook"; position: number; stage: HookStage }
  | { action: "clean-hooks"; stage: HookStage; succeeded: number }
  | { action: "apply"; wave: number }
  | { action: "prune"; holding_data: boolean }
  | { action: "look"; keys: ResourceKey[] }
  | { action: "capture-evidence"; keys: ResourceKey[]; of_undo: boolean }
  | { action: "save-record"; change: RecordChange }
  | { action: "delete-created" }
  | { action: "restore" }
  | { action: "delete-pods"; pods: ResourceKey[] }
  | { action: "uninstall" };

/** An applied object's place in its history. */
export interface Applied {
  generation: number;
  key: ResourceKey;
  uid: string;
}

/** What was assumed. */
export interface AssumedInputs {
  /** What a node pulls in one second, in megabytes. */
  bandwidth_mb_s: number;
  /** Added once for the API, controllers and watches. */
  buffer_ms: number;
  /** Compressed size of an image nobody named, in megabytes (10^6 bytes). */
  image_mb: number;
  /** Compressed sizes of images in megabytes, by the name in the manifest. */
  images: Record<string, number>;
  /** What an init container works, where measured. */
  init_ms: number | null;
  /** What one pod of a Job works, where measured. */
  job_ms: number | null;
  /** Never recommend less. */
  least_ms: number;
  /** Until a new node is there; 0: the cluster does not have to grow. */
  node_start_ms: number;
  /** How many nodes take the pods. */
  nodes: number;
  /** What a pull takes beside its bytes. */
  pull_overhead_ms: number;
  /** From a pod's creation until its first container may start. */
  scheduling_ms: number;
  /** From a container's start until its probes would pass, where measured. */
  start_ms: number | null;
  /** Numbers tried out without editing the manifest: replicas, probes. */
  overrides?: Override[];
}

/** The time a plan may need. */
export interface Budget {
  forward_ms: number;
  /** Kept for the way back. */
  reserve_ms: number;
  terms: { decides: boolean; how: string; time_ms: number; what: string }[];
}

/** Why a call has no answer. */
export interface CallFailure {
  /** For programs, e.g. `template`; new ones may be added. */
  code: string;
  message: string;
  /** Where, for errors in templates and manifests. */
  file?: string;
  /** Counted from 1. */
  line?: number;
  /** What is missing, with the code `needs-lookup`. */
  lookup?: { api_version: string; kind: string; name: string; namespace: string };
}

/** Why an object does not become ready. */
export interface Cause {
  class: "fatal-now" | "after-grace" | "recoverable";
  /** See docs/causes.md. */
  code: string;
  /** Milliseconds since 1970. */
  first_seen: number;
  hint: string;
  /** The cluster's own words. */
  message: string;
  object: ResourceKey;
  container?: string;
  grace_ms?: number;
  pod?: string;
}

/** What happens to an object. */
export type Change = "create" | "change" | "unchanged" | "delete" | "adopt";

/** A file of a chart: text where it is text, else base64. */
export interface ChartFile {
  path: string;
  base64?: string;
  text?: string;
}

/** What is known of the cluster and the rollout; everything may be left out. */
export interface Facts {
  force?: boolean;
  /** Major and minor version. */
  kubernetes?: [number, number] | null;
  /** `status.allocatable` of the nodes. */
  nodes?: Record<string, unknown>[];
  /** Objects that are there beside the chart, e.g. `secret/registry`; null: nobody looked. */
  present?: string[] | null;
  /** ResourceQuotas of the namespace with their status. */
  quotas?: KubernetesObject[];
  undo?: boolean;
}

/** Something a rule found. */
export interface Finding {
  code: string;
  field: string;
  fix: string;
  /** Line in the manifest, from 1. */
  line: number | null;
  message: string;
  /** Empty for the whole rollout. */
  object: string;
  severity: Severity;
  source: string;
  /** Line in the template, where that is beyond doubt. */
  template_line: number | null;
  why: string;
}

/** When a hook runs. */
export type HookEvent =
  | "pre-install"
  | "post-install"
  | "pre-upgrade"
  | "post-upgrade"
  | "pre-rollback"
  | "post-rollback"
  | "pre-delete"
  | "post-delete"
  | "test";

/** Which hooks. */
export type HookStage = "before" | "after" | "undo-before" | "undo-after";

/** A record of a decision. */
export interface JournalEntry {
  /** Milliseconds since 1970. */
  at: number;
  decided: string;
  seq: number;
  [name: string]: unknown;
}

/** What a replay came to. */
export interface Judgement {
  began_at: number | null;
  code: string | null;
  container: string | null;
  decided_at: number | null;
  first_seen: number | null;
  hint: string | null;
  message: string;
  object: string | null;
  pod: string | null;
  verdict: "deployed" | "condemned" | "undecided";
}

/** An object of Kubernetes. */
export type KubernetesObject = Record<string, unknown>;

/** The findings of a manifest, or the rules. */
export type LintAnswer =
  | { rules: Rule[] }
  | {
    findings: Finding[];
    text: string;
    /** SARIF 2.1.0. */
    sarif?: Record<string, unknown>;
  };

/** A manifest, or `rules`. */
export type LintInput = { rules: unknown } | LintOfManifest;

/** What is looked over. */
export interface LintOfManifest {
  manifest: string;
  facts?: Facts;
  /** Codes that are left out. */
  ignore?: string[];
  namespace?: string;
  previous?: string | null;
  sarif?: boolean;
  /** Templates by the name in `# Source:`, for their lines. */
  templates?: Record<string, string>;
}

/** What `preview`, `rehearsals` and `rbac` take. */
export interface LookAheadInput {
  /** As `backstay template` prints it, hooks included. */
  manifest: string;
  /** The files of `crds/`. */
  definitions?: string;
  facts?: Facts;
  /** For `rehearsals`, e.g. `image-not-found@api`. */
  faults?: string[];
  ignore?: string[];
  inputs?: TimeInputs;
  /** A first install. */
  install?: boolean;
  namespace?: string;
  /** For `rbac`: also what a deploy can do without. */
  optional?: boolean;
  /** The manifest that runs; without it an upgrade is assumed that changes every pod. */
  previous?: string | null;
  release?: string;
  seed?: number;
  templates?: Record<string, string>;
  /** The `--timeout` of `deploy` to judge. */
  timeout_ms?: number | null;
}

/** What the cluster has: `object` is null where nothing is there. */
export interface Lookup {
  api_version: string;
  kind: string;
  name?: string;
  namespace?: string;
  object?: Record<string, unknown> | null;
}

/** Something worth showing. */
export type MachineEvent =
  | { event: "entered"; phase: Phase }
  | { event: "started"; attempt: number; id: number; kind: ActionKind }
  | { event: "retrying"; at: number; id: number; reason: string }
  | { event: "readiness"; key: ResourceKey; readiness: Readiness; suspicion: Cause | null }
  | { event: "condemned"; cause: Cause; others: Cause[] }
  | { event: "undo-failed"; cause: Cause };

/** One line of a timeline. */
export interface Moment {
  event: MachineEvent;
  t_ms: number;
  text: string;
}

/** One permission. */
export interface Need {
  group: string;
  namespace: string;
  /** Whether the deploy works without it. */
  optional: boolean;
  resource: string;
  verb: string;
  why: string;
}

/** What one object takes. */
export interface ObjectTime {
  /** Whether it is the slowest of its phase and so counts in the sum. */
  decides: boolean;
  expected_ms: number;
  failed_after_ms: number | null;
  /** Which field says so. */
  limit: string;
  line: number | null;
  most_ms: number;
  object: string;
  /** The hook event, or `wave N`. */
  phase: string;
  source: string;
  terms: Term[];
}

/** What is done. */
export interface Operation {
  operation: "install" | "upgrade" | "rollback" | "uninstall";
  rollback_to?: number;
}

/** How an action ended. */
export type Outcome =
  | { outcome: "succeeded"; applied?: Applied[] }
  | { outcome: "failed"; causes: Cause[]; failure: "transient" | "unknown" | "refused"; applied?: Applied[] };

/** A number that counts instead of the manifest's. */
export interface Override {
  /** As the answer's terms name theirs, e.g. `spec.replicas`. */
  field: string;
  /** As the answer names it. */
  object: string;
  value: number;
}

/** The objects, each with the template it comes from. */
export type ParseManifestAnswer = Parsed[];

/** YAML documents. */
export interface ParseManifestInput {
  manifest: string;
}

/** An object of a manifest. */
export interface Parsed {
  object: KubernetesObject;
  source: string;
}

/** Where a rollout is, and the numbers that belong to it. */
export interface Phase {
  phase: 
    | "recording"
    | "hooks"
    | "cleaning-hooks"
    | "applying"
    | "pruning"
    | "verifying"
    | "baking"
    | "uninstalling"
    | "promoting"
    | "capturing-evidence"
    | "recording-failure"
    | "deleting-created"
    | "beginning-undo"
    | "restoring"
    | "verifying-undo"
    | "capturing-undo-evidence"
    | "finishing-undo"
    | "purging"
    | "finished";
  holding_data?: boolean;
  position?: number;
  stage?: HookStage;
  succeeded?: number;
  wave?: number;
}

/** What a rollout will do. */
export interface Plan {
  budget: Budget;
  from: number | null;
  hooks: PlannedHook[];
  namespace: string;
  operation: "install" | "upgrade" | "rollback" | "uninstall";
  release: string;
  steps: PlanStep[];
  to: number;
  undo: UndoTarget;
  undo_hooks: PlannedHook[];
  rollback_to?: number;
}

/** One object of a plan. */
export interface PlanStep {
  change: Change;
  /** What is applied; null for a deletion. */
  desired: Record<string, unknown> | null;
  key: ResourceKey;
  /** Whether it is part of the release. */
  owned: boolean;
  source: string;
  undo: UndoWork;
  wave: number;
}

/** What a rollout is planned from. */
export interface Planned {
  manifest: string;
  release: string;
  /** For `rehearse`, e.g. `image-not-found@deployment/web`. */
  faults?: string[];
  hooks?: string;
  namespace?: string;
  /** The manifest that runs, for an upgrade. */
  previous?: string | null;
  previous_hooks?: string;
  /** For `rehearse`. */
  seed?: number;
  /** The total time of `rehearse`; computed when absent. */
  timeout_ms?: number | null;
}

/** A hook of a plan. */
export interface PlannedHook {
  delete_policies: ("before-hook-creation" | "hook-succeeded" | "hook-failed")[];
  events: HookEvent[];
  object: PlannedObject;
  weight: number;
}

/** An object with its place. */
export interface PlannedObject {
  key: ResourceKey;
  object: KubernetesObject;
  owned: boolean;
  source: string;
}

/** What will be done, with times and findings. */
export interface Preview {
  /** Whether a finding forbids the rollout. */
  fatal: boolean;
  findings: Finding[];
  from: number | null;
  hooks: PreviewHook[];
  namespace: string;
  operation: Operation;
  release: string;
  steps: PreviewStep[];
  timing: Timing;
  to: number;
  undo: UndoTarget;
}

/** The answer of `backstay plan`. */
export interface PreviewAnswer {
  preview: Preview;
  text: string;
}

/** A hook of a preview. */
export interface PreviewHook {
  events: HookEvent[];
  object: string;
  source: string;
  weight: number;
}

/** One object of a preview; named, not shown. */
export interface PreviewStep {
  change: Change;
  key: ResourceKey;
  object: string;
  source: string;
  undo: "delete" | "restore" | "nothing";
  wave: number;
}

/** The smallest roles. */
export interface RbacAnswer {
  needs: Need[];
  roles: KubernetesObject[];
  text: string;
}

/** How far an object is. */
export interface Readiness {
  desired: number;
  message: string;
  ready: number;
  status: "current" | "in-progress" | "failed" | "terminating" | "not-found" | "unknown";
}

/** A change of the release's records. */
export type RecordChange =
  | { record: "promote"; healthy: boolean }
  | { record: "fail"; description: string }
  | { record: "begin-undo"; revision: number; to: number }
  | { record: "finish-undo"; revision: number; to: number }
  | { record: "fail-undo"; description: string; revision: number }
  | { record: "purge" };

/** A healthy run, then one for each fault. */
export interface RehearsalsAnswer {
  runs: Run[];
  text: string;
}

/** How one rehearsal went. */
export interface RehearseAnswer {
  exit: number;
  /** How the release's records were changed, in order. */
  records: RecordChange[];
  story: { event: MachineEvent; t_ms: number }[];
  took_ms: number;
  verdict: Verdict;
}

/** Something to know about the numbers. */
export interface Remark {
  code: string;
  field: string;
  line: number | null;
  message: string;
  object: string;
  source: string;
}

/** What came out of the chart. */
export interface RenderAnswer {
  chart: { name: string; version: string };
  /** The files of `crds/`. */
  crds: { content: string; source: string }[];
  hooks: RenderedHook[];
  manifest: string;
  notes: string;
  /** Manifest and hooks, as `backstay template` prints them and the other calls take them. */
  text: string;
  warnings: string[];
}

/** A chart, values and what a cluster would say. */
export interface RenderInput {
  api_versions?: string[];
  /** A `.tgz` in base64, instead of `files`. */
  archive?: string;
  /** The files of the chart's folder. */
  files?: ChartFile[];
  /** Which Helm to follow. */
  helm?: 3 | 4;
  include_crds?: boolean;
  is_upgrade?: boolean;
  kube_version?: string;
  /** When absent, nothing is there; when given, another look-up is the error `needs-lookup`. */
  lookups?: Lookup[];
  namespace?: string;
  /** The time templates see, RFC 3339. */
  now?: string;
  release?: string;
  revision?: number;
  /** The source of everything random: a number for tests, 32 secret bytes in base64 where keys are made. */
  seed?: number | string;
  /** Assignments as `--set` takes them. */
  set?: string[];
  skip_schema_validation?: boolean;
  /** Over `values_files`, below `set`. */
  values?: Record<string, unknown>;
  /** Texts of values files, the later one wins. */
  values_files?: string[];
}

/** A hook as text. */
export interface RenderedHook {
  delete_policies: string[];
  events: string[];
  kind: string;
  name: string;
  output_log_policies: string[];
  source: string;
  text: string;
  weight: number;
}

/** The judgement, and what was thought on the way. Times are seconds since the recording's start. */
export interface ReplayAnswer {
  cut_off: boolean;
  end: number;
  judgement: Judgement;
  /** When each object was seen. */
  sights: { deleted: boolean; object: string; t: number }[];
  thoughts: Thought[];
}

/** A recorded run. */
export interface ReplayInput {
  /** The lines of `--record`. */
  recording: string;
  fail_fast?: "off" | "default" | "strict";
  /** Seconds after which the new revision begins; found out when absent. */
  since?: number | null;
}

/** Which object. */
export interface ResourceKey {
  /** Empty for the core group. */
  group: string;
  kind: string;
  name: string;
  /** Empty outside of namespaces. */
  namespace: string;
  version: string;
}

/** What to do now. */
export interface RolloutAnswer {
  actions: Action[];
  /** For people. */
  events: MachineEvent[];
  /** The command line's exit code for the verdict. */
  exit: number | null;
  /** Keep these before any of `actions` begins. */
  records: JournalEntry[];
  /** To be given back with the next request, as it is. */
  state: string;
  verdict: Verdict | null;
  waiting_on: WaitReason[];
  /** When to tell `timeout` at the latest; null: only an input can change anything. */
  wake_at: number | null;
}

/** How a rollout begins, or is taken up again. */
export interface RolloutBegin {
  /** Milliseconds since 1970. */
  at: number;
  /** The records a former host kept: the rollout goes on where they end. */
  journal?: JournalEntry[];
  of?: Planned;
  /** What the call `plan` answered, instead of `of`. */
  plan?: Plan;
  policy?: RolloutPolicy;
  timeout_ms?: number | null;
}

/** What happened since. */
export interface RolloutGoOn {
  /** Milliseconds since 1970. */
  at: number;
  state: string;
  inputs?: RolloutTold[];
}

/** The first request, or a later one with the `state` of the answer before. */
export type RolloutInput = RolloutBegin | RolloutGoOn;

/** Every rule of a rollout. */
export interface RolloutPolicy {
  attempts: number;
  cleanup_on_fail: boolean;
  evidence_ms: number;
  forward_ms: number;
  /** When a suspicion becomes a verdict. */
  health: Record<string, unknown>;
  hooks: boolean;
  remediation: "none" | "undo";
  undo_ms: number;
  validate: boolean;
  waiting: "none" | "all" | "all-but-jobs";
  bake_ms?: number;
  /** Milliseconds since 1970. */
  deadline?: number | null;
  no_return?: "ask" | "undo";
  patience_ms?: number | null;
}

/** What happened. */
export type RolloutTold =
  | { input: "observed"; object: KubernetesObject; deleted?: boolean }
  | { input: "completed"; id: number; outcome: Outcome }
  | { input: "timeout" }
  | { input: "command"; command: "abort" }
  | { input: "held"; holder: string }
  | {
    /** 0 when the reply was lost. */
    http_status: number;
    key: ResourceKey;
    /** The action. */
    refused: number;
    body?: unknown;
  };

/** A rule of `lint`. */
export interface Rule {
  code: string;
  fix: string;
  severity: Severity;
  why: string;
}

/** pods x (initial delay + period x failure threshold) + buffer. */
export interface RuleOfThumb {
  pods: number;
  buffer_ms?: number;
  failure_threshold?: number;
  initial_delay_ms?: number;
  period_ms?: number;
}

/** One rehearsal. */
export interface Run {
  /** When the failure was certain. */
  detected_ms: number | null;
  end_state: string[];
  evidence: string[];
  /** The exit code `deploy` would have. */
  exit: number;
  fault: string | null;
  timeline: Moment[];
  took_ms: number;
  undo_ms: number | null;
  verdict: Verdict;
}

/** How bad a finding is. */
export type Severity = "info" | "warning" | "error";

/** One summand. */
export interface Term {
  expected_ms: number;
  /** Empty for an input. */
  field: string;
  /** Line of the field in the manifest, from 1. */
  line: number | null;
  most_ms: number;
  times: number;
  /** The field that says how often. */
  times_field: string;
  what: string;
}

/** What was thought of an object from a moment on. */
export interface Thought {
  /** When that condemns it, unless it heals. */
  condemned_at: number | null;
  key: ResourceKey;
  object: string;
  readiness: Readiness;
  suspicion: Cause | null;
  t: number;
}

/** What no manifest says and the arithmetic needs. */
export interface TimeInputs {
  /** What a node pulls in one second, in megabytes. */
  bandwidth_mb_s?: number;
  /** Added once for the API, controllers and watches. */
  buffer_ms?: number;
  /** Compressed size of an image nobody named, in megabytes (10^6 bytes). */
  image_mb?: number;
  /** Compressed sizes of images in megabytes, by the name in the manifest. */
  images?: Record<string, number>;
  /** What an init container works, where measured. */
  init_ms?: number | null;
  /** What one pod of a Job works, where measured. */
  job_ms?: number | null;
  /** Never recommend less. */
  least_ms?: number;
  /** Until a new node is there; 0: the cluster does not have to grow. */
  node_start_ms?: number;
  /** How many nodes take the pods. */
  nodes?: number;
  /** Numbers tried out without editing the manifest: replicas, probes. */
  overrides?: Override[];
  /** What a pull takes beside its bytes. */
  pull_overhead_ms?: number;
  /** From a pod's creation until its first container may start. */
  scheduling_ms?: number;
  /** From a container's start until its probes would pass, where measured. */
  start_ms?: number | null;
}

/** `total_ms` for the rule of thumb, the rest for a manifest. */
export type TimeoutAnswer = { total_ms: number } | { text: string; timing: Timing };

/** A manifest, or the numbers of the rule of thumb. */
export type TimeoutInput = { rule: RuleOfThumb } | TimeoutOfManifest;

/** What a timeout is computed from. */
export interface TimeoutOfManifest {
  /** As `backstay template` prints it, hooks included. */
  manifest: string;
  inputs?: TimeInputs;
  /** A first install. */
  install?: boolean;
  namespace?: string;
  /** The manifest that runs; without it an upgrade is assumed that changes every pod. */
  previous?: string | null;
  release?: string;
  /** The `--timeout` of `deploy` to judge. */
  timeout_ms?: number | null;
}

/** How long a rollout may take, and why. */
export interface Timing {
  /** What the time limit of a CI job has to allow. */
  ci_job_ms: number;
  /** What decides, in the order of time. */
  critical_path: string[];
  /** What a healthy rollout takes if nothing is slow. */
  expected_ms: number;
  /** After this the controllers themselves have given up; null: never. */
  failed_after_ms: number | null;
  inputs: AssumedInputs;
  objects: ObjectTime[];
  /** The way forward's share of the timeout. */
  recommended_ms: number;
  remarks: Remark[];
  /** The `--timeout` of `deploy`: forward and back. */
  total_ms: number;
  /** The share of the way back. */
  undo_ms: number;
  /** What is never given up. */
  unlimited: string[];
}

/** Where the way back leads. */
export type UndoTarget = { target: "revision"; revision: number } | { target: "nothing" } | { target: "closed"; reason: string };

/** How the way back leaves an object. */
export type UndoWork = { undo: "nothing" } | { undo: "delete" } | { undo: "restore"; object: KubernetesObject };

/** Its files, as `render` takes them. */
export interface UnpackAnswer {
  files: ChartFile[];
}

/** A chart's archive. */
export interface UnpackInput {
  /** A `.tgz` in base64. */
  archive: string;
}

/** How a rollout ended. */
export type Verdict =
  | { verdict: "deployed" }
  | { verdict: "uninstalled" }
  | { verdict: "rolled-back"; cause: Cause; recorded_as: number | null; running: number }
  | { verdict: "cleaned-up"; cause: Cause }
  | { verdict: "left-in-place"; cause: Cause }
  | { verdict: "undo-failed"; cause: Cause; undo_cause: Cause }
  | { verdict: "refused"; causes: Cause[] }
  | { verdict: "held"; holder: string }
  | { verdict: "unreachable"; cause: Cause }
  | { verdict: "interrupted"; cause: Cause };

/** What the module is. */
export interface VersionAnswer {
  /** The version of the contract. */
  abi: number;
  /** Which decisions the machine takes; a journal of another is refused. */
  behaviour: number;
  calls: string[];
  /** What a rehearsal can be told to go wrong. */
  faults: string[];
  journal_format: number;
  version: string;
}

/** Nothing is asked. */
export type VersionInput = Record<string, unknown>;

/** What is waited for. */
export type WaitReason =
  | { waiting: "action"; id: number }
  | { waiting: "readiness"; key: ResourceKey; readiness: Readiness }
  | { waiting: "backoff"; until: number };

/** Objects of one kind to watch. */
export interface WatchScope {
  api_version: string;
  kind: string;
  namespace: string;
}

/** A request to send for an action. */
export type Work =
  | { do: "check"; key: ResourceKey; object: KubernetesObject }
  | { do: "apply"; key: ResourceKey; object: KubernetesObject }
  | { do: "create-hook"; delete_before: boolean; key: ResourceKey; mark: string; object: KubernetesObject }
  | { do: "delete"; key: ResourceKey; only_owned: boolean; wait: boolean; unless_ended?: boolean };

/** What each call takes and gives. */
export interface Calls {
  "version": { input: VersionInput; ok: VersionAnswer };
  "render": { input: RenderInput; ok: RenderAnswer };
  "parse-manifest": { input: ParseManifestInput; ok: ParseManifestAnswer };
  "plan": { input: Planned; ok: Plan };
  "rehearse": { input: Planned; ok: RehearseAnswer };
  "timeout": { input: TimeoutInput; ok: TimeoutAnswer };
  "lint": { input: LintInput; ok: LintAnswer };
  "preview": { input: LookAheadInput; ok: PreviewAnswer };
  "rehearsals": { input: LookAheadInput; ok: RehearsalsAnswer };
  "rbac": { input: LookAheadInput; ok: RbacAnswer };
  "replay": { input: ReplayInput; ok: ReplayAnswer };
  "unpack": { input: UnpackInput; ok: UnpackAnswer };
  "rollout": { input: RolloutInput; ok: RolloutAnswer };
}

/** The calls of the table. */
export type CallName = keyof Calls;
