// The same for Node, which reads files where browsers fetch.
import { readFile } from "node:fs/promises";

import { Backstay as Anywhere } from "./index.js";

export { ABI, BackstayError, BackstayTrap, Rollout } from "./index.js";

const bundled = new URL("./backstay.wasm", import.meta.url);

export class Backstay extends Anywhere {
  /** As everywhere; a text is a path here, and without anything `BACKSTAY_WASM` or the packed module is taken. */
  static async load(source = process.env.BACKSTAY_WASM || bundled) {
    const isFile = typeof source === "string" || (source instanceof URL && source.protocol === "file:");
    return super.load(isFile ? await readFile(source) : source);
  }
}
