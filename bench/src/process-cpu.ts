import { readFileSync } from "node:fs";

const TICK_US = 10_000;

/** User and system time of a process and its threads so far, in microseconds, as proc(5) counts it: ticks of 10 ms. */
export function processCpuUs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
