import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { createKeyWrap } from "./key-wrap.ts";

const wrap = createKeyWrap({ entropy: new SeededRandom(1) });
const key = new Uint8Array(32).fill(1);
const data = Uint8Array.of(1, 2, 3);
const secret = new Uint8Array(32).fill(2);

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

describe("createKeyWrap", () => {
  it("gives back what it wrapped", () => expect(wrap.unwrap(key, data, wrap.wrap(key, data, secret))).toEqual(secret));

  it("gives nothing for any changed byte, another key or other data", () => {
    const { check, sealed } = wrap.wrap(key, data, secret);
    for (let i = 0; i < check.length; i++)
      expect(wrap.unwrap(key, data, { check: flip(check, i), sealed })).toBeUndefined();
    for (let i = 0; i < sealed.length; i++)
      expect(wrap.unwrap(key, data, { check, sealed: flip(sealed, i) })).toBeUndefined();
    expect(wrap.unwrap(flip(key, 0), data, { check, sealed })).toBeUndefined();
    expect(wrap.unwrap(key, flip(data, 0), { check, sealed })).toBeUndefined();
    expect(wrap.unwrap(key, data, { check: check.subarray(1), sealed })).toBeUndefined();
  });

  it("commits to the key: the check value differs for each key and for each data", () => {
    const check = (k: Uint8Array, d: Uint8Array): string => Buffer.from(wrap.wrap(k, d, secret).check).toString("hex");
    expect(check(key, data)).toBe(check(key, data));
    expect(check(flip(key, 31), data)).not.toBe(check(key, data));
    expect(check(key, flip(data, 2))).not.toBe(check(key, data));
  });
});
