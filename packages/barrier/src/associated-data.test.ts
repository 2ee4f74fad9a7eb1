import { toHex } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bind, bindingPrefix } from "./associated-data.ts";

describe("bind", () => {
  it("gives no two lists of fields the same bytes", () => {
    const field = fc.uint8Array({ maxLength: 6 });
    const fields = fc.tuple(fc.string({ maxLength: 4 }), field, fc.nat(3), field, fc.option(field, { nil: undefined }));
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const encode = ([purpose, barrierId, term, key, path]: typeof a): string =>
          toHex(bind(bindingPrefix(purpose, barrierId, term), key, path));
        expect(encode(a) === encode(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});
