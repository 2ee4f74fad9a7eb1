import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEntryBody, type EntryBody, encodeEntryBody } from "./entry-codec.ts";
import { LIMITS } from "./limits.ts";

const chunk = fc.uint8Array({ minLength: 1, maxLength: 20 });
const stamp = { version: fc.constant(1 as const), logTimeMs: fc.nat(2 ** 48 - 1) };
const body: fc.Arbitrary<EntryBody> = fc.oneof(
  fc.constant({ kind: "empty" as const }),
  fc.record({
    kind: fc.constant("commands" as const),
    ...stamp,
    commands: fc.array(chunk, { minLength: 1, maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant("membership" as const), ...stamp, commands: chunk.map((each) => [each]) }),
);

describe("the entry codec", () => {
  it("gives back every body", () => {
    fc.assert(
      fc.property(body, (each) => {
        expect(decodeEntryBody(encodeEntryBody(each))).toEqual(each);
      }),
    );
  });

  it("has one encoding for each body, and never throws on hostile bytes", () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 0, 1, ...rest)),
      fc.tuple(body, fc.nat(), fc.nat(255)).map(([each, at, value]) => {
        const bytes = encodeEntryBody(each);
        if (bytes.length > 0) bytes[at % bytes.length] = value;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        const decoded = decodeEntryBody(bytes);
        if (decoded.kind !== "malformed") expect(encodeEntryBody(decoded)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("packs a command of the greatest size, and as many as a revision can count", () => {
    const one = { kind: "commands" as const, version: 1 as const, logTimeMs: 0 };
    const large = { ...one, commands: [new Uint8Array(LIMITS.commandBytes)] };
    expect(decodeEntryBody(encodeEntryBody(large))).toMatchObject({ kind: "commands" });
    const many = { ...one, commands: Array.from({ length: LIMITS.commandsPerEntry }, () => Uint8Array.of(1)) };
    expect(decodeEntryBody(encodeEntryBody(many))).toMatchObject({ kind: "commands" });
  });

  it("takes an entry that breaks the limits for a bug of whoever packed it", () => {
    const one = { kind: "commands" as const, version: 1 as const, logTimeMs: 0 };
    const large = new Uint8Array(LIMITS.commandBytes);
    expect(() => encodeEntryBody({ ...one, commands: [] })).toThrow("counted");
    expect(() => encodeEntryBody({ ...one, commands: [large, large] })).toThrow("limit");
    expect(() => encodeEntryBody({ ...one, commands: [new Uint8Array(0)] })).toThrow("limit");
    expect(() => encodeEntryBody({ ...one, kind: "membership", commands: [large, Uint8Array.of(1)] })).toThrow(
      "one command",
    );
  });
});
