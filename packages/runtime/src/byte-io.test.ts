import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, ShortInputError } from "./byte-io.ts";
import { toHex } from "./bytes.ts";

const field = fc.oneof(
  fc.record({ type: fc.constant("u8" as const), value: fc.nat(0xff) }),
  fc.record({ type: fc.constant("u16" as const), value: fc.nat(0xffff) }),
  fc.record({ type: fc.constant("u32" as const), value: fc.nat(0xffffffff) }),
  fc.record({ type: fc.constant("u48" as const), value: fc.nat(2 ** 48 - 1) }),
  fc.record({ type: fc.constant("u64" as const), value: fc.nat(Number.MAX_SAFE_INTEGER) }),
);

describe("ByteWriter and ByteReader", () => {
  it("read back what was written, at every width", () => {
    fc.assert(
      fc.property(fc.array(field), fc.uint8Array(), (fields, tail) => {
        const writer = new ByteWriter(1);
        for (const { type, value } of fields) writer[type](value);
        const reader = new ByteReader(writer.bytes(tail).finish());
        expect(fields.map(({ type }) => reader[type]())).toEqual(fields.map(({ value }) => value));
        expect(toHex(reader.bytes())).toBe(toHex(tail));
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it("refuse input that ends too early, and a length that reaches past the end", () => {
    expect(() => new ByteReader(Uint8Array.of(1)).u16()).toThrow(ShortInputError);
    expect(() => new ByteReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0)).bytes()).toThrow(ShortInputError);
  });

  it("refuse a 64-bit number that a double cannot hold", () => {
    expect(() => new ByteReader(new Uint8Array(8).fill(0xff)).u64()).toThrow(ShortInputError);
  });
});
