import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SealedMessageError } from "./errors.ts";
import { createEphemeralKey, openSealed, sealTo } from "./sealed-message.ts";

const entropy = new SeededRandom(6);
const recipient = createEphemeralKey(entropy);
const context = Uint8Array.of(1, 2, 3);
const sealFor = (plaintext: Uint8Array): Uint8Array =>
  sealTo({ recipientPublicKey: recipient.publicKey, context, plaintext }, entropy);

describe("sealTo", () => {
  it("is opened by the recipient alone, in its context alone", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (plaintext) => {
        const sealed = sealFor(plaintext);
        expect(Uint8Array.from(openSealed({ recipient, context, sealed }))).toEqual(plaintext);
        expect(() => openSealed({ recipient: createEphemeralKey(entropy), context, sealed })).toThrow(
          SealedMessageError,
        );
        expect(() => openSealed({ recipient, context: Uint8Array.of(1, 2), sealed })).toThrow(SealedMessageError);
      }),
      { numRuns: 20 },
    );
  });

  it("does not open with a byte changed or missing", () => {
    const sealed = sealFor(Uint8Array.of(7));
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.map((byte, at) => (at === i ? byte ^ 1 : byte));
      expect(() => openSealed({ recipient, context, sealed: changed })).toThrow(SealedMessageError);
      expect(() => openSealed({ recipient, context, sealed: sealed.subarray(0, i) })).toThrow(SealedMessageError);
    }
  });

  it("differs each time", () => expect(sealFor(context)).not.toEqual(sealFor(context)));

  it("refuses public keys of small order and of wrong length", () => {
    for (const recipientPublicKey of [
      new Uint8Array(32),
      Uint8Array.of(1, ...new Uint8Array(31)),
      new Uint8Array(31),
    ]) {
      expect(() => sealTo({ recipientPublicKey, context, plaintext: context }, entropy)).toThrow(SealedMessageError);
    }
    const fromZero = Uint8Array.from([1, ...new Uint8Array(32), ...new Uint8Array(17)]);
    expect(() => openSealed({ recipient, context, sealed: fromZero })).toThrow(SealedMessageError);
  });
});
