/** docs/guarantees.md names a test for each promise, docs/advisories.md for each advisory: it must be there, under that name. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const page = readFileSync(join(root, "docs/guarantees.md"), "utf8");
const [promised = "", notYet = ""] = page.split(/^## Not promised yet$/m);

/** `| promise | tests |`, without the head and the line under it. */
const rows = tableRows(promised, "| promise").map(([promise = "", tests = "", ...rest]) => ({
  promise,
  tests,
  cells: rest.length + 2,
}));
const advisories = tableRows(readFileSync(join(root, "docs/advisories.md"), "utf8"), "| advisory");

describe("docs/guarantees.md", () => {
  it("is a table of promises, each with a test", () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter(({ cells }) => cells !== 3)).toEqual([]);
    expect(rows.filter(({ tests }) => references(tests).length === 0).map(({ promise }) => promise)).toEqual([]);
  });

  it("names tests that exist", () => {
    expect(rows.flatMap(({ tests }) => missingTests(tests))).toEqual([]);
  });

  it("says what is not promised, one line each", () => {
    const lines = notYet.split("\n").filter((line) => line.startsWith("- "));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => line.includes("›"))).toEqual([]);
  });
});

describe("docs/advisories.md", () => {
  it("has a test for each advisory, one that exists", () => {
    expect(advisories.length).toBeGreaterThan(30);
    for (const [advisory = "", what = "", tests = "", ...rest] of advisories) {
      expect([advisory, what !== "", references(tests).length > 0, rest]).toEqual([advisory, true, true, [""]]);
    }
    expect(advisories.flatMap(([, , tests = ""]) => missingTests(tests))).toEqual([]);
  });
});

/** The cells of all rows of all tables but those that begin with `head`. */
function tableRows(text: string, head: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith(head))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, ...cells]) => cells);
}

function missingTests(cell: string): string[] {
  return references(cell)
    .filter(({ path, name }) => !existsSync(join(root, path)) || !hasTest(path, name))
    .map(({ path, name }) => `${path} › "${name}"`);
}

/** All of `` `path` › "name" `` in a cell. */
function references(cell: string): readonly { readonly path: string; readonly name: string }[] {
  return [...cell.matchAll(/`([^`]+\.ts)` › "([^"]+)"/g)].map(([, path = "", name = ""]) => ({ path, name }));
}

/** A test of this very name: `it("name"` or `it.each(…)("name"`, however it is broken into lines. */
function hasTest(path: string, name: string): boolean {
  const source = readFileSync(join(root, path), "utf8");
  const literal = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?:\bit|\))\(\s*["']${literal}["']`).test(source);
}
