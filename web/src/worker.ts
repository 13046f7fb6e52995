// Everything that thinks runs here, so that the page never stops to answer.

import { Host } from "./host.ts";
import type { WorkerReply, WorkerRequest } from "./types.ts";

// The library for workers clashes with that for pages; these two members are all that is needed of it.
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(reply: WorkerReply): void;
};

let host: Host | undefined;

scope.onmessage = ({ data }) => {
  if ("module" in data) {
    host = new Host(data.module);
    return;
  }
  const answer = host ? host.ask(data.call, data.input) : { error: { code: "trap", message: "the module is not there" } };
  scope.postMessage({ id: data.id, answer });
};
