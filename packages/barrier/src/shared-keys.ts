/**
 * The open barrier's keys, in one `SharedArrayBuffer` that all threads of a server attach to. It is the only place in
 * memory where key bytes lie (besides the short-lived `KeyObject`s that Node's crypto is given), so that sealing is one
 * `fill(0)`. Nothing here knows what the keys are for.
 *
 * Who publishes holds a lock; who reads takes none, but for what a publication changes in place. A reader notes `state()` before it starts and calls
 * `assertUnchanged` when it is done: if the keys were wiped in between, it worked with zeroes and has to drop its result.
 *
 * Layout, version 1. Words are 32 bits in the machine's order, read and written by `Atomics`; keys are bytes.
 *
 *   0  layout version          4  generation               64  barrier id    96  root key   192  audit key
 *   1  state = epoch·2 + open  5  active term, 6  count    80  cluster id   128  name key   224  cluster signing seed
 *   2  lock                    7  active MAC key, 8  count                  160  token key
 *   3  reserved                9  CA key and 10  CA certificate lengths
 *
 *   256  1,024 data key slots {id u32, unused u32, 32 bytes}, then as many MAC key slots, then the cluster CA: 4 KiB for
 *   the private key and 4 KiB for the certificate.
 */
import { assert } from "@strongroom/runtime";
import { IntegrityError, KeyringFullError, SealedError } from "./errors.ts";
import { KEY_BYTES, type KeyringState } from "./keyring.ts";

/** Keys of a kind (data keys, MAC keys) that one keyring holds. */
export const MAX_KEYS = 1024;

const LAYOUT_VERSION = 1;
const WORD = {
  version: 0,
  state: 1,
  lock: 2,
  generation: 4,
  activeTerm: 5,
  dataKeys: 6,
  activeMacKey: 7,
  macKeys: 8,
  caKeyBytes: 9,
  caCertificateBytes: 10,
} as const;
const AT = {
  barrierId: 64,
  clusterId: 80,
  rootKey: 96,
  nameKey: 128,
  tokenKey: 160,
  auditKey: 192,
  signingSeed: 224,
} as const;
const SLOT_BYTES = 8 + KEY_BYTES;
const DATA_SLOTS = 256;
const MAC_SLOTS = DATA_SLOTS + MAX_KEYS * SLOT_BYTES;
const CA_KEY = MAC_SLOTS + MAX_KEYS * SLOT_BYTES;
const CA_PART_BYTES = 4096;
const CA_CERTIFICATE = CA_KEY + CA_PART_BYTES;
const TOTAL_BYTES = CA_CERTIFICATE + CA_PART_BYTES;

/** Longer than any publisher could hold the lock: it only copies some kilobytes. */
const LOCK_TIMEOUT_MS = 10_000;

/** What is put into the shared memory when the barrier opens and after each change of the keyring. */
export interface OpenKeys {
  readonly rootKey: Uint8Array;
  readonly clusterId: Uint8Array;
  readonly keyring: KeyringState;
}

export class SharedKeys {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** An empty, sealed one. */
  static create(): SharedKeys {
    const keys = new SharedKeys(new SharedArrayBuffer(TOTAL_BYTES));
    Atomics.store(keys.#words, WORD.version, LAYOUT_VERSION);
    return keys;
  }

  /** The keys of another thread of this process. */
  static attach(buffer: SharedArrayBuffer): SharedKeys {
    assert(buffer.byteLength === TOTAL_BYTES, "the shared keys have another size than this version's");
    const keys = new SharedKeys(buffer);
    assert(Atomics.load(keys.#words, WORD.version) === LAYOUT_VERSION, "the shared keys have an unknown layout");
    return keys;
  }

  isOpen(): boolean {
    return (this.state() & 1) === 1;
  }

  /** Odd while open. Each wipe changes it for good, so equal values mean: not wiped in between. */
  state(): number {
    return Atomics.load(this.#words, WORD.state);
  }

  /** Throws `SealedError` unless the keys were open when `state` was taken and have not been wiped since. */
  assertUnchanged(state: number): void {
    if ((state & 1) === 0 || Atomics.load(this.#words, WORD.state) !== state) throw new SealedError();
  }

  /** Grows with each publication and each wipe; what was derived under another generation is out of date. */
  generation(): number {
    return Atomics.load(this.#words, WORD.generation);
  }

  /**
   * Makes the keys those of `open`, in any thread; the same ones again change nothing. Keys already published stay where
   * they are, and a keyring that lacks one of them, or belongs to another barrier, is refused with `IntegrityError`: it is
   * an older one put back.
   * Throws `SealedError` when the keys are wiped meanwhile, and leaves nothing behind then.
   */
  publish(open: OpenKeys): void {
    this.#lock();
    try {
      const state = this.state();
      if ((state & 1) === 1) {
        this.#assertSuccessor(open);
        if (this.#isPublished(open)) return;
      }
      this.#write(open);
      if (Atomics.compareExchange(this.#words, WORD.state, state, state | 1) !== state) {
        // Wiped meanwhile, and perhaps published anew by another thread over what was written here: close, then zero.
        this.wipe();
        throw new SealedError();
      }
    } finally {
      this.#unlock();
    }
  }

  /** Closes first, then zeroes. Never waits, so that a thread that died while publishing cannot hold it up. */
  wipe(): void {
    let state = this.state();
    for (;;) {
      const closed = ((state | 1) + 1) | 0;
      const seen = Atomics.compareExchange(this.#words, WORD.state, state, closed);
      if (seen === state) break;
      state = seen;
    }
    this.#zero();
    Atomics.add(this.#words, WORD.generation, 1);
    this.#unlock();
  }

  barrierId(): Uint8Array {
    return this.#bytes.slice(AT.barrierId, AT.barrierId + 16);
  }

  clusterId(): Uint8Array {
    return this.#bytes.slice(AT.clusterId, AT.clusterId + 16);
  }

  activeTerm(): number {
    return Atomics.load(this.#words, WORD.activeTerm);
  }

  activeMacKeyId(): number {
    return Atomics.load(this.#words, WORD.activeMacKey);
  }

  /** Copies, which the caller wipes. */
  rootKey(): Uint8Array {
    return this.#settled(() => this.#bytes.slice(AT.rootKey, AT.rootKey + KEY_BYTES));
  }

  auditKey(): Uint8Array {
    return this.#bytes.slice(AT.auditKey, AT.auditKey + KEY_BYTES);
  }

  clusterSigningSeed(): Uint8Array {
    return this.#bytes.slice(AT.signingSeed, AT.signingSeed + KEY_BYTES);
  }

  clusterCaPrivateKey(): Uint8Array {
    return this.#settled(() => this.#bytes.slice(CA_KEY, CA_KEY + Atomics.load(this.#words, WORD.caKeyBytes)));
  }

  clusterCaCertificate(): Uint8Array {
    return this.#settled(() =>
      this.#bytes.slice(CA_CERTIFICATE, CA_CERTIFICATE + Atomics.load(this.#words, WORD.caCertificateBytes)),
    );
  }

  /** Views into the shared memory: read at each use, never kept. */
  nameKeyView(): Uint8Array {
    return this.#bytes.subarray(AT.nameKey, AT.nameKey + KEY_BYTES);
  }

  tokenKeyView(): Uint8Array {
    return this.#bytes.subarray(AT.tokenKey, AT.tokenKey + KEY_BYTES);
  }

  barrierIdView(): Uint8Array {
    return this.#bytes.subarray(AT.barrierId, AT.barrierId + 16);
  }

  clusterIdView(): Uint8Array {
    return this.#bytes.subarray(AT.clusterId, AT.clusterId + 16);
  }

  /** As eight words, which HChaCha20 takes; `undefined` when there is no such term. */
  dataKeyWords(term: number): Uint32Array | undefined {
    const at = this.#find(DATA_SLOTS, Atomics.load(this.#words, WORD.dataKeys), term);
    return at === undefined ? undefined : new Uint32Array(this.buffer, at, KEY_BYTES / 4);
  }

  macKeyView(id: number): Uint8Array | undefined {
    const at = this.#find(MAC_SLOTS, Atomics.load(this.#words, WORD.macKeys), id);
    return at === undefined ? undefined : this.#bytes.subarray(at, at + KEY_BYTES);
  }

  /** The newest first: it is asked for most. */
  #find(slots: number, count: number, id: number): number | undefined {
    for (let slot = count - 1; slot >= 0; slot--) {
      const at = slots + slot * SLOT_BYTES;
      if (Atomics.load(this.#words, at / 4) === id) return at + 8;
    }
    return undefined;
  }

  #assertSuccessor({ clusterId, keyring }: OpenKeys): void {
    const same =
      this.#holds(AT.barrierId, keyring.barrierId) &&
      this.#holds(AT.clusterId, clusterId) &&
      this.#holds(AT.nameKey, keyring.nameKey) &&
      this.#holds(AT.tokenKey, keyring.tokenKey) &&
      this.#holdsAll(
        DATA_SLOTS,
        Atomics.load(this.#words, WORD.dataKeys),
        keyring.dataKeys.map((key) => [key.term, key.key]),
      ) &&
      this.#holdsAll(
        MAC_SLOTS,
        Atomics.load(this.#words, WORD.macKeys),
        keyring.macKeys.map((key) => [key.id, key.key]),
      );
    if (!same) throw new IntegrityError("the keyring");
  }

  #holds(at: number, expected: Uint8Array): boolean {
    return expected.every((byte, index) => this.#bytes[at + index] === byte);
  }

  #holdsAll(slots: number, count: number, keys: readonly (readonly [number, Uint8Array])[]): boolean {
    if (keys.length < count) return false;
    return keys.slice(0, count).every(([id, key], slot) => {
      const at = slots + slot * SLOT_BYTES;
      return Atomics.load(this.#words, at / 4) === id && this.#holds(at + 8, key);
    });
  }

  #write({ rootKey, clusterId, keyring }: OpenKeys): void {
    if (keyring.dataKeys.length > MAX_KEYS || keyring.macKeys.length > MAX_KEYS) throw new KeyringFullError(MAX_KEYS);
    const { privateKeyPkcs8, certificateDer } = keyring.clusterCa;
    assert(
      privateKeyPkcs8.length <= CA_PART_BYTES && certificateDer.length <= CA_PART_BYTES,
      "the cluster CA fits its room",
    );
    this.#bytes.set(keyring.barrierId, AT.barrierId);
    this.#bytes.set(clusterId, AT.clusterId);
    this.#bytes.set(rootKey, AT.rootKey);
    this.#bytes.set(keyring.nameKey, AT.nameKey);
    this.#bytes.set(keyring.tokenKey, AT.tokenKey);
    this.#bytes.set(keyring.auditKey, AT.auditKey);
    this.#bytes.set(keyring.clusterSigningSeed, AT.signingSeed);
    this.#bytes.set(privateKeyPkcs8, CA_KEY);
    this.#bytes.set(certificateDer, CA_CERTIFICATE);
    Atomics.store(this.#words, WORD.caKeyBytes, privateKeyPkcs8.length);
    Atomics.store(this.#words, WORD.caCertificateBytes, certificateDer.length);
    // Keys first, then the counts that make them visible, then the ids that make them active.
    this.#writeSlots(
      DATA_SLOTS,
      keyring.dataKeys.map((key) => [key.term, key.key]),
    );
    this.#writeSlots(
      MAC_SLOTS,
      keyring.macKeys.map((key) => [key.id, key.key]),
    );
    Atomics.store(this.#words, WORD.dataKeys, keyring.dataKeys.length);
    Atomics.store(this.#words, WORD.macKeys, keyring.macKeys.length);
    Atomics.store(this.#words, WORD.activeTerm, keyring.activeTerm);
    Atomics.store(this.#words, WORD.activeMacKey, keyring.activeMacKeyId);
    Atomics.add(this.#words, WORD.generation, 1);
  }

  #writeSlots(slots: number, keys: readonly (readonly [number, Uint8Array])[]): void {
    keys.forEach(([id, key], slot) => {
      const at = slots + slot * SLOT_BYTES;
      this.#bytes.set(key, at + 8);
      Atomics.store(this.#words, at / 4, id);
    });
  }

  /** Whether a successor adds nothing. */
  #isPublished({ rootKey, keyring }: OpenKeys): boolean {
    const { privateKeyPkcs8, certificateDer } = keyring.clusterCa;
    return (
      keyring.dataKeys.length === Atomics.load(this.#words, WORD.dataKeys) &&
      keyring.macKeys.length === Atomics.load(this.#words, WORD.macKeys) &&
      privateKeyPkcs8.length === Atomics.load(this.#words, WORD.caKeyBytes) &&
      certificateDer.length === Atomics.load(this.#words, WORD.caCertificateBytes) &&
      this.#holds(AT.rootKey, rootKey) &&
      this.#holds(AT.auditKey, keyring.auditKey) &&
      this.#holds(AT.signingSeed, keyring.clusterSigningSeed) &&
      this.#holds(CA_KEY, privateKeyPkcs8) &&
      this.#holds(CA_CERTIFICATE, certificateDer)
    );
  }

  /** Reads what a publication changes in place: the root key and the CA, which are asked for rarely. */
  #settled<T>(read: () => T): T {
    this.#lock();
    try {
      return read();
    } finally {
      this.#unlock();
    }
  }

  /** All but the layout version, the state, the lock and the generation. */
  #zero(): void {
    for (let word = WORD.activeTerm; word < AT.barrierId / 4; word++) Atomics.store(this.#words, word, 0);
    this.#bytes.fill(0, AT.barrierId);
  }

  #lock(): void {
    while (Atomics.compareExchange(this.#words, WORD.lock, 0, 1) !== 0) {
      const outcome = Atomics.wait(this.#words, WORD.lock, 1, LOCK_TIMEOUT_MS);
      assert(outcome !== "timed-out", "a thread died while it published keys");
    }
  }

  #unlock(): void {
    Atomics.store(this.#words, WORD.lock, 0);
    Atomics.notify(this.#words, WORD.lock);
  }

  toJSON(): string {
    return "[redacted]";
  }

  static {
    Object.defineProperty(SharedKeys.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value: () => "[redacted]",
    });
  }
}
