// A host for the backstay module: everything an embedder in JavaScript needs. See docs/embedding.md.

import { readFile } from "node:fs/promises";

const ABI = 1;

export class BackstayError extends Error {
  constructor({ code, message, ...details }) {
    super(message);
    this.code = code;
    Object.assign(this, details);
  }
}

export class Backstay {
  #exports;

  constructor(instance) {
    this.#exports = instance.exports;
    const version = this.#exports.abi_version();
    if (version !== ABI) throw new Error(`the module speaks version ${version} of the ABI, this host ${ABI}`);
  }

  static async load(path) {
    const module = await WebAssembly.compile(await readFile(path));
    const imports = WebAssembly.Module.imports(module);
    if (imports.length > 0) throw new Error(`the module imports ${JSON.stringify(imports)}`);
    return new Backstay(await WebAssembly.instantiate(module, {}));
  }

  // Text to text: both are JSON.
  ask(request) {
    const bytes = new TextEncoder().encode(request);
    const pointer = this.#exports.alloc(bytes.length) >>> 0;
    if (pointer === 0) throw new Error(`the module has no memory for a request of ${bytes.length} bytes`);
    new Uint8Array(this.#exports.memory.buffer, pointer, bytes.length).set(bytes);
    return this.take(this.#exports.call(pointer, bytes.length));
  }

  // The answer that `call` gave, which is given back to the module.
  take(answer) {
    const unsigned = BigInt.asUintN(64, answer);
    const pointer = Number(unsigned >> 32n);
    const length = Number(unsigned & 0xffffffffn);
    if (pointer === 0) throw new Error("the module has no memory for the answer");
    // The memory may have grown: this view must be new.
    const text = new TextDecoder().decode(new Uint8Array(this.#exports.memory.buffer, pointer, length));
    this.#exports.free(pointer, length);
    return text;
  }

  // A call by its name: gives what is `ok`, throws what is an error.
  call(name, input = {}) {
    const answer = JSON.parse(this.ask(JSON.stringify({ call: name, input })));
    if (answer.error) throw new BackstayError(answer.error);
    return answer.ok;
  }

  get exports() {
    return this.#exports;
  }
}
