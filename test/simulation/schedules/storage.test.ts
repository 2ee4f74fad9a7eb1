/** Schedules against what disks do to logs and tables, and against states that are not what they should be. */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createWal,
  executeOperations,
  HostedWal,
  MemoryWalDisk,
  recoverWal,
  type WalBatch,
  type WalContents,
} from "@strongroom/cluster";
import { TestCluster, type TestNode } from "@strongroom/cluster/testing";
import { type Entry, toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { encodeRow, KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rowKey } from "../replica-worker.ts";
import { Stage } from "./stage.ts";

let directory = "";
let cluster: TestCluster | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "schedule-"));
});

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
  rmSync(directory, { recursive: true });
});

const key = (name: string) => makeKey(KEY_KIND.barrier, utf8(name));

async function put(node: TestNode, name: string, bytes: number): Promise<void> {
  const mutations = [{ kind: "put", key: key(name), term: 1, value: new Uint8Array(bytes).fill(7) }] as const;
  const deadlineMs = node.store.clock.monotonicMs() + 10_000;
  expect((await node.store.commit({ guards: [], mutations }, { deadlineMs })).outcome).toBe("applied");
}

function has(node: TestNode, name: string): boolean {
  const snapshot = node.store.localSnapshot();
  const found = snapshot.get(key(name)) !== undefined;
  snapshot.release();
  return found;
}

describe("LevelDB's own log with a zeroed page behind a good applied index", () => {
  it("hides no row: the log is thrown away, and the write-ahead log has what it held", async () => {
    cluster = new TestCluster({ directory });
    const first = await cluster.start(1, { bootstrap: true });
    await cluster.leader();
    const names = Array.from({ length: 120 }, (_, i) => `row ${i}`);
    for (const name of names) await put(first, name, 600);
    await cluster.stop(1);
    const state = join(directory, "1", "state-0-0");
    const [log] = readdirSync(state).filter((name) => name.endsWith(".log"));
    if (log === undefined) throw new Error("LevelDB keeps a log");
    const path = join(state, log);
    expect(readFileSync(path).length).toBeGreaterThan(60_000);
    const file = openSync(path, "r+");
    writeSync(file, new Uint8Array(4_096), 0, 4_096, 32_768);
    closeSync(file);
    const again = await cluster.start(1);
    const { deadlineMs } = cluster.within(10_000);
    const end = await again.store.linearizableSnapshot({ deadlineMs });
    end.release();
    expect(names.filter((name) => !has(again, name))).toEqual([]);
  });
});

describe("two groups of the log that were under way when the power went", () => {
  const identity = { nodeId: toNodeId(1), clusterId: new Uint8Array(0) };
  const entry = (index: number): Entry => {
    const data = new Uint8Array(3_000).fill(index);
    return { index: toIndex(index), term: toTerm(1), type: "EntryNormal", data };
  };

  /** A log that is written by hand: batches come out, and the test says what the disk does with them. */
  function open(disk: MemoryWalDisk, contents: WalContents) {
    const batches: WalBatch[] = [];
    let done: () => void = () => {};
    const wal = new HostedWal(
      contents,
      { segmentBytes: 64 * 1024, preparationBytes: 64, schedule: (turn) => turn() },
      {
        startExecutor: (events) => {
          done = () => events.onDone();
          return { execute: (batch) => batches.push(batch), close: async () => {} };
        },
        events: {
          onSynced: () => {},
          onFatal: (error) => {
            throw error;
          },
        },
      },
    );
    const append = (index: number) => {
      const hardState = { term: toTerm(1), vote: toNodeId(0), commit: toIndex(Math.max(0, index - 1)) };
      wal.append({ token: index, hardState, entries: [entry(index)] });
      return batches.at(-1) as WalBatch;
    };
    const write = (batch: WalBatch) =>
      executeOperations(
        disk,
        batch.operations.filter(({ type }) => type === "write"),
      );
    const finish = (batch: WalBatch) => {
      executeOperations(disk, batch.operations);
      done();
    };
    return { append, write, finish };
  }

  function started(): { readonly disk: MemoryWalDisk; readonly log: ReturnType<typeof open> } {
    const disk = new MemoryWalDisk();
    const log = open(disk, createWal(disk, identity, { segmentBytes: 64 * 1024 }));
    log.finish(log.append(1));
    return { disk, log };
  }

  it("are a torn end if the second is there and the first is not: neither was acknowledged, and the log goes on", () => {
    const { disk, log } = started();
    const first = log.append(2);
    const second = log.append(3);
    log.write(first);
    log.write(second);
    // The first sectors of the first group did not get there; all of the second did.
    let drawn = 0;
    disk.crash({ below: () => (drawn++ < 3 ? 0 : 1) });
    expect(drawn).toBeGreaterThan(10);
    const recovered = recoverWal(disk);
    if (recovered.status !== "ok") throw new Error(recovered.status);
    expect(recovered.entries.map(({ index }) => index)).toEqual([1]);
    expect(recovered.tornBytes).toBeGreaterThan(3_000);
    const next = open(disk, recovered);
    next.finish(next.append(2));
    const again = recoverWal(disk);
    expect(again.status === "ok" && again.entries.map(({ index }) => index)).toEqual([1, 2]);
  });

  it("are damage if the first rotted after a later group was written that knew it as synced", () => {
    const { disk, log } = started();
    log.finish(log.append(2));
    log.finish(log.append(3));
    log.finish(log.append(4));
    const [name] = disk.list().filter((one) => one.endsWith(".wal"));
    disk.corrupt(name ?? "", (bytes) => {
      const at = bytes.indexOf(2, 3_000);
      bytes.fill(0, at, at + 512);
    });
    expect(recoverWal(disk)).toMatchObject({ status: "damaged" });
  });
});

describe("a snapshot that is switched in while workers read", () => {
  it("shows each reader one moment, the newest that it asked for, and never goes back", async () => {
    cluster = new TestCluster({ directory });
    const tailLimits = { maxBytes: 64 * 1024, maxEntries: 30 };
    await cluster.start(1, { bootstrap: true, tailLimits });
    await cluster.leader();
    const lagging = await cluster.start(2, { tailLimits });
    await cluster.join(2);
    const leader = cluster.node(1);
    await put(leader, "old", 1);
    const read = async () => {
      const { deadlineMs } = (cluster as TestCluster).within(10_000);
      const snapshot = await lagging.store.linearizableSnapshot({ deadlineMs });
      const length = snapshot.get(key("counter"))?.value.length ?? 0;
      snapshot.release();
      return length;
    };
    await cluster.until(() => has(lagging, "old"));
    const generations = () => readdirSync(join(directory, "2")).filter((name) => name.startsWith("state-"));
    await cluster.until(() => generations().length === 1);
    const [before] = generations();
    const kept = lagging.store.localSnapshot();
    let emptied = 0;
    lagging.store.onInvalidation((event) => {
      if (event.type === "all") emptied++;
    });
    cluster.network.partition([[leader.id], [lagging.id]]);
    for (let i = 1; i <= 60; i++) await put(leader, "counter", i);
    await put(leader, "new", 1);
    cluster.network.heal();
    const seen: number[] = [];
    let acknowledged = 60;
    for (let i = 0; i < 40; i++) {
      const least = acknowledged;
      const [length] = await Promise.all([read(), i % 4 === 0 ? put(leader, "counter", ++acknowledged) : undefined]);
      expect(length).toBeGreaterThanOrEqual(least);
      seen.push(length);
    }
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(emptied).toBe(1);
    // Who began before it goes on reading what it began with, and the old table waits for it.
    expect([kept.get(key("old")) !== undefined, kept.get(key("new"))]).toEqual([true, undefined]);
    expect(generations()).toContain(before);
    kept.release();
    await cluster.until(() => generations().length === 1);
    expect(generations()).not.toContain(before);
  });
});

describe("a leader whose own digest is the wrong one", () => {
  it("is not believed: it hands over, ends, and has no checkpoint signed; the others are right and go on", () => {
    const stage = new Stage({ voters: 3, swarm: { firstIndex: 1_000 } });
    stage.lead(1);
    const [first, second] = [1, 2, 3].map((id) => stage.client(id).register());
    if (first === undefined || second === undefined) throw new Error("there are clients");
    first.wait(first.put("row", "right"));
    stage.agree([1, 2, 3]);
    const node = stage.node(1);
    // Its disk changes a row; what is written over it then takes another hash away than the others do.
    node.isStateRotten = true;
    node.mayRestart = false;
    const value = encodeRow({ revision: { index: 1_003, position: 0 }, term: 1, value: utf8("wrong") });
    stage.process(1).table.rot(rowKey("row"), value);
    stage
      .process(1)
      .tell(() => stage.process(1).replica.scrubbed({ index: 1_003, rows: 3, difference: new Uint8Array(32).fill(9) }));
    for (let i = 0; i < 40 && stage.process(2).state.milestones.length === 0; i++) second.wait(second.put("x", `${i}`));
    stage.until(() => node.process === undefined, "it has ended");
    expect(node.retired).toBe("its state was convicted");
    const next = stage.leader([2, 3]);
    expect(next).not.toBe(1);
    expect(second.wait(second.put("row", "still right")).outcome).toBe("applied");
    stage.agree([2, 3]);
    for (const id of [2, 3]) expect(stage.node(id).retired).toBeUndefined();
  });
});

describe("two versions of the software in one cluster", () => {
  it("serve together while it is upgraded node by node, and its version waits for the last", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3, { supportedVersion: 1 });
    const versions = async () =>
      Promise.all((cluster as TestCluster).nodes.map(async (node) => (await node.client.status()).clusterVersion));
    for (const id of [1, 2, 3]) {
      await (await cluster.keepVersion()).look();
      expect(await versions()).toEqual([1, 1, 1]);
      await cluster.stop(id);
      await put(await cluster.leader(), `while ${id} is away`, 10);
      await cluster.start(id);
      await put(await cluster.leader(), `with ${id} upgraded`, 10);
    }
    const leader = await cluster.leader();
    await cluster.until(async () =>
      (await leader.client.status()).members.every((member) => member.online && member.supportedVersion === 2),
    );
    await (await cluster.keepVersion()).look();
    await cluster.until(async () => (await versions()).every((version) => version === 2));
    for (const node of cluster.nodes) await cluster.until(() => has(node, "with 3 upgraded"));
    const old = cluster.nodes.find((node) => node !== leader)?.id ?? 0;
    await cluster.stop(old);
    await expect(cluster.start(old, { supportedVersion: 1 })).rejects.toThrow(/Start a newer server/);
  });
});
