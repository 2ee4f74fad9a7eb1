import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfState, EMPTY_CONF_STATE, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { concatBytes, toHex, utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { encodeRow, KEY_KIND, MemoryTable, type Table, type TableOp } from "@strongroom/storage";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sealedAuthenticator } from "../authenticator.ts";
import type { GenerationStore } from "../state/generation-store.ts";
import { INITIAL_GENERATION } from "../state/generation-store.ts";
import { Generations } from "../state/generations.ts";
import { proposerKey, REPLICA_STATE_KEY } from "../state/keys.ts";
import { MemoryGenerations } from "../state/memory-generations.ts";
import { isLocalKey } from "../state/origin.ts";
import { encodeProposerRow } from "../state/proposer-rows.ts";
import { decodeReplicaState, encodeReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";
import { SnapshotDamagedError, SnapshotEmptyError, SnapshotRefusedError } from "./errors.ts";
import { inspectSnapshot } from "./inspect.ts";
import { SnapshotSink } from "./sink.ts";
import { SnapshotSource, type SnapshotSourceOptions } from "./source.ts";

const clusterId = utf8("cluster-id-0001");
const confState: ConfState = { ...EMPTY_CONF_STATE, voters: [toNodeId(1), toNodeId(2)] };
const options: SnapshotSourceOptions = { clusterId, nodeId: toNodeId(1) };
const signer = { sign: () => ({ keyId: 3, mac: new Uint8Array(32).fill(7) }) };

/** Rows of all sizes, with the state's own row that goes with them, as operations. */
function stateOf(seed: number, rows: number, maxBytes: number): TableOp[] {
  const random = new SeededRandom(seed);
  const digest = new RowDigest();
  const ops = new Map<string, TableOp & { type: "put" }>();
  for (let i = 0; i < rows; i++) {
    const key = Uint8Array.of(KEY_KIND.barrier, ...random.bytes(1 + random.below(20)));
    const value = encodeRow({
      revision: { index: 1 + random.below(100), position: 0 },
      term: 1,
      value: random.bytes(random.below(maxBytes)),
    });
    ops.set(toHex(key), { type: "put", key, value });
  }
  for (const { key, value } of ops.values()) digest.add(hashRow(key, value));
  const state = encodeReplicaState({
    appliedIndex: toIndex(100),
    appliedTerm: toTerm(4),
    logTimeMs: 1_700_000_000_000,
    chain: new Uint8Array(32).fill(1),
    digest: digest.bytes(),
    epochRevision: { index: 0, position: 0 },
    confState,
  });
  const proposer = encodeProposerRow({ floor: 3, verdicts: new Map([[4, { outcome: "conflict", guard: 0 }]]) });
  return [
    { type: "put", key: REPLICA_STATE_KEY, value: state },
    { type: "put", key: proposerKey({ node: 1, incarnation: 2 }), value: proposer },
    ...ops.values(),
  ];
}

async function tableOf(ops: readonly TableOp[]): Promise<MemoryTable> {
  const table = new MemoryTable();
  await table.write(ops);
  return table;
}

async function streamOf(table: Table, more: Partial<SnapshotSourceOptions> = {}): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of new SnapshotSource(table.snapshot(), { ...options, ...more }).stream()) parts.push(part);
  return concatBytes(parts);
}

function sinkInto(generations: GenerationStore, verify = sealedAuthenticator): SnapshotSink {
  return new SnapshotSink({ clusterId }, { generations, authenticator: verify });
}

/** What travels: the row in which a node notes where its state came from stays its own. */
async function contentOf(table: Table): Promise<string[]> {
  const snapshot = table.snapshot();
  const iterator = snapshot.iterator({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) });
  const content: string[] = [];
  for (let rows = await iterator.next(100); rows.length > 0; rows = await iterator.next(100)) {
    for (const { key, value } of rows) if (!isLocalKey(key)) content.push(`${toHex(key)} ${toHex(value)}`);
  }
  await iterator.close();
  snapshot.close();
  return content;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe("a snapshot", () => {
  it("arrives as it was sent, in whatever pieces", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(80), fc.integer({ min: 1, max: 5000 }), async (seed, rows, chunkBytes) => {
        const table = await tableOf(stateOf(seed, rows, 600));
        const stream = await streamOf(table, { chunkBytes });
        const random = new SeededRandom(seed);
        const generations = new MemoryGenerations();
        const sink = sinkInto(generations);
        for (let at = 0; at < stream.length; ) {
          const length = 1 + random.below(2000);
          // A socket's buffer, which is another's when the sink has taken it.
          const piece = Buffer.from(stream.subarray(at, at + length));
          await sink.write(piece);
          piece.fill(0);
          at += length;
        }
        const received = await sink.finish();
        expect(received.header.metadata).toEqual({ index: 100, term: 4, confState });
        expect(received.authenticity).toBe("unsigned");
        expect(await contentOf(await generations.open(received.generation))).toEqual(await contentOf(table));
      }),
      { numRuns: 40 },
    );
  });

  it("shows the state at its beginning, whatever is written while it is sent", async () => {
    const table = await tableOf(stateOf(1, 200, 300));
    const before = await contentOf(table);
    const generations = new MemoryGenerations();
    const sink = sinkInto(generations);
    for await (const part of new SnapshotSource(table.snapshot(), { ...options, chunkBytes: 1000 }).stream()) {
      await table.write(stateOf(2, 20, 300));
      await sink.write(part);
    }
    const { generation } = await sink.finish();
    expect(await contentOf(await generations.open(generation))).toEqual(before);
  });

  it("reads no further than it is asked for, and lets go of the table when its reader does", async () => {
    const table = await tableOf(stateOf(1, 500, 300));
    const snapshot = table.snapshot();
    let reads = 0;
    let closed = 0;
    const counting = {
      getSync: (key: Uint8Array) => snapshot.getSync(key),
      iterator: (range: Parameters<typeof snapshot.iterator>[0]) => {
        const iterator = snapshot.iterator(range);
        return {
          next: (count: number) => {
            reads++;
            return iterator.next(count);
          },
          seek: (key: Uint8Array) => iterator.seek(key),
          close: () => iterator.close(),
        };
      },
      close: () => {
        closed++;
        snapshot.close();
      },
    };
    const source = new SnapshotSource(counting, { ...options, chunkBytes: 1000 });
    let frames = 0;
    for await (const part of source.stream()) {
      expect(part.length).toBeGreaterThan(0);
      if (++frames === 3) break;
    }
    expect(reads).toBe(1);
    expect(closed).toBe(1);
  });

  it("is refused for any flipped bit and any missing end", async () => {
    const stream = await streamOf(await tableOf(stateOf(3, 6, 60)), { signer, chunkBytes: 200 });
    const generations = new MemoryGenerations();
    const attempt = async (bytes: Uint8Array) => {
      const sink = sinkInto(generations);
      try {
        await sink.write(bytes);
        await sink.finish();
      } finally {
        await sink.abort();
      }
    };
    for (let bit = 0; bit < stream.length * 8; bit++) {
      const bytes = stream.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      await expect(attempt(bytes)).rejects.toThrow(/snapshot/);
    }
    for (let length = 0; length < stream.length; length++) {
      await expect(attempt(stream.slice(0, length))).rejects.toThrow(SnapshotDamagedError);
    }
    await expect(attempt(concatBytes([stream, stream.subarray(8)]))).rejects.toThrow(SnapshotDamagedError);
  });

  it("carries a MAC from an open sender, which an open receiver checks", async () => {
    const table = await tableOf(stateOf(1, 3, 30));
    const stream = await streamOf(table, { signer });
    for (const authenticity of ["ok", "unknown-key", "sealed"] as const) {
      const sink = sinkInto(new MemoryGenerations(), { verify: () => authenticity });
      await sink.write(stream);
      expect((await sink.finish()).authenticity).toBe(authenticity);
    }
    const sink = sinkInto(new MemoryGenerations(), { verify: () => "bad" });
    await sink.write(stream);
    await expect(sink.finish()).rejects.toThrow(/MAC is wrong/);
    const { trailer } = await inspectSnapshot(once(await streamOf(table, { signer: { sign: () => undefined } })));
    expect(trailer).toMatchObject({ keyId: 0, mac: new Uint8Array(0) });
  });

  it("is refused by another cluster", async () => {
    const stream = await streamOf(await tableOf(stateOf(1, 3, 30)), { clusterId: utf8("another") });
    await expect(sinkInto(new MemoryGenerations()).write(stream)).rejects.toThrow(SnapshotRefusedError);
  });

  it("is refused when its rows are not those of its digest", async () => {
    const ops = stateOf(1, 5, 30);
    const stream = await streamOf(await tableOf(ops.slice(0, -1)));
    await expect(inspectSnapshot(once(stream))).rejects.toThrow(/another digest/);
  });

  it("is refused when a row is newer than it", async () => {
    const [state, ...rest] = stateOf(1, 5, 30);
    const { value } = state as TableOp & { type: "put" };
    const older = encodeReplicaState({ ...decodeReplicaState(value), appliedIndex: toIndex(1) });
    const stream = await streamOf(await tableOf([{ type: "put", key: REPLICA_STATE_KEY, value: older }, ...rest]));
    await expect(inspectSnapshot(once(stream))).rejects.toThrow(/newer than it/);
  });

  it("is nothing that a node without a state can give", () => {
    expect(() => new SnapshotSource(new MemoryTable().snapshot(), options)).toThrow(SnapshotEmptyError);
  });
});

describe("generations on a disk", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "strongroom-state-"));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it("hold a received snapshot that outlives the process, and nothing of an aborted one", async () => {
    const generations = await Generations.open(join(directory, "node"));
    const first = await generations.open(INITIAL_GENERATION);
    await first.write(stateOf(7, 300, 2000));
    const stream = await streamOf(first);
    const sink = sinkInto(generations);
    await sink.write(stream);
    const { generation } = await sink.finish();
    const abandoned = sinkInto(generations);
    await abandoned.write(stream.slice(0, stream.length / 2));
    expect(readdirSync(join(directory, "node")).sort()).toEqual([
      INITIAL_GENERATION,
      "state-100-0",
      "state-100-1.building",
    ]);
    await abandoned.abort();

    const second = await generations.open(generation);
    expect(await contentOf(second)).toEqual(await contentOf(first));
    await first.close();
    await generations.retainOnly(generation);
    expect(readdirSync(join(directory, "node"))).toEqual([generation]);
    expect(statSync(generations.path(generation)).mode & 0o777).toBe(0o700);
    await second.close();
  });

  it("do not open what is not there", async () => {
    const generations = await Generations.open(directory);
    await expect(generations.open("state-9-0")).rejects.toThrow(/is missing/);
  });
});
