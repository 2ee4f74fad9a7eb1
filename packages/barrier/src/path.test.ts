import { utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidPathError } from "./errors.ts";
import { comparePaths, directorySegments, leafSegments } from "./path.ts";

describe("paths", () => {
  it.each(["", "/", "/a", "a/", "a//b", "a/\ud800", "x".repeat(4097), "é".repeat(2049), Array(65).fill("a").join("/")])(
    "refuses the leaf %j",
    (path) => expect(() => leafSegments(path)).toThrow(InvalidPathError),
  );

  it.each([
    ["a", 1],
    ["a/b", 2],
    [".", 1],
    ["a/../b", 3],
    [" ", 1],
    ["x".repeat(4096), 1],
    [Array(64).fill("a").join("/"), 64],
    ["😀/é", 2],
  ])("takes the leaf %j", (path, count) => expect(leafSegments(path)).toHaveLength(count));

  it("takes directories with and without the slash at the end, and the root", () => {
    expect(directorySegments("")).toEqual([]);
    expect(directorySegments("a/b/")).toEqual(["a", "b"]);
    expect(directorySegments("a/b")).toEqual(["a", "b"]);
    for (const prefix of ["/", "a//", "/a/"]) expect(() => directorySegments(prefix)).toThrow(InvalidPathError);
  });
});

describe("comparePaths", () => {
  it("orders as the UTF-8 bytes do", () => {
    const text = fc.string({ unit: "binary", maxLength: 5 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(comparePaths(a, b))).toBe(Buffer.compare(utf8(a), utf8(b)));
      }),
      {
        numRuns: 150,
        examples: [
          ["\uffff", "😀"],
          ["\ue000", "\u{10000}"],
          ["a", "a/"],
        ],
      },
    );
  });
});
