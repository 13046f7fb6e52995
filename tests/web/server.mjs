// Serves the built page as any static host would, and counts what is asked for.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const folder = process.env.BACKSTAY_TEST_PAGE ?? join(repository, "web", "dist");
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

export async function serve() {
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://page").pathname;
    asked.push(path);
    try {
      const file = path === "/" ? "index.html" : path.slice(1);
      if (file.includes("..")) throw new Error("outside");
      const content = await readFile(join(folder, file));
      response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
      response.end(content);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    asked,
    stop: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}
