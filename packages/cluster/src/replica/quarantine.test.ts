import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { QuarantineError, quarantine, refuseQuarantined } from "./quarantine.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quarantine-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

describe("a data directory", () => {
  it("of a node that was quarantined starts none again, and says why and what to do", () => {
    refuseQuarantined(directory);
    quarantine(directory, new QuarantineError(7, "its rows are not what it applied").message);
    expect(statSync(join(directory, "quarantined")).mode & 0o777).toBe(0o600);
    expect(() => refuseQuarantined(directory)).toThrow(/its rows are not what it applied.*remove-peer.*join again/);
  });

  it("that cannot be written to any more does not keep the node from ending", () => {
    expect(() => quarantine(join(directory, "gone"), "x")).not.toThrow();
  });
});
