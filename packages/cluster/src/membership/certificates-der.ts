/**
 * DER, written: just the types that an X.509 v3 certificate is made of (ITU-T X.690). Node makes keys and signatures
 * and reads certificates, but cannot make one; the libraries that can bring asynchronous keys and a reflection polyfill for
 * what are a hundred lines. Nothing here reads DER: that is left to `X509Certificate`.
 */
import { assert, concatBytes, utf8 } from "@strongroom/runtime";

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  generalizedTime: 0x18,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag, definite length in its shortest form (§8.1.3, §10.1), contents. */
function tlv(tag: number, contents: Uint8Array): Uint8Array {
  const length = contents.length;
  if (length < 0x80) return concatBytes([Uint8Array.of(tag, length), contents]);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return concatBytes([Uint8Array.of(tag, 0x80 | digits.length, ...digits), contents]);
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tlv(TAG.sequence, concatBytes(parts));
}

export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return tlv(TAG.set, concatBytes(parts));
}

/** A non-negative whole number given as big-endian bytes; leading zeros are normalised (§8.3.2). */
export function integer(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.subarray(start);
  const padded = (digits[0] ?? 0) >= 0x80 || digits.length === 0 ? concatBytes([Uint8Array.of(0), digits]) : digits;
  return tlv(TAG.integer, padded);
}

export function boolean(value: boolean): Uint8Array {
  return tlv(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return tlv(TAG.octetString, bytes);
}

/** `unusedBits` of the last byte do not count, and are zero (§11.2). */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return tlv(TAG.bitString, concatBytes([Uint8Array.of(unusedBits), bytes]));
}

export function utf8String(text: string): Uint8Array {
  return tlv(TAG.utf8String, utf8(text));
}

/** Dotted decimal, as "2.5.29.17" (§8.19). */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const septets = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      septets.unshift((left & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return tlv(TAG.objectIdentifier, Uint8Array.from(bytes));
}

/** A `Time` of RFC 5280 §4.1.2.5, in whole seconds: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function time(unixMs: number): Uint8Array {
  const date = new Date(unixMs);
  const year = date.getUTCFullYear();
  assert(year >= 1950 && year <= 9999, "a certificate's time is out of range");
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
  return year < 2050 ? tlv(TAG.utcTime, utf8(digits.slice(2))) : tlv(TAG.generalizedTime, utf8(digits));
}

/** `[number]` of context class; constructed when it holds further values (an explicit tag), primitive when implicit. */
export function context(number: number, contents: Uint8Array, form: "constructed" | "primitive"): Uint8Array {
  return tlv(0x80 | number | (form === "constructed" ? 0x20 : 0), contents);
}
