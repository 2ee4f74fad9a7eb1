/**
 * Run once a thread before the first key is used: the fast cipher must agree with noble's implementation of the whole,
 * and with the draft's own vector. A build of OpenSSL or a machine on which it does not may not touch data.
 */
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { assert, equalBytes, fromHex, utf8 } from "@strongroom/runtime";
import { keyWords, NONCE_BYTES, open, SEALED_OVERHEAD, sealInto } from "./aead.ts";

let passed = false;

/** Throws an `AssertionError` when the ciphers differ. */
export function selfTest(): void {
  if (passed) return;
  assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, "the barrier needs a little-endian machine");
  checkDraftVector();
  for (const length of [0, 1, 63, 64, 65, 1000]) checkAgainstNoble(length);
  passed = true;
}

/** draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
function checkDraftVector(): void {
  const sealed = seal({
    key: fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
    nonce: fromHex("404142434445464748494a4b4c4d4e4f5051525354555657"),
    associatedData: fromHex("50515253c0c1c2c3c4c5c6c7"),
    plaintext: utf8(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ),
  });
  assert(
    equalBytes(sealed.subarray(-16), fromHex("c0875924c1c7987947deafd8780acf49")),
    "XChaCha20-Poly1305 fails the draft's vector",
  );
}

function checkAgainstNoble(length: number): void {
  const pattern = (size: number, seed: number): Uint8Array =>
    Uint8Array.from({ length: size }, (_, i) => (i * 7 + seed) & 0xff);
  const key = pattern(32, length);
  const nonce = pattern(NONCE_BYTES, 3);
  const associatedData = pattern(length % 40, 5);
  const plaintext = pattern(length, 9);
  const sealed = seal({ key, nonce, associatedData, plaintext });
  const oracle = xchacha20poly1305(key, nonce, associatedData).encrypt(plaintext);
  assert(equalBytes(sealed.subarray(NONCE_BYTES), oracle), "XChaCha20-Poly1305 differs from noble's");
  const opened = open(keyWords(key), associatedData, sealed);
  assert(opened !== undefined && equalBytes(opened, plaintext), "XChaCha20-Poly1305 does not open what it sealed");
  sealed[sealed.length - 1] = (sealed.at(-1) as number) ^ 1;
  assert(open(keyWords(key), associatedData, sealed) === undefined, "XChaCha20-Poly1305 opened changed bytes");
}

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
