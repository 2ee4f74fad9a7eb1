/** Promises of docs/guarantees.md that need the whole of a node: the shell around the replica, and its worker. */

import { toNodeId } from "@strongroom/raft";
import { MetricsRegistry, silentLogger, utf8 } from "@strongroom/runtime";
import { nodeClock, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { type Invalidation, KEY_KIND, makeKey, type Table, type TableOp } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import { endlessSpace } from "../disk/disk-space.ts";
import { DEFAULT_DISK } from "../disk/disk-watch.ts";
import { DEFAULT_SCRUB } from "../scrub/scrubber.ts";
import { INITIAL_GENERATION } from "../state/generation-store.ts";
import { MemoryGenerations } from "../state/memory-generations.ts";
import { TestCluster, TestKeys, type TestNode } from "../testing/nodes.ts";
import { MemoryNetwork } from "../transport/memory-peer-transport.ts";
import { openInlineWal } from "../wal/inline-wal.ts";
import { MemoryWalDisk } from "../wal/memory-wal-disk.ts";
import { createWal } from "../wal/recovery.ts";
import { MemoryIncarnations } from "./incarnations.ts";
import { DEFAULT_FLUSH_EVERY_BYTES, DEFAULT_TAIL_LIMITS, DEFAULT_TIMINGS } from "./options.ts";
import { bootstrapTable } from "./recovered.ts";
import { ReplicaShell } from "./shell.ts";

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

/** Tables that fail at their nth write. */
class FailingGenerations extends MemoryGenerations {
  writesLeft: number;

  constructor(writes: number) {
    super();
    this.writesLeft = writes;
  }

  override async open(name: string): Promise<Table> {
    const table = await super.open(name);
    const write = (ops: readonly TableOp[]): Promise<void> =>
      this.writesLeft-- > 0 ? table.write(ops) : Promise.reject(new Error("EIO: i/o error, write"));
    return {
      getSync: (key) => table.getSync(key),
      write,
      snapshot: () => table.snapshot(),
      image: () => table.image(),
      flush: () => table.flush(),
      close: () => table.close(),
    };
  }
}

class FailingDisk extends MemoryWalDisk {
  failing = false;

  override sync(name: string): void {
    if (this.failing) throw new Error("EIO: i/o error, fdatasync");
    super.sync(name);
  }
}

/** A node of its own on these; resolves with all that it gave as reasons to end the process, after some time. */
async function endOf(parts: { generations: MemoryGenerations; disk: FailingDisk }): Promise<readonly string[]> {
  const { generations, disk } = parts;
  const id = toNodeId(1);
  const keys = new TestKeys();
  const world = { clock: nodeClock, timers: nodeTimers, random: nodeRandom, logger: silentLogger };
  const installed = await bootstrapTable(await generations.open(INITIAL_GENERATION), id);
  const wal = createWal(disk, { nodeId: id, clusterId: new Uint8Array(0) }, { installed });
  const reasons: string[] = [];
  const shell = await ReplicaShell.open(
    {
      id,
      clusterId: () => "test",
      clusterAddress: "memory:1",
      timings: { ...DEFAULT_TIMINGS, electionTicks: 3, heartbeatTicks: 1 },
      tailLimits: DEFAULT_TAIL_LIMITS,
      flushEveryBytes: DEFAULT_FLUSH_EVERY_BYTES,
      seeds: [],
      supportedVersion: 1,
      scrub: DEFAULT_SCRUB,
      disk: { ...DEFAULT_DISK, intervalMs: 1_000 },
      tickMs: 1,
    },
    {
      ...world,
      metrics: new MetricsRegistry(),
      wal,
      openWal: (contents, events) =>
        openInlineWal(contents, { schedule: (turn) => nodeTimers.immediate(turn) }, { disk, events }),
      generations,
      transport: new MemoryNetwork({}, world).connect(id),
      authenticator: keys,
      snapshotAuthenticator: keys,
      snapshotSigner: keys,
      incarnations: new MemoryIncarnations(),
      diskSpace: endlessSpace,
      onFatal: (error) => reasons.push(error.message),
    },
  );
  for (let i = 0; i < 400 && reasons.length === 0; i++)
    await new Promise((resolve) => nodeTimers.after(5, () => resolve(undefined)));
  // Whatever it would still do, it would do by now.
  await new Promise((resolve) => nodeTimers.after(20, () => resolve(undefined)));
  await shell.close();
  return reasons;
}

describe("a replica", () => {
  it("ends its process, once, when the table cannot be written", async () => {
    expect(await endOf({ generations: new FailingGenerations(1), disk: new FailingDisk() })).toEqual([
      "EIO: i/o error, write",
    ]);
  });

  it("ends its process, once, when the log cannot be synced", async () => {
    const disk = new FailingDisk();
    const generations = new FailingGenerations(9);
    nodeTimers.immediate(() => {
      disk.failing = true;
    });
    expect(await endOf({ generations, disk })).toEqual([expect.stringContaining("fdatasync")]);
  });
});

describe("a worker", () => {
  const row = makeKey(KEY_KIND.barrier, utf8("row"));
  const put = (node: TestNode, value: string) =>
    node.store.commit(
      { guards: [], mutations: [{ kind: "put", key: row, term: 1, value: utf8(value) }] },
      { deadlineMs: nodeClock.monotonicMs() + 5_000 },
    );

  it("empties its caches for a state that was exchanged before it may read from that", async () => {
    cluster = new TestCluster();
    await cluster.startVoters(3, { tailLimits: { maxBytes: 64 * 1024, maxEntries: 40 } });
    const leader = await cluster.leader();
    const lagging = cluster.nodes.find((node) => node !== leader) as TestNode;
    await put(leader, "first");
    await lagging.store.linearizableSnapshot(cluster.within(5_000)).then((snapshot) => snapshot.release());
    const heard: Invalidation[] = [];
    lagging.store.onInvalidation((event) => heard.push(event));
    cluster.network.partition([cluster.nodes.filter((node) => node !== lagging).map(({ id }) => id), [lagging.id]]);
    for (let i = 0; i < 120; i++) await put(leader, `${i}`);
    cluster.network.heal();
    const snapshot = await lagging.store.linearizableSnapshot(cluster.within(5_000));
    const exchange = heard.find(({ type }) => type === "all");
    expect(exchange?.index).toBeGreaterThan(100);
    expect(snapshot.appliedIndex).toBeGreaterThanOrEqual(exchange?.index ?? 0);
    expect(Buffer.from(snapshot.get(row)?.value ?? []).toString()).toBe("119");
    snapshot.release();
  });

  it("hears which keys a commit changed before the commit is answered, on every worker of its node", async () => {
    cluster = new TestCluster();
    const node = await cluster.start(1, { bootstrap: true });
    const other = await cluster.worker(1);
    const order: string[] = [];
    node.store.onInvalidation((event) => {
      if (event.type === "keys" && event.keys.length > 0) order.push("heard");
    });
    other.store.onInvalidation((event) => {
      if (event.type === "keys" && event.keys.length > 0) order.push("other heard");
    });
    await put(node, "1");
    order.push("answered");
    const snapshot = await other.store.linearizableSnapshot(cluster.within(5_000));
    expect(snapshot.get(row)?.value).toEqual(utf8("1"));
    snapshot.release();
    await other.store.close();
    expect(order.indexOf("heard")).toBeLessThan(order.indexOf("answered"));
    expect(order).toContain("other heard");
  });
});
