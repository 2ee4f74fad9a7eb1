import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfigFiles } from "./config-files.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-config-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("readConfigFiles", () => {
  it("reads files as they are given, and of a directory those that are HCL or JSON", () => {
    const at = (name: string) => join(directory, name);
    for (const name of ["b.json", "a.hcl", "notes.txt", "alone"]) writeFileSync(at(name), name);
    const read = readConfigFiles([at("alone"), directory]);
    expect(read).toEqual(["alone", "a.hcl", "b.json"].map((name) => ({ name: at(name), source: name })));
  });

  it("says what cannot be read", () => {
    mkdirSync(join(directory, "empty"));
    expect(() => readConfigFiles([join(directory, "empty")])).toThrow("holds no configuration");
    expect(() => readConfigFiles([join(directory, "nowhere.hcl")])).toThrow("cannot be read: ENOENT");
  });
});
