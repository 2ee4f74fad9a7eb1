/**
 * `npm run mutants -- [--only NAME]…`: proves that the tests have teeth. Each mutant is loaded in child processes and run
 * against its detectors, the cheapest first: transcripts, tests, a simulation. It is killed if one of them notices it; where a
 * mutant names a simulation, that must notice it without the others' help too. A mutant that survives, or no longer
 * fits the code, fails the run; and so does a detector that is unhappy without any mutant.
 */

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DetectorBroken, detectorsFor, detectorsOf, ROOT } from "./detectors.ts";
import { type Mutant, MutantMismatch, mutate } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

const LIMIT_MS = 60_000;
/** Without a mutant all seeds pass, and all tests are run. */
const CONTENT_LIMIT_MS = 300_000;

interface Outcome {
  readonly mutant: Mutant;
  /** Who noticed it, in the order in which they were asked. */
  readonly killers: readonly string[];
  readonly missed: readonly string[];
}

function main(): number {
  const { values } = parseArgs({ options: { only: { type: "string", multiple: true } } });
  const only = values.only;
  const unknown = only?.find((name) => MUTANTS.every((mutant) => mutant.name !== name));
  if (unknown !== undefined) {
    print(`there is no mutant ${unknown}; there are: ${MUTANTS.map(({ name }) => name).join(" ")}`);
    return 2;
  }
  const chosen = MUTANTS.filter(({ name }) => only?.includes(name) ?? true);
  for (const mutant of chosen) mutate(readFileSync(`${ROOT}/${mutant.file}`, "utf8"), mutant);
  if (!contentWithoutMutant(chosen)) return 1;
  const outcomes = chosen.map(examine);
  const survived = outcomes.filter(({ killers, missed }) => killers.length === 0 || missed.length > 0);
  const simulated = outcomes.filter(({ mutant, missed }) => mutant.simulation !== undefined && missed.length === 0);
  print(`${simulated.length} of them by a simulation alone: ${simulated.map(({ mutant }) => mutant.name).join(", ")}`);
  for (const { mutant, missed } of survived) {
    print(`survived: ${mutant.name}: ${mutant.breaks}${missed.length > 0 ? ` (not noticed by ${missed.join()})` : ""}`);
  }
  print(`mutants: ${outcomes.length - survived.length} killed, ${survived.length} survived`);
  return survived.length === 0 ? 0 : 1;
}

/** Who notices a mutant where there is none proves nothing. */
function contentWithoutMutant(chosen: readonly Mutant[]): boolean {
  for (const detector of detectorsFor(chosen)) {
    const verdict = detector.run(undefined, CONTENT_LIMIT_MS);
    if (!verdict.noticed && !verdict.timedOut) continue;
    print(`${detector.name} is not content without a mutant: ${verdict.timedOut ? "too slow" : verdict.what}`);
    return false;
  }
  return true;
}

function examine(mutant: Mutant): Outcome {
  const start = performance.now();
  const killers: string[] = [];
  const missed: string[] = [];
  const told: string[] = [];
  for (const detector of detectorsOf(mutant)) {
    const required = detector.kind === "simulation" && mutant.simulation !== undefined;
    if (killers.length > 0 && !required) continue;
    const began = performance.now();
    const verdict = detector.run(mutant, LIMIT_MS - (began - start));
    if (verdict.noticed) {
      killers.push(detector.name);
      told.push(`${detector.name} ${((performance.now() - began) / 1000).toFixed(1)} s (${verdict.what})`);
    } else if (required) {
      missed.push(`${detector.name}${verdict.timedOut ? ", which took too long" : ""}`);
    }
  }
  print(`${killers.length > 0 && missed.length === 0 ? "killed  " : "SURVIVED"} ${mutant.name}: ${told.join("; ")}`);
  return { mutant, killers, missed };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  process.exitCode = main();
} catch (error) {
  const misused = error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  if (!misused && !(error instanceof DetectorBroken) && !(error instanceof MutantMismatch)) throw error;
  print(error.message);
  process.exitCode = misused ? 2 : 1;
}
