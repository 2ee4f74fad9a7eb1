/** docs/guarantees.md names a test for each promise: it must be there, under that name. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const page = readFileSync(join(root, "docs/guarantees.md"), "utf8");
const [promised = "", notYet = ""] = page.split(/^## Not promised yet$/m);

/** `| promise | tests |`, without the head and the line under it. */
const rows = promised
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| promise"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, promise = "", tests = "", ...rest]) => ({ promise, tests, cells: rest.length + 2 }));

describe("docs/guarantees.md", () => {
  it("is a table of promises, each with a test", () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter(({ cells }) => cells !== 3)).toEqual([]);
    expect(rows.filter(({ tests }) => references(tests).length === 0).map(({ promise }) => promise)).toEqual([]);
  });

  it("names tests that exist", () => {
    const missing = rows.flatMap(({ promise, tests }) =>
      references(tests)
        .filter(({ path, name }) => !existsSync(join(root, path)) || !hasTest(path, name))
        .map(({ path, name }) => `${promise}: ${path} › "${name}"`),
    );
    expect(missing).toEqual([]);
  });

  it("says what is not promised, one line each", () => {
    const lines = notYet.split("\n").filter((line) => line.startsWith("- "));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => line.includes("›"))).toEqual([]);
  });
});

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
