// The page's side of the worker.

import type { Answer, CallName, Calls, Failure, WorkerReply, WorkerRequest } from "./types.ts";

declare const WORKER_SOURCE: string;

/** An error that the core answered. */
export class CoreError extends Error {
  readonly code: string;
  readonly file: string | undefined;
  readonly line: number | undefined;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "CoreError";
    this.code = failure.code;
    this.file = failure.file;
    this.line = failure.line;
  }
}

/** The core in its worker. */
export class Core {
  #worker: Worker;
  #waiting = new Map<number, (answer: Answer) => void>();
  #next = 1;
  #address: string;
  #full: Promise<void> | undefined;

  private constructor(module: WebAssembly.Module, full: string) {
    this.#address = full;
    const address = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
    this.#worker = new Worker(address);
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => {
      const take = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      take?.(data.answer);
    };
    this.#send({ module });
  }

  /** Loads the small module; the full one takes its place as soon as a call needs it. */
  static async load(first: string, full: string): Promise<Core> {
    return new Core(await fetched(first), full);
  }

  #send(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  async #answer(call: string, input: unknown): Promise<Answer> {
    const id = this.#next++;
    return new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ id, call, input });
    });
  }

  async #whole(): Promise<void> {
    this.#full ??= fetched(this.#address).then((module) => this.#send({ module }));
    try {
      await this.#full;
    } catch (problem) {
      this.#full = undefined;
      throw new Error(`what this needs cannot be loaded: ${problem instanceof Error ? problem.message : String(problem)}`);
    }
  }

  /** Calls by name; throws what is an error. */
  async call<C extends CallName>(call: C, input: Calls[C]["input"]): Promise<Calls[C]["ok"]> {
    let answer = await this.#answer(call, input);
    if ("error" in answer && answer.error.code === "elsewhere") {
      await this.#whole();
      answer = await this.#answer(call, input);
    }
    if ("error" in answer) throw new CoreError(answer.error);
    return answer.ok as Calls[C]["ok"];
  }
}

async function fetched(address: string): Promise<WebAssembly.Module> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: the server answers ${response.status}`);
  // Some servers do not know the media type that compiling from a stream insists on.
  const streams = response.headers.get("content-type")?.startsWith("application/wasm") === true;
  const module = streams
    ? await WebAssembly.compileStreaming(response)
    : await WebAssembly.compile(await response.arrayBuffer());
  const imports = WebAssembly.Module.imports(module);
  if (imports.length > 0) throw new Error(`the module imports ${imports.map((one) => one.name).join(", ")}`);
  return module;
}
