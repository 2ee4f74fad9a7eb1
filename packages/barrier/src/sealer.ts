/**
 * Seals and opens bytes with the shared data keys. New bytes are sealed under the active term; any term opens. The keys
 * are read from the shared memory at each use and kept nowhere else.
 */
import { type Entropy, present } from "@strongroom/runtime";
import { NONCE_BYTES, open, SEALED_OVERHEAD, sealInto } from "./aead.ts";
import { bind, bindingPrefix } from "./associated-data.ts";
import { IntegrityError } from "./errors.ts";
import { hmacSha256 } from "./hmac.ts";
import type { SharedKeys } from "./shared-keys.ts";

/** What a sealed piece is bound to besides barrier and term. */
export interface Binding {
  readonly purpose: string;
  readonly storageKey: Uint8Array;
  /** The clear path as UTF-8, for the values of rows with hidden names. */
  readonly path?: Uint8Array;
}

export class Sealer {
  readonly #keys: SharedKeys;
  readonly #entropy: Entropy;
  /** By purpose, under the term that was used last. */
  readonly #prefixes = new Map<string, { readonly term: number; readonly prefix: Uint8Array }>();

  constructor({ keys, entropy }: { readonly keys: SharedKeys; readonly entropy: Entropy }) {
    this.#keys = keys;
    this.#entropy = entropy;
  }

  /** Forgets what was derived; to be called when another barrier may have been opened. */
  clear(): void {
    this.#prefixes.clear();
  }

  /** Writes `plaintext.length + SEALED_OVERHEAD` bytes to `target` at `offset`, sealed under `term`. */
  sealInto(target: Uint8Array, offset: number, term: number, binding: Binding, plaintext: Uint8Array): void {
    const state = this.#keys.state();
    this.#keys.assertUnchanged(state);
    const key = present(this.#keys.dataKeyWords(term), "the term that new rows are sealed under has a key");
    sealInto(target, offset, {
      key,
      nonce: this.#entropy.bytes(NONCE_BYTES),
      associatedData: this.#associatedData(term, binding),
      plaintext,
    });
    this.#keys.assertUnchanged(state);
  }

  seal(term: number, binding: Binding, plaintext: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(plaintext.length + SEALED_OVERHEAD);
    this.sealInto(sealed, 0, term, binding, plaintext);
    return sealed;
  }

  /** The plaintext in a buffer of its own. Throws `IntegrityError`, and `SealedError`. */
  open(term: number, binding: Binding, sealed: Uint8Array): Uint8Array {
    const state = this.#keys.state();
    this.#keys.assertUnchanged(state);
    const key = this.#keys.dataKeyWords(term);
    const plaintext = key === undefined ? undefined : open(key, this.#associatedData(term, binding), sealed);
    this.#keys.assertUnchanged(state);
    if (plaintext === undefined) throw new IntegrityError("a stored row");
    return plaintext;
  }

  /** Throws `SealedError` while the keys are not open. */
  assertOpen(): void {
    this.#keys.assertUnchanged(this.#keys.state());
  }

  /** HMAC-SHA-256 under the name key. */
  nameMac(message: Uint8Array): Uint8Array {
    return this.#mac(this.#keys.nameKeyView(), message);
  }

  /** HMAC-SHA-256 under the token key. */
  tokenMac(message: Uint8Array): Uint8Array {
    return this.#mac(this.#keys.tokenKeyView(), message);
  }

  #mac(key: Uint8Array, message: Uint8Array): Uint8Array {
    const state = this.#keys.state();
    this.#keys.assertUnchanged(state);
    const mac = hmacSha256(key, message);
    this.#keys.assertUnchanged(state);
    return mac;
  }

  #associatedData(term: number, { purpose, storageKey, path }: Binding): Uint8Array {
    let cached = this.#prefixes.get(purpose);
    if (cached?.term !== term) {
      const state = this.#keys.state();
      cached = { term, prefix: bindingPrefix(purpose, this.#keys.barrierIdView(), term) };
      // Not kept if it may have been made from zeroes.
      this.#keys.assertUnchanged(state);
      this.#prefixes.set(purpose, cached);
    }
    return bind(cached.prefix, storageKey, path);
  }
}
