import { createHmac } from "node:crypto";
import { toHex } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDirectoryHash, NameHasher, SCOPE_BYTES, SEGMENT_BYTES } from "./names.ts";
import { TEST_SCOPE } from "./testing/test-barrier.ts";

const hasher = (): NameHasher => new NameHasher((message) => createHmac("sha256", "key").update(message).digest());
const segment = fc.constantFrom("a", "b", "c", "ab");
const segments = fc.array(segment, { minLength: 1, maxLength: 5 });

describe("NameHasher", () => {
  it("gives each path a key of its own, and each key its place below its directory's", () => {
    const names = hasher();
    fc.assert(
      fc.property(segments, segments, (a, b) => {
        const key = names.leafKey(TEST_SCOPE, a.join("/"));
        expect(key).toHaveLength(SCOPE_BYTES + SEGMENT_BYTES * a.length);
        const parent = names.directoryKey(TEST_SCOPE, a.slice(0, -1));
        expect(key.subarray(0, parent.length)).toEqual(parent);
        expect(toHex(key) === toHex(names.leafKey(TEST_SCOPE, b.join("/")))).toBe(
          a.join("/") === b.join("/") && a.length === b.length,
        );
      }),
    );
  });

  it("hashes a leaf and a directory of one name differently, and says by the first bit which it is", () => {
    fc.assert(
      fc.property(segments, (path) => {
        const names = hasher();
        const leaf = names.leafKey(TEST_SCOPE, path.join("/"));
        const directory = names.directoryKey(TEST_SCOPE, path);
        const at = leaf.length - SEGMENT_BYTES;
        expect(isDirectoryHash(leaf[at] as number)).toBe(false);
        expect(isDirectoryHash(directory[at] as number)).toBe(true);
        expect(leaf.subarray(at + 1)).not.toEqual(directory.subarray(at + 1));
      }),
    );
  });

  it("hashes one name differently in another mount, namespace or directory", () => {
    const names = hasher();
    const tail = (key: Uint8Array): string => toHex(key.subarray(-SEGMENT_BYTES));
    const tails = [
      names.leafKey(TEST_SCOPE, "x"),
      names.leafKey(TEST_SCOPE, "d/x"),
      names.leafKey(TEST_SCOPE, "e/x"),
      names.leafKey({ ...TEST_SCOPE, mountId: new Uint8Array(16) }, "x"),
      names.leafKey({ ...TEST_SCOPE, namespaceId: new Uint8Array(4) }, "x"),
    ].map(tail);
    expect(new Set(tails).size).toBe(tails.length);
  });

  it("gives the same keys with a full cache, an empty one and one that was cleared", () => {
    const names = hasher();
    const first = names.leafKey(TEST_SCOPE, "d0/x");
    for (let i = 0; i < 10_000; i++) names.directoryKey(TEST_SCOPE, [`d${i}`]);
    expect(names.leafKey(TEST_SCOPE, "d0/x")).toEqual(first);
    names.clear();
    expect(names.leafKey(TEST_SCOPE, "d0/x")).toEqual(first);
  });
});
