import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command, Guard, Mutation } from "./command.ts";
import {
  attachMac,
  commandBytes,
  commandMacInput,
  decodeCommand,
  encodeCommand,
  isMalformed,
} from "./command-codec.ts";
import { TooLargeError } from "./errors.ts";
import { compareKeys, mapKey } from "./keys.ts";
import { LIMITS } from "./limits.ts";

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const u48 = fc.nat(2 ** 48 - 1);
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const key = fc
  .tuple(fc.integer({ min: 0x10, max: 0xff }), bytes(12))
  .map(([kind, rest]) => Uint8Array.of(kind, ...rest));
const revision = fc.record({ index: fc.integer({ min: 1, max: 2 ** 48 - 1 }), position: u16 });
const guard: fc.Arbitrary<Guard> = fc.oneof(
  fc.record({ kind: fc.constant("point" as const), key, revision }),
  fc.record({ kind: fc.constant("absent" as const), key }),
  fc.record({ kind: fc.constant("raft-term" as const), term: u48 }),
  fc.record({
    kind: fc.constant("epoch" as const),
    revision: fc.oneof(revision, fc.constant({ index: 0, position: 0 })),
  }),
);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, term: u32, value: bytes(40) }),
  fc.record({ kind: fc.constant("delete" as const), key }),
);
const mac = fc.uint8Array({ minLength: 32, maxLength: 32 });
const signature = fc.oneof(
  fc.constant({ keyId: 0, mac: new Uint8Array(0) }),
  fc.record({ keyId: fc.integer({ min: 1, max: 0xffff_ffff }), mac }),
);
const command: fc.Arbitrary<Command> = fc
  .record({
    version: fc.constant(1 as const),
    proposer: fc.record({ node: fc.maxSafeNat(), incarnation: u48 }),
    sequence: u48,
    floor: u48,
    proposerTimeMs: u48,
    guards: fc.array(guard, { maxLength: 6 }),
    mutations: fc.uniqueArray(mutation, { maxLength: 6, selector: (each) => mapKey(each.key) }),
    signature,
  })
  .map(({ signature: signed, ...rest }) => ({ ...rest, ...signed }));

const inKeyOrder = (each: Command): Command => ({
  ...each,
  mutations: [...each.mutations].sort((a, b) => compareKeys(a.key, b.key)),
});

const plain = (overrides: Partial<Command>): Command => ({
  version: 1,
  proposer: { node: 1, incarnation: 1 },
  sequence: 1,
  floor: 1,
  proposerTimeMs: 1,
  guards: [],
  mutations: [],
  keyId: 0,
  mac: new Uint8Array(0),
  ...overrides,
});

describe("the command codec", () => {
  it("gives back every command, its mutations in the order of their keys", () => {
    fc.assert(
      fc.property(command, (each) => {
        const encoded = encodeCommand(each);
        expect(decodeCommand(encoded)).toEqual(inKeyOrder(each));
        expect(encoded.length).toBe(commandBytes(each));
      }),
    );
  });

  it("has one encoding for each command: whatever decodes encodes to the same bytes", () => {
    const damaged = fc
      .tuple(command, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.integer({ min: -3, max: 3 }))
      .map(([each, flips, cut]) => {
        const encoded = encodeCommand(each);
        const result = new Uint8Array(encoded.length + cut);
        result.set(encoded.subarray(0, result.length));
        for (const [at, value] of flips) result[at % result.length] = value;
        return result;
      });
    fc.assert(
      fc.property(damaged, (each) => {
        const decoded = decodeCommand(each);
        if (!isMalformed(decoded)) expect(encodeCommand(decoded)).toEqual(each);
      }),
      { numRuns: 2000 },
    );
  });

  it("never throws on hostile bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (each) => {
        decodeCommand(each);
        decodeCommand(Uint8Array.of(1, ...each));
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses every prefix of a command", () => {
    fc.assert(
      fc.property(command, fc.nat(), (each, at) => {
        const encoded = encodeCommand(each);
        expect(isMalformed(decodeCommand(encoded.subarray(0, at % encoded.length)))).toBe(true);
      }),
    );
  });

  it("covers with the MAC all but the key id and the MAC", () => {
    fc.assert(
      fc.property(command, fc.integer({ min: 1, max: 0xffff_ffff }), mac, (each, keyId, signed) => {
        const encoded = encodeCommand({ ...each, keyId: 0, mac: new Uint8Array(0) });
        const input = commandMacInput(encoded).slice();
        attachMac(encoded, { keyId, mac: signed });
        expect(commandMacInput(encoded)).toEqual(input);
        expect(encoded).toEqual(encodeCommand({ ...each, keyId, mac: signed }));
      }),
    );
  });

  it("reads out of the middle of a larger buffer", () => {
    const one = plain({ mutations: [{ kind: "put", key: Uint8Array.of(0x20), term: 1, value: Uint8Array.of(9) }] });
    const encoded = encodeCommand(one);
    const larger = new Uint8Array(encoded.length + 9).fill(0xee);
    larger.set(encoded, 5);
    expect(decodeCommand(larger.subarray(5, 5 + encoded.length))).toEqual(one);
  });
});

describe("the limits of a command", () => {
  const put = (key: Uint8Array, size: number): Mutation => ({ kind: "put", key, term: 1, value: new Uint8Array(size) });
  const keys = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => Uint8Array.of(0x20, i >> 8, i & 0xff));

  it("takes the largest row and refuses one byte more", () => {
    const key = Uint8Array.of(0x20);
    const largest = plain({ mutations: [put(key, LIMITS.rowBytes)] });
    expect(decodeCommand(encodeCommand(largest))).toEqual(largest);
    expect(() => encodeCommand(plain({ mutations: [put(key, LIMITS.rowBytes + 1)] }))).toThrow(TooLargeError);
  });

  it("refuses more mutations, guards or bytes than one command may have", () => {
    const mutations = keys(LIMITS.mutations + 1).map((key): Mutation => ({ kind: "delete", key }));
    expect(isMalformed(decodeCommand(encodeCommand(plain({ mutations: mutations.slice(1) }))))).toBe(false);
    expect(() => encodeCommand(plain({ mutations }))).toThrow(TooLargeError);
    const guards = Array.from({ length: LIMITS.guards + 1 }, (): Guard => ({ kind: "raft-term", term: 1 }));
    expect(isMalformed(decodeCommand(encodeCommand(plain({ guards: guards.slice(1) }))))).toBe(false);
    expect(() => encodeCommand(plain({ guards }))).toThrow(TooLargeError);
    expect(() => encodeCommand(plain({ mutations: keys(8).map((key) => put(key, LIMITS.rowBytes)) }))).toThrow(
      TooLargeError,
    );
  });

  it("never looks at more bytes than a command may have", () => {
    const oversized = new Uint8Array(LIMITS.commandBytes + 1);
    oversized[0] = 1;
    expect(decodeCommand(oversized)).toEqual({
      malformed: expect.stringContaining("greatest size"),
      unsupported: false,
    });
  });

  it("takes what a caller may never do for a bug", () => {
    const key = Uint8Array.of(0x20);
    expect(() => encodeCommand(plain({ mutations: [{ kind: "delete", key: Uint8Array.of(0x01) }] }))).toThrow(
      "private",
    );
    expect(() => encodeCommand(plain({ guards: [{ kind: "absent", key: new Uint8Array(0) }] }))).toThrow("empty");
    const twice = [put(key, 1), { kind: "delete" as const, key }];
    expect(() => encodeCommand(plain({ mutations: twice }))).toThrow("only once");
    expect(() => encodeCommand(plain({ sequence: 0.5 }))).toThrow("whole");
    expect(() => encodeCommand(plain({ keyId: 1 }))).toThrow("go together");
  });
});
