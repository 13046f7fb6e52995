// A host for the import-free module: see docs/embedding.md.

import type { Answer } from "./types.ts";

const ABI = 1;

interface Exports {
  memory: WebAssembly.Memory;
  abi_version(): number;
  alloc(length: number): number;
  call(pointer: number, length: number): bigint;
  free(pointer: number, length: number): void;
}

/** One instance. A trap leaves it unusable, so the next call makes another. */
export class Host {
  #module: WebAssembly.Module;
  #exports: Exports | undefined;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  #ready(): Exports {
    if (!this.#exports) {
      const exports = new WebAssembly.Instance(this.#module, {}).exports as unknown as Exports;
      const version = exports.abi_version();
      if (version !== ABI) throw new Error(`the module speaks version ${version} of the ABI, this page ${ABI}`);
      this.#exports = exports;
    }
    return this.#exports;
  }

  /** Asks; an error is an answer, too, and so is a trap. */
  ask(call: string, input: unknown): Answer {
    try {
      return JSON.parse(this.#text(JSON.stringify({ call, input }))) as Answer;
    } catch (problem) {
      this.#exports = undefined;
      const message = `the call ${call} ended the module: ${problem instanceof Error ? problem.message : String(problem)}`;
      return { error: { code: "trap", message } };
    }
  }

  #text(request: string): string {
    const { memory, alloc, call, free } = this.#ready();
    const bytes = new TextEncoder().encode(request);
    const pointer = alloc(bytes.length) >>> 0;
    if (pointer === 0) throw new Error(`no memory for a request of ${bytes.length} bytes`);
    new Uint8Array(memory.buffer, pointer, bytes.length).set(bytes);
    const answer = BigInt.asUintN(64, call(pointer, bytes.length));
    const at = Number(answer >> 32n);
    const length = Number(answer & 0xffffffffn);
    if (at === 0) throw new Error("no memory for the answer");
    // The memory may have grown: this view must be new.
    const text = new TextDecoder().decode(new Uint8Array(memory.buffer, at, length));
    free(at, length);
    return text;
  }
}
