// The backstay module for JavaScript: Node, browsers, workers, bundlers. It needs WebAssembly and nothing else; the module
// has no imports, so there is no glue to generate. The contract is docs/embedding.md.

/** The version of the contract this package speaks. */
export const ABI = 1;

/** The request was answered with an error. `code` is for programs; some errors carry more, e.g. `file` and `line`. */
export class BackstayError extends Error {
  constructor({ code, message, ...details }) {
    super(message);
    this.name = "BackstayError";
    Object.assign(this, details);
    this.code = code;
  }
}

/** The module stopped in the middle of a call (out of memory or of stack). The next call gets a new instance. */
export class BackstayTrap extends Error {
  constructor(message, cause) {
    super(message, { cause });
    this.name = "BackstayTrap";
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Backstay {
  #module;
  #instance;

  /** Takes a compiled module. `load` is the usual way. */
  constructor(module) {
    const imports = WebAssembly.Module.imports(module);
    if (imports.length > 0) throw new TypeError(`this is not the backstay module: it imports ${imports[0].module}.${imports[0].name}`);
    this.#module = module;
    const version = this.#exports().abi_version();
    if (version !== ABI) throw new TypeError(`the module speaks version ${version} of the ABI, this package ${ABI}`);
  }

  /** Compiles the module from its bytes, a URL, a Response, or a WebAssembly.Module. */
  static async load(source = new URL("./backstay.wasm", import.meta.url)) {
    if (source instanceof WebAssembly.Module) return new this(source);
    if (source instanceof URL || typeof source === "string") source = await fetch(source);
    if (typeof Response === "function" && source instanceof Response) {
      if (!source.ok) throw new TypeError(`${source.url}: ${source.status} ${source.statusText}`);
      source = await source.arrayBuffer();
    }
    return new this(await WebAssembly.compile(source));
  }

  #exports() {
    this.#instance ??= new WebAssembly.Instance(this.#module, {});
    return this.#instance.exports;
  }

  /** Text to text: both are JSON. An error is an answer, too. */
  ask(request) {
    const bytes = typeof request === "string" ? encoder.encode(request) : request;
    try {
      const { alloc, call, free, memory } = this.#exports();
      // A request of nothing is none; one blank is the same to the module, and can be held.
      const sent = bytes.length === 0 ? encoder.encode(" ") : bytes;
      const pointer = alloc(sent.length) >>> 0;
      if (pointer === 0) throw new BackstayTrap(`the module has no memory for a request of ${sent.length} bytes`);
      new Uint8Array(memory.buffer, pointer, sent.length).set(sent);
      const answer = BigInt.asUintN(64, call(pointer, sent.length));
      const [at, length] = [Number(answer >> 32n), Number(answer & 0xffffffffn)];
      if (at === 0) throw new BackstayTrap("the module has no memory for the answer");
      // The memory may have grown: this view must be new.
      const text = decoder.decode(new Uint8Array(memory.buffer, at, length));
      free(at, length);
      return text;
    } catch (error) {
      // A trap leaves the instance unusable.
      this.#instance = undefined;
      if (error instanceof BackstayTrap) throw error;
      throw new BackstayTrap(`the module stopped: ${error.message}`, error);
    }
  }

  /** A call by its name: gives what is `ok`, throws a BackstayError for what is not. */
  call(name, input = {}) {
    const answer = JSON.parse(this.ask(JSON.stringify({ call: name, input })));
    if (answer.error) throw new BackstayError(answer.error);
    return answer.ok;
  }

  /** Begins a rollout, or takes one up again from its journal. */
  rollout(input) {
    return new Rollout(this, input);
  }
}

/** One rollout: `step` is what to do now, `tell` says what happened and gives the next step. */
export class Rollout {
  #backstay;

  constructor(backstay, { at, ...input }) {
    this.#backstay = backstay;
    this.step = backstay.call("rollout", { ...input, at: Number(at) });
  }

  /** Tells what happened until `at`. When it throws, nothing was taken in and the step before still holds. */
  tell(at, inputs) {
    this.step = this.#backstay.call("rollout", { at: Number(at), state: this.step.state, inputs });
    return this.step;
  }
}
