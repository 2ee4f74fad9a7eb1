import { AssertionError } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { MemoryLogicalStorage } from "./memory-logical-storage.ts";

function filled(...paths: readonly string[]): MemoryLogicalStorage {
  const storage = new MemoryLogicalStorage();
  for (const path of paths) storage.put(path, new Uint8Array([1]));
  return storage;
}

describe("MemoryLogicalStorage", () => {
  it("lists children in the order of their bytes, directories with a slash", async () => {
    const storage = filled("a", "a/b", "a/c/d", "é", "\u{10000}", "\uffff", "a.x");
    expect(await storage.list("")).toEqual(["a", "a.x", "a/", "é", "\uffff", "\u{10000}"]);
    expect(await storage.list("a/")).toEqual(["b", "c/"]);
    expect(await storage.list("", { after: "a.x", limit: 2 })).toEqual(["a/", "é"]);
    expect(await storage.list("none/")).toEqual([]);
  });

  it("keeps its own copy of every value", () => {
    const storage = filled();
    const value = new Uint8Array([1]);
    storage.put("a", value);
    value[0] = 9;
    storage.get("a")?.fill(8);
    expect(storage.get("a")).toEqual(new Uint8Array([1]));
  });

  it.each(["", "a/", "/a", "a//b"])("asserts that %j names no value", (path) => {
    expect(() => filled().get(path)).toThrow(AssertionError);
  });
});
