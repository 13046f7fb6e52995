// The page's side of the worker.

import type { Answer, Failure, WorkerReply, WorkerRequest } from "./types.ts";

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

  private constructor(module: WebAssembly.Module) {
    const address = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
    this.#worker = new Worker(address);
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => {
      const take = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      take?.(data.answer);
    };
    this.#send({ module });
  }

  static async load(address: string): Promise<Core> {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address}: the server answers ${response.status}`);
    // Some servers do not know the media type that compiling from a stream insists on.
    const streams = response.headers.get("content-type")?.startsWith("application/wasm") === true;
    const module = streams
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
    const imports = WebAssembly.Module.imports(module);
    if (imports.length > 0) throw new Error(`the module imports ${imports.map((one) => one.name).join(", ")}`);
    return new Core(module);
  }

  #send(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  /** Calls by name; throws what is an error. */
  async call<T>(call: string, input: unknown = {}): Promise<T> {
    const id = this.#next++;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ id, call, input });
    });
    if ("error" in answer) throw new CoreError(answer.error);
    return answer.ok as T;
  }
}
