// Times as people write them: 2m30s.

/** Milliseconds as Go writes durations, to whole seconds from a minute on. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10}s`;
  const all = Math.round(ms / 1000);
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor((all % 3600) / 60), all % 60];
  return `${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}${seconds ? `${seconds}s` : ""}`;
}

/** For flags: whole seconds, rounded up. */
export function flag(ms: number): string {
  return duration(Math.ceil(ms / 1000) * 1000);
}
