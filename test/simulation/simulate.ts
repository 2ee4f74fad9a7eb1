/** `npm run simulate -- [--seed N] [--events N]`: seeds from N on until so many events have passed, or the first violation. */
import { parseArgs } from "node:util";
import { runSeed } from "./run.ts";

const EVENTS_PER_RUN = 20_000;

function main(): number {
  const { values } = parseArgs({ options: { seed: { type: "string" }, events: { type: "string" } } });
  let seed = Number(values.seed ?? 1);
  const wanted = Number(values.events ?? 1_000_000);
  const startMs = performance.now();
  let events = 0;
  for (; events < wanted; seed++) {
    const result = runSeed(seed, { events: EVENTS_PER_RUN });
    events += result.events;
    if (result.violation === undefined) continue;
    process.stdout.write(`seed ${seed}: ${result.violation}\nviolations: 1\n`);
    return 1;
  }
  const perSecond = Math.round(events / ((performance.now() - startMs) / 1_000));
  process.stdout.write(`events: ${events} (${perSecond}/s)\nviolations: 0\n`);
  return 0;
}

process.exitCode = main();
