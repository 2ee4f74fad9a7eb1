import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64Json, hexJson, textJson } from "./secret-json.ts";

const text = (json: { readonly bytes: Uint8Array }): unknown => JSON.parse(Buffer.from(json.bytes).toString("utf8"));

describe("secrets as JSON", () => {
  it("are written as Node's own encoders write them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(text(hexJson(bytes))).toBe(Buffer.from(bytes).toString("hex"));
        expect(text(base64Json(bytes))).toBe(Buffer.from(bytes).toString("base64"));
      }),
    );
  });

  it("leave the caller's bytes alone", () => {
    const token = new TextEncoder().encode("hvs.abc");
    expect(text(textJson(token))).toBe("hvs.abc");
    expect(Buffer.from(token).toString()).toBe("hvs.abc");
  });
});
