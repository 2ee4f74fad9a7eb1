import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfState, EMPTY_CONF_STATE, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import {
  CLUSTER_KEY,
  decodeRow,
  EPOCH_KEY,
  encodeRow,
  KEY_KIND,
  KEYRING_KEY,
  MemoryTable,
  makeKey,
  SEAL_RECORD_KEY,
  type Table,
  type TableOp,
} from "@strongroom/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Authenticity, sealedAuthenticator } from "../authenticator.ts";
import { proveState } from "../proof/state-proof.ts";
import { decodeNodeRecord, nodeKey, removedNodeKey } from "../replica/node-record.ts";
import { logStart } from "../replica/recovered.ts";
import { scrubPass } from "../scrub/scrub-pass.ts";
import { CHECKPOINT_KEY } from "../state/checkpoint.ts";
import { MEMBERSHIP_KEY, MILESTONES_KEY, PROPOSER_INDEX_KEY, proposerKey, REPLICA_STATE_KEY } from "../state/keys.ts";
import { MemoryGenerations } from "../state/memory-generations.ts";
import { encodeProposerIndex, encodeProposerRow } from "../state/proposer-rows.ts";
import { encodeReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";
import { StateMachine } from "../state/state-machine.ts";
import { CLUSTER_VERSION_KEY, encodeClusterVersion, SUPPORTED_VERSION } from "../version/cluster-version.ts";
import { MemoryWalDisk } from "../wal/memory-wal-disk.ts";
import { recoverWal } from "../wal/recovery.ts";
import { SnapshotDamagedError, SnapshotRefusedError } from "./errors.ts";
import { type RestoreOptions, restoreSnapshot } from "./restore.ts";
import { beginRestore, endRestore, refuseUnfinishedRestore } from "./restore-directory.ts";
import { SnapshotSource } from "./source.ts";

const OLD = [toNodeId(1), toNodeId(2), toNodeId(3)];
const confState: ConfState = { ...EMPTY_CONF_STATE, voters: OLD };
const signer = { sign: () => ({ keyId: 3, mac: new Uint8Array(32).fill(7) }) };
const node = { name: "", clusterAddress: "", apiAddress: "", grpcAddress: "", identityPublicKey: Uint8Array.of(1) };
const options: RestoreOptions = {
  nodeId: toNodeId(77),
  node,
  renewCluster: (record) => Uint8Array.of(...record, 0xff),
};

const kept = makeKey(KEY_KIND.barrier, utf8("kept"));
const dropped = [
  nodeKey(1),
  removedNodeKey(9),
  makeKey(KEY_KIND.joinToken, utf8("token")),
  MEMBERSHIP_KEY,
  CHECKPOINT_KEY,
] as const;

/** A cluster's state at index 100, with one row of each kind. */
async function clusterState(...more: readonly [Uint8Array, Uint8Array][]): Promise<MemoryTable> {
  const values: [Uint8Array, Uint8Array][] = [
    [SEAL_RECORD_KEY, utf8("seal")],
    [KEYRING_KEY, utf8("keyring")],
    [CLUSTER_KEY, utf8("cluster")],
    [EPOCH_KEY, new Uint8Array(0)],
    [kept, utf8("value")],
    ...dropped.map((key): [Uint8Array, Uint8Array] => [key, utf8("old")]),
    ...more,
  ];
  const digest = new RowDigest();
  const ops: TableOp[] = values.map(([key, value]) => {
    const row = encodeRow({ revision: { index: 50, position: 2 }, term: 0, value });
    digest.add(hashRow(key, row));
    return { type: "put", key, value: row };
  });
  const state = {
    appliedIndex: toIndex(100),
    appliedTerm: toTerm(4),
    logTimeMs: 1_700_000_000_000,
    chain: new Uint8Array(32).fill(1),
    digest: digest.bytes(),
    epochRevision: { index: 50, position: 2 },
    confState,
  };
  const index = encodeProposerIndex([{ node: 1, highestRemoved: 1, incarnations: [2] }]);
  const own: [Uint8Array, Uint8Array][] = [
    [REPLICA_STATE_KEY, encodeReplicaState(state)],
    [PROPOSER_INDEX_KEY, index],
    [MILESTONES_KEY, Uint8Array.of(1, 0, 0)],
    [proposerKey({ node: 1, incarnation: 2 }), encodeProposerRow({ floor: 3, verdicts: new Map() })],
  ];
  for (const [key, value] of own) ops.push({ type: "put", key, value });
  const table = new MemoryTable();
  await table.write(ops);
  return table;
}

function streamOf(table: Table, signed = true): AsyncIterable<Uint8Array> {
  const source = { clusterId: utf8("old"), nodeId: toNodeId(1), chunkBytes: 64 };
  return new SnapshotSource(table.snapshot(), signed ? { ...source, signer } : source).stream();
}

interface Restored {
  readonly table: Table;
  readonly walDisk: MemoryWalDisk;
}

async function restored(stream: AsyncIterable<Uint8Array>): Promise<Restored> {
  const generations = new MemoryGenerations();
  const walDisk = new MemoryWalDisk();
  await restoreSnapshot(stream, options, { generations, walDisk });
  const wal = recoverWal(walDisk);
  if (wal.status !== "ok" || wal.installed === undefined)
    throw new Error("a restore leaves a log that begins above it");
  return { table: await generations.open(wal.installed.generation), walDisk };
}

describe("a restored state", () => {
  it("is that of one node, without members, tokens, proposers and checkpoint of the old cluster, above the snapshot's index", async () => {
    const { table, walDisk } = await restored(streamOf(await clusterState()));
    const wal = recoverWal(walDisk);
    if (wal.status !== "ok") throw new Error("no log");
    expect(wal).toMatchObject({
      identity: { nodeId: 77, clusterId: new Uint8Array(0) },
      base: { index: 101, term: 4 },
      entries: [],
    });
    const state = StateMachine.open(table, { authenticator: sealedAuthenticator });
    expect(logStart(wal, state)).toMatchObject({ base: { index: 101 }, confState: { voters: [77], learners: [] } });
    expect(state).toMatchObject({ appliedIndex: 101, appliedTerm: 4, logTimeMs: 1_700_000_000_000, milestones: [] });
    expect([state.isRegistered({ node: 1, incarnation: 2 }), state.checkpointIndex]).toEqual([false, 0]);
    for (const key of dropped) expect(state.get(key)).toBeUndefined();
    const row = (key: Uint8Array) => decodeRow(state.get(key) as Uint8Array);
    expect(row(kept)).toEqual({ revision: { index: 50, position: 2 }, term: 0, value: utf8("value") });
    expect(row(CLUSTER_KEY)).toMatchObject({
      revision: { index: 101 },
      value: Uint8Array.of(...utf8("cluster"), 0xff),
    });
    expect(decodeNodeRecord(row(nodeKey(77)).value)).toEqual(node);
    const image = await table.image();
    expect(await scrubPass(image, async () => {})).toMatchObject({ index: 101, rows: 6, difference: undefined });
    await image.close();
  });

  it("is opened if the snapshot's signature is good, and ends the node if it is not", async () => {
    const { table, walDisk } = await restored(streamOf(await clusterState()));
    const judged = (authenticity: Authenticity) => {
      const asked: unknown[] = [];
      const verify = (keyId: number, _message: Uint8Array, _mac: Uint8Array, purpose: string): Authenticity => {
        asked.push([keyId, purpose]);
        return authenticity;
      };
      return [proveState({ rows: table, log: walDisk, authenticator: { verify } }), asked];
    };
    expect(judged("ok")).toEqual([{ outcome: "proven", index: 101 }, [[3, "snapshot"]]]);
    expect(judged("bad")[0]).toMatchObject({ outcome: "wrong" });
    expect(judged("unknown-key")[0]).toMatchObject({ outcome: "unproven" });
  });

  it("of an unsigned snapshot is a beginning that somebody vouched for", async () => {
    const { table, walDisk } = await restored(streamOf(await clusterState(), false));
    const authenticator = { verify: (): Authenticity => "bad" };
    expect(proveState({ rows: table, log: walDisk, authenticator })).toEqual({ outcome: "proven", index: 101 });
  });
});

describe("what cannot be restored", () => {
  const refused = async (stream: AsyncIterable<Uint8Array>): Promise<unknown> => {
    const walDisk = new MemoryWalDisk();
    const parts = { generations: new MemoryGenerations(), walDisk };
    const error = await restoreSnapshot(stream, options, parts).catch((thrown: unknown) => thrown);
    expect(recoverWal(walDisk)).toEqual({ status: "empty" });
    return error;
  };

  it("is of newer software, or of a node that was never initialised", async () => {
    const newer = await clusterState([CLUSTER_VERSION_KEY, encodeClusterVersion(SUPPORTED_VERSION + 1)]);
    expect(await refused(streamOf(newer))).toEqual(
      new SnapshotRefusedError(
        `The snapshot is of a cluster whose version is ${SUPPORTED_VERSION + 1}; this software supports ${SUPPORTED_VERSION}. Restore it with newer software.`,
      ),
    );
    const empty = await clusterState();
    const keyring = empty.snapshot().getSync(KEYRING_KEY) as Uint8Array;
    const state = StateMachine.open(empty, { authenticator: sealedAuthenticator });
    const digest = new RowDigest();
    digest.add(String.fromCharCode(...state.digest()));
    digest.subtract(hashRow(KEYRING_KEY, keyring));
    const { appliedIndex, appliedTerm, logTimeMs, chain } = state;
    const epochRevision = { index: 50, position: 2 };
    const value = encodeReplicaState({
      appliedIndex,
      appliedTerm,
      logTimeMs,
      chain,
      digest: digest.bytes(),
      epochRevision,
      confState,
    });
    await empty.write([
      { type: "delete", key: KEYRING_KEY },
      { type: "put", key: REPLICA_STATE_KEY, value },
    ]);
    expect(await refused(streamOf(empty))).toEqual(
      new SnapshotRefusedError("The snapshot is of a node that was never initialised: there is nothing to restore."),
    );
  });

  it("was cut off anywhere, and leaves no log behind", async () => {
    const parts: Uint8Array[] = [];
    for await (const part of streamOf(await clusterState())) parts.push(part);
    for (let count = 0; count < parts.length; count++) {
      const cut = async function* () {
        yield* parts.slice(0, count);
      };
      expect(await refused(cut())).toBeInstanceOf(SnapshotDamagedError);
    }
  });
});

describe("a directory to restore into", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "strongroom-restore-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("may not hold anything of a node, and is left as it is then", () => {
    for (const name of ["wal", "state-0-0", "identity.json", "incarnation", "quarantined", "something"]) {
      const path = join(directory, name);
      mkdirSync(path);
      expect(() => beginRestore(directory)).toThrow(`${directory} is not empty (it holds ${name})`);
      expect(readdirSync(directory)).toEqual([name]);
      rmSync(path, { recursive: true });
    }
    for (const name of ["https.key", "lost+found"]) writeFileSync(join(directory, name), "");
    beginRestore(directory);
  });

  it("is kept from a server until the restore has ended, and what a broken one left goes when it begins again", () => {
    const nested = join(directory, "a", "b");
    beginRestore(nested);
    for (const name of ["state-101-0.building", "wal"]) mkdirSync(join(nested, name));
    writeFileSync(join(nested, "identity.key"), "");
    expect(() => refuseUnfinishedRestore(nested)).toThrow(/has not come to its end/);
    beginRestore(nested);
    expect(readdirSync(nested)).toEqual(["restoring"]);
    endRestore(nested);
    refuseUnfinishedRestore(nested);
    expect(existsSync(nested)).toBe(true);
  });

  it("whose restore broke off is not begun again over anything else", () => {
    beginRestore(directory);
    writeFileSync(join(directory, "identity.json"), "");
    expect(() => beginRestore(directory)).toThrow(/is not empty \(it holds identity.json\)/);
  });
});
