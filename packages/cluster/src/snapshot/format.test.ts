/** The bytes of `docs/formats/snapshot.md` against vectors that another implementation could use. */
import { readFileSync } from "node:fs";
import { type ConfState, type Entry, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { concatBytes, fromHex, toHex } from "@strongroom/runtime";
import { MemoryTable, type Verdict } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { checkpointMacInput, decodeCheckpoint, encodeCheckpoint } from "../state/checkpoint.ts";
import { nextLink } from "../state/entry-chain.ts";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { decodeMilestones, encodeMilestones } from "../state/milestones.ts";
import { decodeOrigin, encodeOrigin } from "../state/origin.ts";
import {
  decodeProposerIndex,
  decodeProposerRow,
  encodeProposerIndex,
  encodeProposerRow,
} from "../state/proposer-rows.ts";
import { decodeReplicaState, encodeReplicaState, type ReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";
import { inspectSnapshot } from "./inspect.ts";
import { snapshotMacInput } from "./payload.ts";
import { SnapshotSource } from "./source.ts";

interface Vectors {
  readonly replicaState: {
    readonly appliedIndex: number;
    readonly appliedTerm: number;
    readonly logTimeMs: number;
    readonly chain: string;
    readonly digest: string;
    readonly epochRevision: { readonly index: number; readonly position: number };
    readonly confState: {
      readonly voters: readonly number[];
      readonly votersOutgoing: readonly number[];
      readonly learners: readonly number[];
      readonly learnersNext: readonly number[];
      readonly autoLeave: boolean;
    };
    readonly row: string;
  };
  readonly proposer: { readonly floor: number; readonly verdicts: readonly [number, Verdict][]; readonly row: string };
  readonly proposerIndex: {
    readonly nodes: readonly {
      readonly node: number;
      readonly highestRemoved: number;
      readonly incarnations: readonly number[];
    }[];
    readonly row: string;
  };
  readonly milestones: {
    readonly list: readonly {
      readonly index: number;
      readonly chain: string;
      readonly digest: string;
      readonly proposersHash: string;
    }[];
    readonly row: string;
  };
  readonly checkpoint: {
    readonly index: number;
    readonly chain: string;
    readonly digest: string;
    readonly proposersHash: string;
    readonly keyId: number;
    readonly mac: string;
    readonly macInput: string;
    readonly value: string;
  };
  readonly origins: readonly {
    readonly index: number;
    readonly chain: string;
    readonly trailer?: {
      readonly rows: number;
      readonly contentBytes: number;
      readonly contentHash: string;
      readonly keyId: number;
      readonly mac: string;
    };
    readonly row: string;
  }[];
  readonly chain: readonly {
    readonly index: number;
    readonly term: number;
    readonly type: Entry["type"];
    readonly data: string;
    readonly link: string;
  }[];
  readonly digest: {
    readonly rows: readonly { readonly key: string; readonly row: string; readonly hash: string }[];
    readonly sum: string;
  };
  readonly snapshot: {
    readonly clusterId: string;
    readonly nodeId: number;
    readonly chunkBytes: number;
    readonly rows: readonly { readonly key: string; readonly row: string }[];
    readonly keyId: number;
    readonly mac: string;
    readonly macInput: string;
    readonly stream: string;
  };
}

const vectors = JSON.parse(
  readFileSync(new URL("../../testdata/snapshot-v1.json", import.meta.url), "utf8"),
) as unknown as Vectors;

function confStateOf(): ConfState {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = vectors.replicaState.confState;
  const ids = (list: readonly number[]) => list.map(toNodeId);
  return {
    voters: ids(voters),
    votersOutgoing: ids(votersOutgoing),
    learners: ids(learners),
    learnersNext: ids(learnersNext),
    autoLeave,
  };
}

function replicaStateOf(): ReplicaState {
  const { appliedIndex, appliedTerm, logTimeMs, chain, digest, epochRevision } = vectors.replicaState;
  return {
    appliedIndex: toIndex(appliedIndex),
    appliedTerm: toTerm(appliedTerm),
    logTimeMs,
    chain: fromHex(chain),
    digest: fromHex(digest),
    epochRevision,
    confState: confStateOf(),
  };
}

describe("what proves a state", () => {
  it("is a checkpoint in a row of its own", () => {
    const { index, chain, digest, proposersHash, keyId, mac, macInput, value } = vectors.checkpoint;
    const milestone = {
      index: toIndex(index),
      chain: fromHex(chain),
      digest: fromHex(digest),
      proposersHash: fromHex(proposersHash),
    };
    const checkpoint = { ...milestone, keyId, mac: fromHex(mac) };
    expect(toHex(encodeCheckpoint(checkpoint))).toBe(value);
    expect(decodeCheckpoint(fromHex(value))).toEqual(checkpoint);
    expect(toHex(checkpointMacInput(milestone))).toBe(macInput);
    for (const bad of ["", `02${value.slice(2)}`, `${value}00`, value.slice(0, -2)])
      expect(decodeCheckpoint(fromHex(bad))).toBeUndefined();
  });

  it("is where a node's state came from", () => {
    for (const { index, chain, trailer, row } of vectors.origins) {
      const origin = {
        index: toIndex(index),
        chain: fromHex(chain),
        trailer:
          trailer === undefined
            ? undefined
            : { ...trailer, contentHash: fromHex(trailer.contentHash), mac: fromHex(trailer.mac) },
      };
      expect(toHex(encodeOrigin(origin))).toBe(row);
      expect(decodeOrigin(fromHex(row))).toEqual(origin);
      for (const bad of ["", `02${row.slice(2)}`, `${row}00`, row.slice(0, -2)])
        expect(() => decodeOrigin(fromHex(bad))).toThrow(/Rebuild this node/);
    }
  });
});

describe("the replica's own rows", () => {
  it("say where it stands", () => {
    expect(toHex(encodeReplicaState(replicaStateOf()))).toBe(vectors.replicaState.row);
    expect(decodeReplicaState(fromHex(vectors.replicaState.row))).toEqual(replicaStateOf());
  });

  it("hold the proposers", () => {
    const { floor, verdicts, row } = vectors.proposer;
    expect(toHex(encodeProposerRow({ floor, verdicts: new Map(verdicts) }))).toBe(row);
    expect(decodeProposerRow(fromHex(row))).toEqual({ floor, verdicts: new Map(verdicts) });
    expect(toHex(encodeProposerIndex(vectors.proposerIndex.nodes))).toBe(vectors.proposerIndex.row);
    expect(decodeProposerIndex(fromHex(vectors.proposerIndex.row))).toEqual(vectors.proposerIndex.nodes);
  });
});

describe("milestones", () => {
  it("are kept as the vector says", () => {
    const milestones = vectors.milestones.list.map(({ index, chain, digest, proposersHash }) => ({
      index: toIndex(index),
      chain: fromHex(chain),
      digest: fromHex(digest),
      proposersHash: fromHex(proposersHash),
    }));
    expect(toHex(encodeMilestones(milestones))).toBe(vectors.milestones.row);
    expect(decodeMilestones(fromHex(vectors.milestones.row))).toEqual(milestones);
  });
});

describe("chain and digest", () => {
  it("are computed as the vectors say", () => {
    let link: Uint8Array = new Uint8Array(32);
    for (const { index, term, type, data, link: expected } of vectors.chain) {
      link = nextLink(link, { index: toIndex(index), term: toTerm(term), type, data: fromHex(data) });
      expect(toHex(link)).toBe(expected);
    }
    const digest = new RowDigest();
    for (const { key, row, hash } of vectors.digest.rows) {
      const rowHash = hashRow(fromHex(key), fromHex(row));
      expect(Buffer.from(rowHash, "latin1").toString("hex")).toBe(hash);
      digest.add(rowHash);
    }
    expect(toHex(digest.bytes())).toBe(vectors.digest.sum);
  });
});

describe("the format of a snapshot", () => {
  it("is written as its vector says", async () => {
    const { clusterId, nodeId, chunkBytes, rows, keyId, mac, macInput, stream } = vectors.snapshot;
    const table = new MemoryTable();
    for (const { key, row } of rows) table.writeSync([{ type: "put", key: fromHex(key), value: fromHex(row) }]);
    const signed: string[] = [];
    const signer = {
      sign: (message: Uint8Array) => {
        signed.push(toHex(message));
        return { keyId, mac: fromHex(mac) };
      },
    };
    const options = { clusterId: fromHex(clusterId), nodeId: toNodeId(nodeId), chunkBytes, signer };
    const parts: Uint8Array[] = [];
    for await (const part of new SnapshotSource(table.snapshot(), options).stream()) parts.push(part);
    expect(toHex(concatBytes(parts))).toBe(stream);
    expect(signed).toEqual([macInput]);
  });

  it("is read as its vector says", async () => {
    const { clusterId, nodeId, rows, keyId, mac, macInput, stream } = vectors.snapshot;
    const { header, trailer } = await inspectSnapshot(pieces(fromHex(stream)));
    const own = rows.find(({ key }) => key === toHex(REPLICA_STATE_KEY));
    const state = decodeReplicaState(fromHex(own?.row ?? ""));
    expect(header).toEqual({
      clusterId: fromHex(clusterId),
      nodeId,
      metadata: { index: state.appliedIndex, term: state.appliedTerm, confState: state.confState },
      logTimeMs: state.logTimeMs,
      chain: state.chain,
      digest: state.digest,
    });
    expect(trailer).toMatchObject({ rows: rows.length, keyId, mac: fromHex(mac) });
    expect(toHex(snapshotMacInput(trailer))).toBe(macInput);
  });
});

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50) yield bytes.slice(at, at + 50);
}
