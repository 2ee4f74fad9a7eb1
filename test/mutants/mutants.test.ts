import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ROOT } from "./detectors.ts";
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

describe("mutate", () => {
  it("refuses a text that is missing, or there twice", () => {
    const mutant = { name: "m", breaks: "", file: "f.ts", find: "a", replace: "b" };
    expect(mutate("xax", mutant)).toBe("xbx");
    expect(() => mutate("xyz", mutant)).toThrow(MutantMismatch);
    expect(() => mutate("aa", mutant)).toThrow("2 times in f.ts");
  });
});
