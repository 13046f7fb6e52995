// What the user gave: a chart or manifests, from files, folders and drops.

import type { Core } from "./core.ts";
import type { ChartFile } from "./types.ts";

/** Where the objects come from. */
export type Source =
  | { kind: "chart"; name: string; files: ChartFile[] }
  | { kind: "manifests"; name: string; text: string };

/** Files that belong to something else than the chart. */
export type Given = { source: Source } | { values: string } | { recording: string; name: string };

/** A file with its path inside what was chosen. */
export interface Picked {
  path: string;
  file: File;
}

const MAX_BYTES = 64 * 1024 * 1024;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

async function chartFile({ path, file }: Picked): Promise<ChartFile> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return { path, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { path, base64: base64(bytes) };
  }
}

/** The files below the folder that has the topmost Chart.yaml, with paths from there. */
async function folder(picked: Picked[]): Promise<Source | undefined> {
  const charts = picked.filter(({ path }) => /(^|\/)Chart\.yaml$/.test(path));
  const top = charts.sort((a, b) => a.path.split("/").length - b.path.split("/").length)[0];
  if (!top) return undefined;
  const root = top.path.slice(0, -"Chart.yaml".length);
  const inside = picked.filter(({ path }) => path.startsWith(root));
  const files = await Promise.all(inside.map(({ path, file }) => chartFile({ path: path.slice(root.length), file })));
  return { kind: "chart", name: root.replace(/\/$/, "").split("/").at(-1) || "chart", files };
}

/** What was chosen or dropped. Throws an Error with words for the user. */
export async function understand(picked: Picked[], core: Core): Promise<Given> {
  const total = picked.reduce((sum, { file }) => sum + file.size, 0);
  if (total > MAX_BYTES) throw new Error(`that is ${Math.round(total / 1e6)} MB; charts above 64 MB are not read`);
  const [first] = picked;
  if (!first) throw new Error("there is no file in it");
  if (picked.length === 1 && /\.(tgz|tar\.gz)$/.test(first.path)) {
    const archive = base64(new Uint8Array(await first.file.arrayBuffer()));
    const { files } = await core.call("unpack", { archive });
    return { source: { kind: "chart", name: first.file.name, files } };
  }
  const chart = await folder(picked);
  if (chart) return { source: chart };
  const texts = await Promise.all(picked.map(({ file }) => file.text()));
  if (/\.(ndjson|jsonl)$/.test(first.path)) return { recording: texts.join("\n"), name: first.file.name };
  const yaml = picked.every(({ path }) => /\.(ya?ml|json)$/.test(path));
  if (!yaml) throw new Error(`${first.path}: give a chart's folder, a .tgz, manifests (.yaml), a values file or a recording (.ndjson)`);
  const isManifest = texts.some((text) => /^kind:\s*\S/m.test(text) || /"kind"\s*:/.test(text));
  if (!isManifest && picked.length === 1) return { values: texts[0] ?? "" };
  return { source: { kind: "manifests", name: picked.length === 1 ? first.file.name : `${picked.length} files`, text: texts.join("\n---\n") } };
}

function entries(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

async function walk(entry: FileSystemEntry, into: Picked[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    into.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives a hundred at a time.
  for (let batch = await entries(reader); batch.length > 0; batch = await entries(reader)) {
    for (const inner of batch) await walk(inner, into);
  }
}

/** The files of a drop, folders opened. */
export async function dropped(transfer: DataTransfer): Promise<Picked[]> {
  // The list is emptied as soon as this function first waits.
  const all = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files: Picked[] = [];
  for (const entry of all) await walk(entry, files);
  return files;
}

/** The files of an input. */
export function chosen(input: HTMLInputElement): Picked[] {
  return [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}
