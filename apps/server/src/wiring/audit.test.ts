import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy } from "@strongroom/runtime/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareAuditDirectory } from "./audit.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-audit-directory-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const prepare = (node: string, audit: string): void => {
  const dataDirectory = join(directory, node);
  mkdirSync(dataDirectory, { recursive: true });
  prepareAuditDirectory(
    {
      dataDirectory,
      audit: {
        directory: join(directory, audit),
        fsync: false,
        segmentBytes: 1e6,
        segmentAgeMs: 1e9,
        retentionBytes: 1e9,
        retentionAgeMs: 1e9,
        fileDirectories: [],
      },
    },
    { clock: nodeClock, entropy: nodeEntropy, logger: silentLogger },
  );
};

describe("the audit directory", () => {
  it("belongs to one node, which finds it again", () => {
    prepare("a", "shared");
    prepare("a", "shared");
    expect(() => prepare("b", "shared")).toThrow("belongs to another node");
    prepare("b", "own");
    expect(readdirSync(join(directory, "shared"))).toEqual(["node"]);
    expect(statSync(join(directory, "shared")).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, "shared", "node")).mode & 0o777).toBe(0o600);
  });

  it("that cannot be used stops the start with a sentence", () => {
    writeFileSync(join(directory, "file"), "");
    expect(() => prepare("a", "file")).toThrow(/The audit directory .* cannot be used/);
  });
});
