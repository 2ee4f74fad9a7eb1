/**
 * Makes a snapshot the beginning of a new cluster of one node. What the old cluster was stays behind: its members, those it
 * removed, its join tokens, its proposers, its checkpoint and its id, so that nothing which one of its nodes says or signed
 * is taken for something of the new one. The log begins above the snapshot's index, where the changed rows stand. All of it
 * counts from the moment in which the log is there.
 */
import { type ConfState, EMPTY_CONF_STATE, type NodeId, toIndex } from "@strongroom/raft";
import { assert, equalBytes, present } from "@strongroom/runtime";
import {
  CLUSTER_KEY,
  decodeRow,
  encodeRow,
  FIRST_REPLICATED_KIND,
  KEY_KIND,
  KEYRING_KEY,
  SEAL_RECORD_KEY,
  type TableOp,
} from "@strongroom/storage";
import { encodeNodeRecord, type NodeRecord, nodeKey } from "../replica/node-record.ts";
import { CHECKPOINT_KEY } from "../state/checkpoint.ts";
import { CHAIN_START } from "../state/entry-chain.ts";
import type { GenerationBuild, GenerationStore } from "../state/generation-store.ts";
import { MEMBERSHIP_KEY, REPLICA_STATE_KEY } from "../state/keys.ts";
import { encodeOrigin, ORIGIN_KEY } from "../state/origin.ts";
import { decodeReplicaState, encodeReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";
import { CLUSTER_VERSION_KEY, decodeClusterVersion, SUPPORTED_VERSION } from "../version/cluster-version.ts";
import { createWal } from "../wal/recovery.ts";
import type { WalDisk } from "../wal/wal-disk.ts";
import { SnapshotRefusedError } from "./errors.ts";
import { SnapshotParser, type SnapshotRow } from "./parser.ts";
import type { SnapshotHeader, SnapshotTrailer } from "./types.ts";

export interface RestoreOptions {
  /** Of the one node that there is afterwards; drawn for this. */
  readonly nodeId: NodeId;
  readonly node: NodeRecord;
  /** Gives the cluster's row with a new id. */
  readonly renewCluster: (clusterRecord: Uint8Array) => Uint8Array;
}

export interface RestoreParts {
  readonly generations: GenerationStore;
  /** Empty. */
  readonly walDisk: WalDisk;
}

const BATCH_BYTES = 1024 * 1024;
const DROPPED_KINDS: ReadonlySet<number> = new Set([KEY_KIND.node, KEY_KIND.joinToken, KEY_KIND.removedNode]);

/**
 * Throws `SnapshotDamagedError` or `SnapshotRefusedError`, and leaves nothing then. If it bears a signature, that is checked
 * when the node is opened; if it does not, the caller vouches for it.
 */
export async function restoreSnapshot(
  stream: AsyncIterable<Uint8Array>,
  options: RestoreOptions,
  parts: RestoreParts,
): Promise<{ readonly header: SnapshotHeader; readonly trailer: SnapshotTrailer }> {
  const restore = new Restore(options, parts);
  try {
    for await (const bytes of stream) await restore.write(bytes);
    return await restore.finish();
  } catch (error) {
    await restore.abort();
    throw error;
  }
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #parts: RestoreParts;
  readonly #parser = new SnapshotParser();
  readonly #digest = new RowDigest();
  #build: GenerationBuild | undefined;
  #ops: TableOp[] = [];
  #opsBytes = 0;
  /** Rows that the new ones are made from. */
  #state: Uint8Array | undefined;
  #cluster: Uint8Array | undefined;
  #sealed = { sealRecord: false, keyring: false };

  constructor(options: RestoreOptions, parts: RestoreParts) {
    this.#options = options;
    this.#parts = parts;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const rows = this.#parser.push(bytes);
    const { header } = this.#parser;
    if (header === undefined) return;
    this.#build ??= await this.#parts.generations.build(toIndex(header.metadata.index + 1));
    for (const row of rows) this.#take(row);
    if (this.#opsBytes >= BATCH_BYTES) await this.#writeBatch(this.#build);
  }

  async finish(): Promise<{ readonly header: SnapshotHeader; readonly trailer: SnapshotTrailer }> {
    const { header, trailer } = this.#parser.finish();
    const build = present(this.#build, "a snapshot with a header is being built");
    const confState: ConfState = { ...EMPTY_CONF_STATE, voters: [this.#options.nodeId] };
    const metadata = { index: toIndex(header.metadata.index + 1), term: header.metadata.term, confState };
    this.#beginAnew(metadata, header, trailer);
    await this.#writeBatch(build);
    await build.complete();
    createWal(
      this.#parts.walDisk,
      { nodeId: this.#options.nodeId, clusterId: new Uint8Array(0) },
      { installed: { metadata, generation: build.name } },
    );
    return { header, trailer };
  }

  async abort(): Promise<void> {
    await this.#build?.abort();
  }

  #take({ key, value }: SnapshotRow): void {
    if ((key[0] as number) < FIRST_REPLICATED_KIND) {
      if (equalBytes(key, REPLICA_STATE_KEY)) this.#state = value;
      return;
    }
    if (DROPPED_KINDS.has(key[0] as number) || equalBytes(key, MEMBERSHIP_KEY) || equalBytes(key, CHECKPOINT_KEY))
      return;
    if (equalBytes(key, CLUSTER_KEY)) this.#cluster = decodeRow(value).value;
    else this.#keep(key, value);
  }

  #keep(key: Uint8Array, value: Uint8Array): void {
    if (equalBytes(key, CLUSTER_VERSION_KEY)) requireKnown(decodeClusterVersion(decodeRow(value).value));
    if (equalBytes(key, SEAL_RECORD_KEY)) this.#sealed.sealRecord = true;
    if (equalBytes(key, KEYRING_KEY)) this.#sealed.keyring = true;
    this.#digest.add(hashRow(key, value));
    this.#put(key, value);
  }

  /** The rows in which the new cluster differs from the old one. */
  #beginAnew(
    { index, term, confState }: SnapshotHeader["metadata"],
    { logTimeMs }: SnapshotHeader,
    trailer: SnapshotTrailer,
  ): void {
    const { sealRecord, keyring } = this.#sealed;
    if (this.#cluster === undefined || !sealRecord || !keyring) {
      throw new SnapshotRefusedError(
        "The snapshot is of a node that was never initialised: there is nothing to restore.",
      );
    }
    const { nodeId, node, renewCluster } = this.#options;
    const row = (value: Uint8Array) => encodeRow({ revision: { index, position: 0 }, term: 0, value });
    this.#keep(CLUSTER_KEY, row(renewCluster(this.#cluster)));
    this.#keep(nodeKey(nodeId), row(encodeNodeRecord(node)));
    const { epochRevision } = decodeReplicaState(present(this.#state, "a sound snapshot says where its replica stood"));
    const state = {
      appliedIndex: index,
      appliedTerm: term,
      logTimeMs,
      chain: CHAIN_START,
      digest: this.#digest.bytes(),
      epochRevision,
      confState,
    };
    this.#put(REPLICA_STATE_KEY, encodeReplicaState(state));
    // Without a signature it is as good as a cluster's first state: somebody's word.
    const signed = trailer.mac.length === 0 ? undefined : trailer;
    this.#put(ORIGIN_KEY, encodeOrigin({ index, chain: CHAIN_START, trailer: signed }));
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    this.#ops.push({ type: "put", key, value });
    this.#opsBytes += key.length + value.length;
  }

  async #writeBatch(build: GenerationBuild): Promise<void> {
    const ops = this.#ops;
    this.#ops = [];
    this.#opsBytes = 0;
    assert(ops.length > 0, "a batch holds something");
    await build.table.write(ops);
  }
}

function requireKnown(version: number): void {
  if (version <= SUPPORTED_VERSION) return;
  const what = version === Number.POSITIVE_INFINITY ? "a later one" : String(version);
  throw new SnapshotRefusedError(
    `The snapshot is of a cluster whose version is ${what}; this software supports ${SUPPORTED_VERSION}. Restore it with newer software.`,
  );
}
