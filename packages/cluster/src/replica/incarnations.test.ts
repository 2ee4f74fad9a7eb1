import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileIncarnations } from "./incarnations.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "incarnations-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

describe("FileIncarnations", () => {
  it("goes on where the process before it stopped", async () => {
    const first = FileIncarnations.open(directory);
    expect([await first.next(), await first.next()]).toEqual([1, 2]);
    expect(await FileIncarnations.open(directory).next()).toBe(3);
    expect(statSync(join(directory, "incarnation")).mode & 0o777).toBe(0o600);
  });

  it("does not begin anew when the file does not read", () => {
    writeFileSync(join(directory, "incarnation"), "1x\n");
    expect(() => FileIncarnations.open(directory)).toThrow("holds no number");
  });
});
