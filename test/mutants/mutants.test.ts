import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { detectorsOf, ROOT } from "./detectors.ts";
import { MutantMismatch, mutate } from "./mutant.ts";
import { MUTANT_VARIABLE, MUTANTS } from "./mutants.ts";

const LOAD_HOOK = fileURLToPath(new URL("load-hook.ts", import.meta.url));

describe("the mutants", () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))("%s still fits the code", (_, mutant) => {
    const source = readFileSync(`${ROOT}/${mutant.file}`, "utf8");
    expect(mutate(source, mutant)).not.toBe(source);
  });

  it("have names of their own, are enough, and many must be noticed by a simulation alone", () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(40);
    expect(MUTANTS.filter(({ simulation }) => simulation !== undefined).length).toBeGreaterThanOrEqual(15);
  });

  it("reach a process only through the hook, and only the one that is named", () => {
    const program = `
      import { majorityCommittedIndex } from "@strongroom/raft/testing";
      process.stdout.write(String(majorityCommittedIndex([1, 2], (id) => id * 10)));
    `;
    const run = (mutant?: string): string =>
      execFileSync(
        process.execPath,
        ["--conditions=source", "--import", LOAD_HOOK, "--input-type=module", "--eval", program],
        {
          cwd: `${ROOT}/test`,
          encoding: "utf8",
          stdio: "pipe",
          env: mutant === undefined ? {} : { [MUTANT_VARIABLE]: mutant },
        },
      );
    expect(run()).toBe("10");
    expect(run("quorum-of-half")).toBe("20");
    expect(() => run("no-such-mutant")).toThrow("there is no mutant no-such-mutant");
  });
});

describe("the detectors", () => {
  const LIMIT_MS = 300_000;

  it.each([
    ["transcripts", "read-without-quorum", /^read_index/],
    ["tests", "half-convicts", /convicts nobody by half/],
    ["simulation", "vote-given-to-all", /^seed \d+: /],
  ] as const)(
    "of the kind %s notice a mutant",
    (kind, name, what) => {
      const mutant = MUTANTS.find((one) => one.name === name);
      const detector = mutant === undefined ? undefined : detectorsOf(mutant).find((one) => one.kind === kind);
      expect(detector?.run(mutant, LIMIT_MS)).toEqual({
        noticed: true,
        timedOut: false,
        what: expect.stringMatching(what),
      });
    },
    LIMIT_MS,
  );

  it(
    "are content where there is none, and have noticed nothing when their time is over",
    () => {
      const mutant = MUTANTS.find(({ name }) => name === "half-convicts");
      const [tests] = mutant === undefined ? [] : detectorsOf(mutant);
      expect(tests?.run(undefined, LIMIT_MS)).toMatchObject({ noticed: false, timedOut: false });
      expect(tests?.run(mutant, 1)).toMatchObject({ noticed: false, timedOut: true });
    },
    LIMIT_MS,
  );
});

describe("mutate", () => {
  it("refuses a text that is missing, or there twice", () => {
    const mutant = { name: "m", breaks: "", file: "f.ts", find: "a", replace: "b" };
    expect(mutate("xax", mutant)).toBe("xbx");
    expect(() => mutate("xyz", mutant)).toThrow(MutantMismatch);
    expect(() => mutate("aa", mutant)).toThrow("2 times in f.ts");
  });
});
