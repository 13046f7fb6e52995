// What the page and its worker say to each other, and the core's types: `cargo xtask types` makes those from its JSON Schema.

import type { CallFailure, Calls, CallName } from "../../embed/node/calls.d.ts";

export type * from "../../embed/node/calls.d.ts";

/** The error of an answer: the core's, or one of the page's own (`trap`). */
export type Failure = CallFailure;

export type Answer = { ok: unknown } | { error: Failure };
export type WorkerRequest = { module: WebAssembly.Module } | { id: number; call: string; input: unknown };
export interface WorkerReply {
  id: number;
  answer: Answer;
}

type Has<T, K extends string> = T extends Record<K, unknown> ? T : never;

/** The form of a call's answer that has this field, where it has several. */
export type AnswerWith<C extends CallName, K extends string> = Has<Calls[C]["ok"], K>;
