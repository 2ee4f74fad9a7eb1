/**
 * The barrier: all that passes to storage is sealed here, names and values, and nothing is readable without the keyring.
 * One `Barrier` a thread, all of them over the same `SharedKeys`: what one opens, all have; what one seals, none has.
 */
import { assert, type Clock, type Entropy, type Logger, present, SecretBytes } from "@strongroom/runtime";
import { CLUSTER_KEY, KEYRING_KEY, type Mutation, type Row, type Transaction } from "@strongroom/storage";
import { BarrierView } from "./barrier-view.ts";
import { encodeClusterRecord } from "./cluster-record.ts";
import { SharedCommandAuthenticator, type SignedMac } from "./command-authenticator.ts";
import type { DecodedRows } from "./decoded-rows.ts";
import { SealedError } from "./errors.ts";
import { answeredList } from "./fences.ts";
import { createKeyWrap, type KeyWrap } from "./key-wrap.ts";
import { type ClusterCa, createKeyring, ID_BYTES, KEY_BYTES, type KeyringState, rotateKeyring } from "./keyring.ts";
import { unwrapKeyring, wipeKeyring, wrapKeyring } from "./keyring-record.ts";
import { NameHasher, type Scope } from "./names.ts";
import { openRowValue, SealedRows, sealRowValue } from "./sealed-rows.ts";
import { Sealer } from "./sealer.ts";
import { selfTest } from "./self-test.ts";
import { MAX_KEYS, type SharedKeys } from "./shared-keys.ts";

export interface BarrierOptions {
  /** Children of a directory that one LIST walks. */
  readonly maxListEntries?: number;
}

export interface InitializedBarrier {
  readonly barrierId: Uint8Array;
  readonly clusterId: Uint8Array;
  /** To be wrapped in the seal record; wiped by the caller. */
  readonly rootKey: SecretBytes;
  readonly keyringRecord: Uint8Array;
  readonly clusterRecord: Uint8Array;
  /** The puts of both records. The seal record's is added by whoever makes it, and guarded by its absence. */
  readonly mutations: readonly Mutation[];
}

const DEFAULT_MAX_LIST_ENTRIES = 100_000;

export class Barrier {
  readonly #keys: SharedKeys;
  readonly #wrap: KeyWrap;
  readonly #entropy: Entropy;
  readonly #logger: Logger;
  readonly #sealer: Sealer;
  readonly #names: NameHasher;
  readonly #authenticator: SharedCommandAuthenticator;
  readonly #maxListEntries: number;
  /** Of the shared keys when this thread's caches were last empty. */
  #generation: number;

  constructor(
    options: BarrierOptions,
    parts: { readonly keys: SharedKeys; readonly entropy: Entropy; readonly logger: Logger },
  ) {
    selfTest();
    this.#keys = parts.keys;
    this.#entropy = parts.entropy;
    this.#logger = parts.logger;
    this.#wrap = createKeyWrap({ entropy: parts.entropy });
    const sealer = new Sealer({ keys: parts.keys, entropy: parts.entropy });
    this.#sealer = sealer;
    this.#names = new NameHasher((message) => sealer.nameMac(message));
    this.#authenticator = new SharedCommandAuthenticator(parts.keys);
    this.#maxListEntries = options.maxListEntries ?? DEFAULT_MAX_LIST_ENTRIES;
    this.#generation = parts.keys.generation();
  }

  /**
   * A new barrier's ids, keys and records, from `entropy` alone: nothing is opened or stored. The cluster id is given by a
   * caller whose CA certificate names it, else drawn. Rows that init itself has to seal are sealed by a `Barrier` opened
   * over `SharedKeys` of its own with what this returns. The CA's key stays the caller's to wipe.
   */
  static initialize(parts: {
    readonly clusterId?: Uint8Array;
    readonly clusterName: string;
    readonly clusterCa: ClusterCa;
    readonly entropy: Entropy;
    readonly clock: Clock;
  }): InitializedBarrier {
    selfTest();
    const { clusterName, clusterCa, entropy, clock } = parts;
    const clusterId = parts.clusterId ?? entropy.bytes(ID_BYTES);
    assert(clusterId.length === ID_BYTES, "a cluster id has 16 bytes");
    const nowMs = clock.wallMs();
    const barrierId = entropy.bytes(ID_BYTES);
    const rootKey = entropy.bytes(KEY_BYTES);
    const keyring = createKeyring({ barrierId, clusterCa, nowMs, entropy });
    const keyringRecord = wrapKeyring(createKeyWrap({ entropy }), rootKey, keyring);
    // The CA's key is the caller's; the rest was drawn here.
    wipeKeyring({
      ...keyring,
      clusterCa: { privateKeyPkcs8: new Uint8Array(0), certificateDer: clusterCa.certificateDer },
    });
    const clusterRecord = encodeClusterRecord({ clusterId, createdMs: nowMs, name: clusterName });
    const mutations: Mutation[] = [
      { kind: "put", key: KEYRING_KEY, term: 0, value: keyringRecord },
      { kind: "put", key: CLUSTER_KEY, term: 0, value: clusterRecord },
    ];
    return { barrierId, clusterId, rootKey: new SecretBytes(rootKey), keyringRecord, clusterRecord, mutations };
  }

  get sealed(): boolean {
    return !this.#keys.isOpen();
  }

  /**
   * Opens the keyring and publishes its keys to all threads; again after a change of the root key. `rootKey` stays the
   * caller's to wipe. Throws `IntegrityError` when the key, the barrier id (from the seal record) and the record do not
   * belong together, without telling which is wrong; or when the record is older than the published one.
   */
  open(parts: { rootKey: Uint8Array; barrierId: Uint8Array; clusterId: Uint8Array; keyringRecord: Uint8Array }): void {
    const { rootKey, barrierId, clusterId, keyringRecord } = parts;
    assert(rootKey.length === KEY_BYTES && clusterId.length === ID_BYTES, "keys have 32 bytes, ids 16");
    const keyring = unwrapKeyring(this.#wrap, rootKey, barrierId, keyringRecord);
    const before = this.sealed ? 0 : this.#keys.activeTerm();
    try {
      this.#keys.publish({ rootKey, clusterId, keyring });
    } finally {
      wipeKeyring(keyring);
    }
    const term = keyring.activeTerm;
    if (before === 0) this.#logger.info("the barrier is open", { term });
    else if (before !== term) this.#logger.info("the keyring was rotated", { term });
  }

  /**
   * Opens a keyring record that an entry has just changed: with the root key that this node has, or, after a rekey, with the
   * new one. As `open` otherwise.
   */
  refresh(keyringRecord: Uint8Array, newRootKey?: Uint8Array): void {
    const rootKey = this.rootKey();
    try {
      this.open({
        rootKey: newRootKey ?? rootKey.expose(),
        barrierId: this.#keys.barrierId(),
        clusterId: this.#keys.clusterId(),
        keyringRecord,
      });
    } finally {
      rootKey.wipe();
    }
  }

  /** Zeroes the shared keys, for all threads at once, and forgets what this one had derived. */
  seal(): void {
    const wasOpen = !this.sealed;
    this.#keys.wipe();
    this.#sealer.clear();
    this.#names.clear();
    if (wasOpen) this.#logger.info("the barrier is sealed");
  }

  /** The rows of one mount, by their clear names, in one transaction. */
  view(tx: Transaction, scope: Scope, decodedRows?: DecodedRows): BarrierView {
    this.#freshen();
    return new BarrierView({
      tx,
      scope,
      sealer: this.#sealer,
      names: this.#names,
      activeTerm: () => this.#activeTerm(),
      maxListEntries: this.#maxListEntries,
      decodedRows,
    });
  }

  /** Sealed rows at keys that hide nothing or are hashes already. `purpose` goes into what they are bound to. */
  rows(tx: Transaction, purpose: string): SealedRows {
    this.#freshen();
    return new SealedRows({ tx, sealer: this.#sealer, activeTerm: () => this.#activeTerm(), purpose });
  }

  /** Says that what `tx` has listed is an answer, and no ground for what it writes from here on. */
  answeredList(tx: Transaction): void {
    answeredList(tx);
  }

  /** The term and value of a row that `rows(tx, purpose)` opens at `storageKey`. */
  sealValue(storageKey: Uint8Array, purpose: string, plaintext: Uint8Array): { term: number; value: Uint8Array } {
    this.#freshen();
    const term = this.#activeTerm();
    return { term, value: sealRowValue(this.#sealer, { term, storageKey, purpose, plaintext }) };
  }

  /** Throws `IntegrityError`. */
  openValue(storageKey: Uint8Array, purpose: string, row: Pick<Row, "term" | "value">): Uint8Array {
    this.#freshen();
    return openRowValue(this.#sealer, storageKey, purpose, row);
  }

  /** HMAC-SHA-256 under the token key, 32 bytes: what a token, accessor, secret-id or wrapping id is stored under. */
  hashTokenId(id: Uint8Array): Uint8Array {
    return this.#sealer.tokenMac(id);
  }

  /** `message` is all that the command says; key id and cluster id are added here. Throws `SealedError`. */
  signCommand(message: Uint8Array): SignedMac {
    return this.#authenticator.sign(message);
  }

  /** `message` is what a snapshot's trailer says. Throws `SealedError`. */
  signSnapshot(message: Uint8Array): SignedMac {
    return this.#authenticator.sign(message, "snapshot");
  }

  /**
   * The keyring row with a new data key and a new MAC key and nothing else changed; to be committed guarded by the revision
   * of the row that `keyringRecord` is. In use only once it was applied and `refresh`ed. Throws `KeyringFullError`.
   */
  rotate(parts: { keyringRecord: Uint8Array; nowMs: number }): Uint8Array {
    const rootKey = this.rootKey();
    try {
      return this.#changed(parts.keyringRecord, rootKey.expose(), this.#rotation(parts.nowMs));
    } finally {
      rootKey.wipe();
    }
  }

  /**
   * As `rotate`, wrapped under `newRootKey`, which stays the caller's: who has the old root key opens neither this row nor
   * what is sealed from it on. `refresh` it with the new root key.
   */
  rekey(parts: { keyringRecord: Uint8Array; newRootKey: Uint8Array; nowMs: number }): Uint8Array {
    assert(parts.newRootKey.length === KEY_BYTES, "keys have 32 bytes");
    return this.#changed(parts.keyringRecord, parts.newRootKey, this.#rotation(parts.nowMs));
  }

  /**
   * The keyring row with another cluster CA, whose key stays the caller's to wipe, and nothing else changed. Committed and
   * refreshed as after `rotate`; the nodes that the old CA certified are strangers from then on.
   */
  renewClusterCa(parts: { keyringRecord: Uint8Array; clusterCa: ClusterCa }): Uint8Array {
    const rootKey = this.rootKey();
    try {
      const change = (keyring: KeyringState): KeyringState => ({ ...keyring, clusterCa: parts.clusterCa });
      return this.#changed(parts.keyringRecord, rootKey.expose(), change);
    } finally {
      rootKey.wipe();
    }
  }

  /** The newest data key's term, and when it was made, in wall milliseconds. Throws `IntegrityError`. */
  keyInfo(keyringRecord: Uint8Array): { readonly term: number; readonly installedMs: number } {
    const rootKey = this.rootKey();
    try {
      const keyring = unwrapKeyring(this.#wrap, rootKey.expose(), this.barrierId, keyringRecord);
      const { term, installedMs } = present(keyring.dataKeys.at(-1), "a keyring has a key");
      wipeKeyring(keyring);
      return { term, installedMs };
    } finally {
      rootKey.wipe();
    }
  }

  /** For members that are to be opened too. The caller wipes it. */
  rootKey(): SecretBytes {
    return new SecretBytes(this.#read(() => this.#keys.rootKey()));
  }

  /** The key of the audit stream's HMACs. The caller wipes it. */
  auditKey(): SecretBytes {
    return new SecretBytes(this.#read(() => this.#keys.auditKey()));
  }

  /** The Ed25519 private key (32 bytes, RFC 8032) that signs on behalf of the cluster. The caller wipes it. */
  clusterSigningSeed(): SecretBytes {
    return new SecretBytes(this.#read(() => this.#keys.clusterSigningSeed()));
  }

  /** What signs the certificates of nodes. The caller wipes the key. */
  clusterCa(): { privateKeyPkcs8: SecretBytes; certificateDer: Uint8Array } {
    const privateKeyPkcs8 = new SecretBytes(this.#read(() => this.#keys.clusterCaPrivateKey()));
    return { privateKeyPkcs8, certificateDer: this.#read(() => this.#keys.clusterCaCertificate()) };
  }

  get barrierId(): Uint8Array {
    return this.#read(() => this.#keys.barrierId());
  }

  get clusterId(): Uint8Array {
    return this.#read(() => this.#keys.clusterId());
  }

  #rotation(nowMs: number): (keyring: KeyringState) => KeyringState {
    return (keyring) => rotateKeyring(keyring, { maxKeys: MAX_KEYS, nowMs, entropy: this.#entropy });
  }

  /** The record after `change`, whose result holds the old keys' own bytes. */
  #changed(
    keyringRecord: Uint8Array,
    wrapUnder: Uint8Array,
    change: (keyring: KeyringState) => KeyringState,
  ): Uint8Array {
    const { barrierId } = this;
    const rootKey = this.rootKey();
    let old: KeyringState | undefined;
    let changed: KeyringState | undefined;
    try {
      old = unwrapKeyring(this.#wrap, rootKey.expose(), barrierId, keyringRecord);
      changed = change(old);
      return wrapKeyring(this.#wrap, wrapUnder, changed);
    } finally {
      for (const { key } of [...(changed?.dataKeys ?? []), ...(changed?.macKeys ?? [])]) key.fill(0);
      if (old !== undefined) wipeKeyring(old);
      rootKey.wipe();
    }
  }

  #activeTerm(): number {
    return this.#read(() => this.#keys.activeTerm());
  }

  #read<T>(from: () => T): T {
    const state = this.#keys.state();
    if ((state & 1) === 0) throw new SealedError();
    const value = from();
    this.#keys.assertUnchanged(state);
    return value;
  }

  /** Another thread may have sealed, and opened again, since this one last looked. */
  #freshen(): void {
    const generation = this.#keys.generation();
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#sealer.clear();
    this.#names.clear();
  }
}
