/**
 * Who reads disk, log and keyring reads no answer: it is sealed under a key that comes from the request id and all that the
 * request said, its token too, and that is stored nowhere. Whoever sends the request again brings the key along. The same
 * secret gives the check value, by which another request under the id is known; a plain hash of the request would let
 * short secrets be guessed.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, timingSafeEqual } from "node:crypto";
import { assert, ByteReader, ByteWriter, concatBytes, type Entropy, utf8 } from "@strongroom/runtime";
import type { CoreRequest } from "./request.ts";

const FORMAT = 1;
const INFO = utf8("strongroom request id v1");
const SALT_BYTES = 16;
const CHECK_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "chacha20-poly1305";
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/** What a request is, to be told from others: everything that its effect hangs on. */
export type RequestContent = Pick<
  CoreRequest,
  "token" | "namespace" | "operation" | "path" | "contentType" | "wrapTtlSeconds" | "query" | "body"
>;

/** SHA-256 over the fields, each behind its length. */
export function digestRequest(request: RequestContent): Uint8Array {
  const { token, namespace, operation, path, contentType = "", wrapTtlSeconds, query, body } = request;
  const head = new ByteWriter().bytes(token ?? NO_BYTES);
  const wrap = wrapTtlSeconds === undefined ? "" : String(wrapTtlSeconds);
  for (const text of [namespace, operation, path, contentType, wrap]) head.bytes(utf8(text));
  let count = 0;
  const parameters = new ByteWriter();
  for (const [name, values] of query) {
    for (const value of values) {
      parameters.bytes(utf8(name)).bytes(utf8(value));
      count++;
    }
  }
  head.u32(count).raw(parameters.view());
  head.u32(body?.length ?? 0);
  return createHash("sha256")
    .update(head.view())
    .update(body ?? NO_BYTES)
    .digest();
}

/** One request under one id: seals its answer, and opens what it sealed. */
export class AnswerSeal {
  readonly #secret: Uint8Array;
  readonly #rowKey: Uint8Array;
  readonly #entropy: Entropy;

  /** `digest` is of the request; the answer is bound to `rowKey`. */
  constructor(parts: { id: Uint8Array; digest: Uint8Array; rowKey: Uint8Array; entropy: Entropy }) {
    this.#secret = concatBytes([parts.id, parts.digest]);
    this.#rowKey = parts.rowKey;
    this.#entropy = parts.entropy;
  }

  /**
   * A fresh salt each time, so no key is used twice: a request that ran several times may have proposed several answers, and
   * the log keeps them all.
   */
  seal(answer: Uint8Array): Uint8Array {
    const salt = this.#entropy.bytes(SALT_BYTES);
    const { check, key, nonce } = this.#derive(salt);
    const cipher = createCipheriv(CIPHER, key, nonce, OPTIONS);
    key.fill(0);
    cipher.setAAD(this.#rowKey, { plaintextLength: answer.length });
    const sealed = cipher.update(answer);
    cipher.final();
    return new ByteWriter(1 + SALT_BYTES + CHECK_BYTES + answer.length + TAG_BYTES)
      .u8(FORMAT)
      .raw(salt)
      .raw(check)
      .raw(sealed)
      .raw(cipher.getAuthTag())
      .finish();
  }

  /** The answer; undefined if it was sealed for another request. */
  open(row: Uint8Array): Uint8Array | undefined {
    const reader = new ByteReader(row);
    assert(reader.u8() === FORMAT, "a stored answer has a known format");
    const { check, key, nonce } = this.#derive(reader.raw(SALT_BYTES));
    if (!timingSafeEqual(check, reader.raw(CHECK_BYTES))) return undefined;
    const sealed = reader.raw(reader.remaining - TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, key, nonce, OPTIONS);
    key.fill(0);
    decipher.setAAD(this.#rowKey, { plaintextLength: sealed.length });
    decipher.setAuthTag(reader.raw(TAG_BYTES));
    const answer = decipher.update(sealed);
    // The row itself came out of the barrier: that it is whole was proven there.
    decipher.final();
    return answer;
  }

  #derive(salt: Uint8Array): { check: Uint8Array; key: Uint8Array; nonce: Uint8Array } {
    const length = CHECK_BYTES + KEY_BYTES + NONCE_BYTES;
    const derived = new Uint8Array(hkdfSync("sha256", this.#secret, salt, INFO, length));
    const keyEnd = CHECK_BYTES + KEY_BYTES;
    return {
      check: derived.subarray(0, CHECK_BYTES),
      key: derived.subarray(CHECK_BYTES, keyEnd),
      nonce: derived.subarray(keyEnd),
    };
  }
}

const NO_BYTES = new Uint8Array(0);
