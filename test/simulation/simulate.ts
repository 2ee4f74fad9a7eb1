/**
 * `npm run simulate -- [--seed N] [--events N] [--runs N] [--liveness]`: runs of seed N and those after it until so many
 * events have happened (a million unless told, or that one seed if only a seed is given); an event is one thing taken from
 * the queue of virtual time: a message or a batch of them arrives, a disk answers, a clock ticks, a replica takes its turn, a
 * client or the nemesis acts. The first violation ends it with its seed and with the shortest story that could be found.
 */
import { parseArgs } from "node:util";
import { type CampaignReport, missedMarks, runCampaign } from "./campaign.ts";
import { MARKS } from "./marks.ts";
import type { World } from "./run.ts";

const DEFAULT_EVENTS = 1_000_000;
/** A campaign of so many events must have hit every mark. */
const ALL_MARKS_EVENTS = 10_000_000;
/** Of a story that could not be made short. */
const FIRST_LINES = 20;
const LAST_LINES = 400;
const WORLDS: readonly World[] = ["group", "replicas"];
const CALM_UNIT: Readonly<Record<World, string>> = { group: "ticks", replicas: "ms" };

function main(): number {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      events: { type: "string" },
      runs: { type: "string" },
      liveness: { type: "boolean", default: false },
    },
  });
  const only = values.seed !== undefined && values.events === undefined && values.runs === undefined;
  const events =
    number("events", values.events) ?? (values.runs === undefined ? DEFAULT_EVENTS : Number.POSITIVE_INFINITY);
  const report = runCampaign({
    firstSeed: number("seed", values.seed) ?? 1,
    events,
    runs: only ? 1 : (number("runs", values.runs) ?? Number.POSITIVE_INFINITY),
    liveness: values.liveness,
    cpuMs: () => process.cpuUsage().user / 1_000,
  });
  const missed = missedMarks(report);
  printReport(report, missed);
  if (report.broken !== undefined) return printFailure(report, values.liveness);
  print("violations: 0");
  const total = WORLDS.reduce((sum, world) => sum + report.worlds[world].events, 0);
  return missed.length > 0 && total >= ALL_MARKS_EVENTS ? 1 : 0;
}

function printReport({ worlds, lastSeed }: CampaignReport, missed: readonly string[]): void {
  let events = 0;
  let cpuMs = 0;
  for (const world of WORLDS) {
    const { runs, events: passed, cpuMs: spent, calm, tally } = worlds[world];
    if (runs === 0) continue;
    events += passed;
    cpuMs += spent;
    print(
      `${world}: ${count(runs)} runs, ${count(passed)} events, ${rate(passed, spent)} events/s, at rest within ${count(Math.ceil(calm))} ${CALM_UNIT[world]}`,
    );
    print(`  faults: ${list(tally.faults)}`);
    print(`  marks: ${list(new Map(MARKS[world].map((mark) => [mark, tally.marks.get(mark) ?? 0])))}`);
  }
  print(`events: ${count(events)} up to seed ${lastSeed}, ${rate(events, cpuMs)} a second of one core`);
  print(`marks: ${missed.length === 0 ? "all hit" : `missed ${missed.join("; ")}`}`);
}

function printFailure({ broken }: CampaignReport, liveness: boolean): number {
  if (broken === undefined) return 0;
  const { seed, failure } = broken;
  print(`seed ${seed}: ${failure.violation}`);
  print("the shortest story found:");
  const { transcript } = failure;
  const omitted = transcript.length - FIRST_LINES - LAST_LINES;
  for (const line of omitted > 0 ? transcript.slice(0, FIRST_LINES) : transcript) print(line);
  if (omitted > 0) {
    print(`(${omitted} lines left out)`);
    for (const line of transcript.slice(-LAST_LINES)) print(line);
  }
  print(`choices: ${failure.choices.join(" ")}`);
  print(`again: npm run simulate -- --seed ${seed}${liveness ? " --liveness" : ""}`);
  print("violations: 1");
  return 1;
}

function number(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${name} is a whole number, not "${text}"`);
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, times]) => `${name} ${count(times)}`)
    .join(", ");
}

function rate(events: number, cpuMs: number): string {
  return count(Math.round((events / Math.max(1, cpuMs)) * 1_000));
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
