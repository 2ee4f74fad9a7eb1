import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyWords, NONCE_BYTES, open, SEALED_OVERHEAD, sealInto } from "./aead.ts";
import { selfTest } from "./self-test.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

function seal(message: {
  key: Uint8Array;
  nonce: Uint8Array;
  associatedData: Uint8Array;
  plaintext: Uint8Array;
}): Uint8Array {
  const sealed = new Uint8Array(message.plaintext.length + SEALED_OVERHEAD);
  sealInto(sealed, 0, { ...message, key: keyWords(message.key) });
  return sealed;
}

const message = fc.record({
  key: bytes(32),
  nonce: bytes(NONCE_BYTES),
  associatedData: fc.uint8Array({ maxLength: 100 }),
  plaintext: fc.uint8Array({ maxLength: 300 }),
});

describe("XChaCha20-Poly1305", () => {
  it("passes its self-test", () => expect(() => selfTest()).not.toThrow());

  it("gives noble's bytes for every message", () => {
    fc.assert(
      fc.property(message, (m) => {
        const oracle = xchacha20poly1305(m.key, m.nonce, m.associatedData).encrypt(m.plaintext);
        expect(seal(m)).toEqual(Uint8Array.from([...m.nonce, ...oracle]));
      }),
    );
  });

  it("opens what it sealed, and nothing that differs in a bit", () => {
    fc.assert(
      fc.property(message, fc.nat(), (m, at) => {
        const sealed = seal(m);
        expect(open(keyWords(m.key), m.associatedData, sealed)).toEqual(m.plaintext);
        const bit = at % (sealed.length * 8);
        sealed[bit >> 3] = (sealed[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(open(keyWords(m.key), m.associatedData, sealed)).toBeUndefined();
      }),
    );
  });

  it("does not open under other associated data, another key, or what is too short", () => {
    const m = {
      key: new Uint8Array(32),
      nonce: new Uint8Array(24),
      associatedData: Uint8Array.of(1),
      plaintext: Uint8Array.of(2),
    };
    const sealed = seal(m);
    expect(open(keyWords(m.key), Uint8Array.of(2), sealed)).toBeUndefined();
    expect(open(keyWords(new Uint8Array(32).fill(1)), m.associatedData, sealed)).toBeUndefined();
    expect(open(keyWords(m.key), m.associatedData, sealed.subarray(0, 39))).toBeUndefined();
  });

  it("agrees with noble for a whole row", () => {
    const m = {
      key: new Uint8Array(32).fill(9),
      nonce: new Uint8Array(24).fill(8),
      associatedData: new Uint8Array(80),
      plaintext: new Uint8Array(100_000).fill(7),
    };
    expect(
      Buffer.compare(seal(m).subarray(24), xchacha20poly1305(m.key, m.nonce, m.associatedData).encrypt(m.plaintext)),
    ).toBe(0);
  });
});
