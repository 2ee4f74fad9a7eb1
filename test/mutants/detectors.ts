/** What can notice a mutant: each a command that runs in a child process with the mutant in what it loads. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Mutant, SimulationName } from "./mutant.ts";
import { MUTANT_VARIABLE } from "./mutants.ts";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What a detector says: it noticed something, nothing, or had no time to. */
interface Verdict {
  readonly noticed: boolean;
  readonly timedOut: boolean;
  /** What it noticed, in a line. */
  readonly what: string;
}

/** A detector that neither passed nor failed as it should: a mutant that does not even load, or a bug of the run. */
export class DetectorBroken extends Error {
  override readonly name = "DetectorBroken";
}

export interface Detector {
  readonly name: string;
  readonly kind: "transcripts" | "tests" | "simulation";
  run(mutant: Mutant | undefined, limitMs: number): Verdict;
}

const NODE = [process.execPath, "--conditions=source", "--import", `${ROOT}/test/mutants/load-hook.ts`];
const VITEST = [process.execPath, `${ROOT}/node_modules/vitest/vitest.mjs`, "run"];

const SIMULATION_NOTICED = 3;

/** The detectors of a mutant, the cheapest first. */
export function detectorsOf(mutant: Mutant): readonly Detector[] {
  return detectorsFor([mutant]);
}

/** Those that all of `mutants` have together; tests are run as one. */
export function detectorsFor(mutants: readonly Mutant[]): readonly Detector[] {
  const detectors: Detector[] = mutants.some(({ file }) => packageOf(file) === "raft") ? [transcripts()] : [];
  const tests = mutants.flatMap((mutant) =>
    (mutant.tests ?? [""]).map((one) => `packages/${packageOf(mutant.file)}/src/${one}`),
  );
  detectors.push(unitTests([...new Set(tests)]));
  for (const name of new Set(mutants.map(({ simulation }) => simulation))) {
    if (name !== undefined) detectors.push(simulator(name));
  }
  return detectors;
}

function packageOf(file: string): string {
  return file.split("/")[1] ?? "";
}

function transcripts(): Detector {
  return detector("transcripts", "transcripts", [...NODE, `${ROOT}/test/conformance/raft.ts`], ({ status, output }) => {
    const failed = /^directives: \d+ passed, (\d+) failed$/m.exec(output)?.[1];
    if (status === 0 && failed === "0") return undefined;
    if (failed === undefined || failed === "0") return "broken";
    return { what: /^FAIL (?:.*\/)?(\S+\.txt)/m.exec(output)?.[1] ?? "a transcript" };
  });
}

function unitTests(files: readonly string[]): Detector {
  const command = [...VITEST, "--config", `${ROOT}/test/mutants/vitest.config.ts`, ...files];
  return detector("tests", "tests", command, ({ status, output }) => {
    if (status === 0) return undefined;
    // A file that does not even load has no failed test.
    if (!/^\s*Tests\s.*\bfailed\b/m.test(output)) return "broken";
    return { what: /^ FAIL\s+(?:\S+ > )?(.*)$/m.exec(output)?.[1] ?? "a test" };
  });
}

function simulator(name: SimulationName): Detector {
  const command = [...NODE, `${ROOT}/test/mutants/simulate.ts`, name];
  return detector(`simulation of ${name}`, "simulation", command, ({ status, output }) => {
    if (status === 0) return undefined;
    return status === SIMULATION_NOTICED ? { what: output.trim() } : "broken";
  });
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

function detector(
  name: string,
  kind: Detector["kind"],
  command: readonly string[],
  read: (ended: Ended) => { readonly what: string } | "broken" | undefined,
): Detector {
  const run = (mutant: Mutant | undefined, limitMs: number): Verdict => {
    const { STRONGROOM_SEED: _, ...env } = process.env;
    const [program = "", ...args] = command;
    const ended = spawnSync(program, args, {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 1 << 28,
      timeout: Math.max(1, Math.floor(limitMs)),
      killSignal: "SIGKILL",
      env: { ...env, NO_COLOR: "1", ...(mutant === undefined ? {} : { [MUTANT_VARIABLE]: mutant.name }) },
    });
    const output = `${ended.stdout}${ended.stderr}`;
    if (ended.signal === "SIGKILL") return { noticed: false, timedOut: true, what: "" };
    const found = read({ status: ended.status, output });
    if (found === "broken") {
      throw new DetectorBroken(`${name} broke${mutant === undefined ? "" : ` on mutant ${mutant.name}`}:\n${output}`);
    }
    return { noticed: found !== undefined, timedOut: false, what: found?.what ?? "" };
  };
  return { name, kind, run };
}
