// Everything in the address: state to the fragment and back, compressed. The fragment never leaves the browser.

import type { Policy } from "./export.ts";
import type { Source } from "./source.ts";
import type { TimeInputs } from "./types.ts";

/** What a link carries. */
export interface Shared {
  v: 1;
  source: Source | "example";
  values: string;
  release: string;
  namespace: string;
  before: string;
  inputs: TimeInputs;
  /** Not in links of older pages. */
  policy?: Policy;
  faults: string[];
}

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> {
  const piped = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(piped).arrayBuffer());
}

function encode(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

/** The fragment for a state. */
export async function toFragment(state: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  return `#s=${encode(await through(bytes, new CompressionStream("deflate-raw")))}`;
}

/** The state in a fragment; nothing when there is none. Throws when it is damaged. */
export async function fromFragment(fragment: string): Promise<Shared | undefined> {
  if (!fragment.startsWith("#s=")) return undefined;
  try {
    const bytes = await through(decode(fragment.slice(3)), new DecompressionStream("deflate-raw"));
    const state = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Shared>;
    const whole = typeof state.values === "string" && typeof state.release === "string" && typeof state.namespace === "string";
    if (state.v !== 1 || !state.source || !whole) throw new Error("something is missing in it");
    return { inputs: {}, faults: [], before: "differs", ...state } as Shared;
  } catch (problem) {
    throw new Error(`the link is damaged: ${problem instanceof Error ? problem.message : String(problem)}`);
  }
}
