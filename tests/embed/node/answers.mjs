// node answers.mjs MODULE: a request per line on standard input, its answer per line on standard output.

import { stdin, stdout, argv } from "node:process";
import { createInterface } from "node:readline";

import { Backstay } from "./backstay.mjs";

const backstay = await Backstay.load(argv[2]);
for await (const request of createInterface({ input: stdin, crlfDelay: Infinity })) {
  stdout.write(backstay.ask(request) + "\n");
}
