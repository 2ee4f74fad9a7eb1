import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseTranscript } from "./datadriven.ts";
import { describeFailure, runDirectory } from "./suite.ts";

const TRANSCRIPTS = fileURLToPath(new URL("../../packages/raft/testdata", import.meta.url));

describe("the Raft core's own transcripts", () => {
  for (const { file, passed, failures } of runDirectory(TRANSCRIPTS, { logLines: true })) {
    it(`${file.slice(TRANSCRIPTS.length + 1)} prints what it printed`, () => {
      expect(failures.map(describeFailure)).toEqual([]);
      expect(passed).toBeGreaterThan(0);
    });
  }
});

describe("runDirectory", () => {
  it("refuses a directory that is missing or has no transcripts", () => {
    const empty = mkdtempSync(join(tmpdir(), "strongroom-transcripts-"));
    try {
      expect(() => runDirectory(empty, { logLines: true })).toThrow("holds no transcripts");
      expect(() => runDirectory(join(empty, "missing"), { logLines: true })).toThrow("is no directory");
      writeFileSync(join(empty, "comments.txt"), "# nothing is asked\n");
      expect(() => runDirectory(empty, { logLines: true })).toThrow("holds no directives");
    } finally {
      rmSync(empty, { recursive: true });
    }
  });

  it("shows where the output differs, in the nodes' log lines too unless it is told otherwise", () => {
    const directory = mkdtempSync(join(tmpdir(), "strongroom-transcripts-"));
    const transcript = (logLine: string, state: string): void =>
      writeFileSync(
        join(directory, "x.txt"),
        `add-nodes 1 voters=(1) index=3\n----\n${logLine}\nINFO 1 became follower at term 0\nINFO newRaft 1 [peers: [1], term: 0, commit: 3, applied: 3, lastindex: 3, lastterm: 1]\n\nraft-state\n----\n${state}\n`,
      );
    const run = (logLines: boolean): readonly string[] =>
      runDirectory(directory, { logLines }).flatMap(({ failures }) => failures.map(describeFailure));
    try {
      transcript("INFO 1 switched to configuration voters=(1)", "1: StateFollower (Voter) Term:0 Lead:0");
      expect(run(true)).toEqual([]);
      transcript("INFO 1 switched to configuration voters=(2)", "1: StateLeader (Voter) Term:0 Lead:0");
      const [inLog, inState] = run(true);
      expect(inLog?.split("\n").slice(0, 4)).toEqual([
        "--- x.txt:1 (add-nodes), expected",
        "+++ actual",
        "- INFO 1 switched to configuration voters=(2)",
        "+ INFO 1 switched to configuration voters=(1)",
      ]);
      expect(inState).toContain("- 1: StateLeader (Voter) Term:0 Lead:0\n+ 1: StateFollower (Voter) Term:0 Lead:0");
      expect(run(false)).toEqual([inState]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("parseTranscript", () => {
  it("reads arguments, input and output, and knows where they stand", () => {
    const text =
      "# a comment\n\nadd-nodes 3 voters=(1, 2) \\\n  index=10\n----\nok\n\npropose-conf-change 1\nv2 l3\n----\na\nb\n";
    expect(parseTranscript("x.txt", text)).toEqual([
      {
        position: "x.txt:3",
        command: "add-nodes",
        args: [
          { key: "3", values: [] },
          { key: "voters", values: ["1", "2"] },
          { key: "index", values: ["10"] },
        ],
        input: "",
        expected: "ok\n",
        expectedLines: [5, 6],
      },
      {
        position: "x.txt:8",
        command: "propose-conf-change",
        args: [{ key: "1", values: [] }],
        input: "v2 l3",
        expected: "a\nb\n",
        expectedLines: [10, 12],
      },
    ]);
  });

  it("refuses a directive without a separator", () => {
    expect(() => parseTranscript("x.txt", "campaign 1\n")).toThrow("x.txt:1: no ---- follows");
  });
});
