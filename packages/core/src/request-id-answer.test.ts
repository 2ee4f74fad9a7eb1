import { encodeJson, type JsonValue, RawJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CoreResult } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./request-id-answer.ts";

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 0, -1.5, 2 ** 53, 1e300),
    fc.string({ unit: "grapheme" }),
    fc.jsonValue().map((json) => new RawJson(utf8(JSON.stringify(json)))),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.string({ unit: "grapheme" }), tie("value"), { maxKeys: 3 }),
    fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
}));
const members = fc.dictionary(fc.string(), value, { maxKeys: 4 });
const status = fc.integer({ min: 200, max: 599 });
const result: fc.Arbitrary<CoreResult> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("data" as const),
      status,
      data: fc.option(fc.oneof(members, fc.constant(new RawJson(utf8('{"n":1.10}'))))),
      mountType: fc.string(),
      warnings: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
      topLevel: fc.constant(true),
      lease: fc.record({ leaseId: fc.string(), renewable: fc.boolean(), ttlSeconds: fc.nat() }),
      auth: fc.record({
        clientToken: fc.uint8Array(),
        accessor: fc.string(),
        displayName: fc.string(),
        policies: fc.array(fc.string()),
        tokenPolicies: fc.array(fc.string()),
        identityPolicies: fc.array(fc.string()),
        metadata: fc.option(fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true })),
        leaseDurationSeconds: fc.nat(),
        renewable: fc.boolean(),
        entityId: fc.string(),
        tokenType: fc.constantFrom("service" as const, "batch" as const),
        orphan: fc.boolean(),
        numUses: fc.nat(),
      }),
      headers: fc.array(fc.tuple(fc.string(), fc.string())).map((entries) => new Map(entries)),
      wrap: fc.record(
        {
          token: fc.uint8Array(),
          accessor: fc.string(),
          ttlSeconds: fc.nat(),
          creationTimeMs: fc.nat(),
          creationPath: fc.string(),
          wrappedAccessor: fc.string(),
        },
        { requiredKeys: ["token", "accessor", "ttlSeconds", "creationTimeMs", "creationPath"] },
      ),
    },
    { requiredKeys: ["kind", "status", "data", "mountType"] },
  ),
  fc.constantFrom<CoreResult>({ kind: "empty" }, { kind: "not-found" }),
  fc.record({ kind: fc.constant("plain" as const), status, body: members }),
  fc.record({ kind: fc.constant("raw" as const), status, contentType: fc.string(), body: fc.uint8Array() }),
);

describe("a stored answer", () => {
  it("comes back value for value, and so byte for byte on every door", () => {
    fc.assert(
      fc.property(result, (answer) => {
        const back = decodeAnswer(encodeAnswer(answer));
        expect(back).toEqual(answer);
        if (answer.kind === "data" && back.kind === "data")
          expect(encodeJson(back.data)).toEqual(encodeJson(answer.data));
      }),
    );
  });

  it("is not taken for another format, nor with bytes behind it", () => {
    const bytes = encodeAnswer({ kind: "empty" });
    expect(() => decodeAnswer(Uint8Array.of(3, ...bytes.subarray(1)))).toThrow("known format");
    expect(decodeAnswer(Uint8Array.of(1, ...bytes.subarray(1)))).toEqual({ kind: "empty" });
    expect(() => decodeAnswer(Uint8Array.of(...bytes, 0))).toThrow("ends where it should");
    expect(() => decodeAnswer(Uint8Array.of(1, 9))).toThrow("known kind");
  });
});
