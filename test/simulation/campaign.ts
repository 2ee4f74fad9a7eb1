/** Many seeds, one after the other: what they add up to, until enough has happened or something broke. */
import { MARKS } from "./marks.ts";
import { explainSeed, type Failure, lengthOf, type RunOptions, runSeed, type World, worldOf } from "./run.ts";
import { Tally } from "./tally.ts";

export interface CampaignOptions {
  readonly firstSeed: number;
  /** Ends after the run in which so many events are reached, or after so many runs. */
  readonly events: number;
  readonly runs: number;
  readonly liveness: boolean;
  /** Time that this thread has had, in milliseconds. */
  readonly cpuMs: () => number;
}

interface WorldReport {
  runs: number;
  events: number;
  cpuMs: number;
  /** The longest time that a run needed to recover. */
  calm: number;
  readonly tally: Tally;
}

export interface CampaignReport {
  readonly worlds: Readonly<Record<World, WorldReport>>;
  readonly lastSeed: number;
  readonly broken?: { readonly seed: number; readonly failure: Failure };
}

export function runCampaign(options: CampaignOptions): CampaignReport {
  const { firstSeed, liveness, cpuMs } = options;
  const worlds: Record<World, WorldReport> = { group: emptyReport(), replicas: emptyReport() };
  let events = 0;
  for (let seed = firstSeed; ; seed++) {
    const run: RunOptions = { events: lengthOf(seed), liveness };
    const startMs = cpuMs();
    const result = runSeed(seed, run);
    const report = worlds[worldOf(seed)];
    report.runs++;
    report.events += result.events;
    report.cpuMs += cpuMs() - startMs;
    report.calm = Math.max(report.calm, result.calm);
    report.tally.add(result);
    events += result.events;
    if (result.violation !== undefined)
      return { worlds, lastSeed: seed, broken: { seed, failure: explainSeed(seed, run) } };
    if (events >= options.events || seed - firstSeed + 1 >= options.runs) return { worlds, lastSeed: seed };
  }
}

/** Marks of worlds that ran which nothing has hit. */
export function missedMarks({ worlds }: CampaignReport): readonly string[] {
  return (["group", "replicas"] as const).flatMap((world) =>
    worlds[world].runs === 0
      ? []
      : MARKS[world].filter((mark) => !worlds[world].tally.marks.has(mark)).map((mark) => `${world}: ${mark}`),
  );
}

function emptyReport(): WorldReport {
  return { runs: 0, events: 0, cpuMs: 0, calm: 0, tally: new Tally() };
}
