import { AssertionError, fromHex, toHex, utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { decodeConfig, encodeConfig } from "./config.ts";
import { decodeKeyMetadata, encodeKeyMetadata, type KeyMetadata, newKeyMetadata } from "./key-metadata.ts";
import { VersionTable } from "./version-table.ts";

/** Written by hand from the format's description. */
const VECTOR =
  "01" + // format
  "01" + // cas_required
  "000001000000" + // created
  "000001000001" + // updated
  "000000000007" + // current version
  "000000000006" + // oldest version
  "00000005" + // max_versions
  "000000003039" + // delete_version_after
  "00000009" +
  "7b2261223a2262227d" + // {"a":"b"}
  "00000100000000000000000001" + // version 6: destroyed
  "00000100000100000100000200"; // version 7: deleted at 0x1000002

const METADATA: KeyMetadata = {
  createdMs: 0x1000000,
  updatedMs: 0x1000001,
  currentVersion: 7,
  oldestVersion: 6,
  maxVersions: 5,
  casRequired: true,
  deleteVersionAfterSeconds: 12_345,
  customMetadata: utf8('{"a":"b"}'),
  versions: new VersionTable(6, new Uint8Array(0))
    .append({ createdMs: 0x1000000, deletedMs: 0, destroyed: true })
    .append({ createdMs: 0x1000001, deletedMs: 0x1000002, destroyed: false }),
};

describe("the row of a secret's metadata", () => {
  it("is what its format says", () => {
    expect(toHex(encodeKeyMetadata(METADATA))).toBe(VECTOR);
  });

  it("reads back", () => {
    const read = decodeKeyMetadata(fromHex(VECTOR));
    expect({
      ...read,
      versions: read.versions.versions().map((number) => [number, read.versions.get(number)]),
    }).toEqual({
      ...METADATA,
      versions: [
        [6, { createdMs: 0x1000000, deletedMs: 0, destroyed: true }],
        [7, { createdMs: 0x1000001, deletedMs: 0x1000002, destroyed: false }],
      ],
    });
  });

  it("reads back without versions", () => {
    const read = decodeKeyMetadata(encodeKeyMetadata(newKeyMetadata(5)));
    expect([read.currentVersion, read.versions.count, read.versions.first]).toEqual([0, 0, 1]);
  });

  it("of an unknown format stops the reader", () => {
    expect(() => decodeKeyMetadata(fromHex(`02${VECTOR.slice(2)}`))).toThrow(AssertionError);
  });
});

describe("the row of a mount's settings", () => {
  it.each([
    [{ maxVersions: 7, casRequired: true, deleteVersionAfterSeconds: 60 }, "0101000000000700000000003c"],
    [{ maxVersions: 0, casRequired: false, deleteVersionAfterSeconds: -1 }, "01000100000000000000000000"],
  ])("%j is %s", (config, hex) => {
    expect(toHex(encodeConfig(config))).toBe(hex);
    expect(decodeConfig(fromHex(hex))).toEqual(config);
  });
});

describe("VersionTable", () => {
  const table = METADATA.versions;

  it("knows only its own versions", () => {
    expect([table.get(5), table.get(8), table.get(0), table.get(-1)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("drops from below as it grows, all of it if asked", () => {
    const grown = (from?: number) => table.append({ createdMs: 9, deletedMs: 0, destroyed: false }, from);
    expect([grown(), grown(7), grown(3), grown(8)].map((next) => next.versions())).toEqual([
      [6, 7, 8],
      [7, 8],
      [6, 7, 8],
      [8],
    ]);
    expect(grown(7).get(7)).toEqual(table.get(7));
  });

  it("changes only what it is told", () => {
    const changed = table.with(new Map([[6, { createdMs: 1, deletedMs: 2, destroyed: false }]]));
    expect([changed.get(6), changed.get(7)]).toEqual([{ createdMs: 1, deletedMs: 2, destroyed: false }, table.get(7)]);
    expect(table.get(6)?.destroyed).toBe(true);
    expect(() => table.with(new Map([[8, { createdMs: 1, deletedMs: 2, destroyed: false }]]))).toThrow(AssertionError);
  });
});
