import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger, utf8 } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import { type CommandDraft, KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestCluster, type TestNode } from "../testing/nodes.ts";
import { DiskKeeper } from "./disk-keeper.ts";
import type { DiskRoom, DiskSpace } from "./disk-space.ts";
import { DiskWatch } from "./disk-watch.ts";
import { NodeDiskSpace } from "./node-disk-space.ts";

const THRESHOLDS = { lowBytes: 1_000, reserveBytes: 200 };
const room = (freeBytes: number, reservedBytes = 200, totalBytes = 1e9): DiskRoom => ({
  freeBytes,
  totalBytes,
  reservedBytes,
});

/** A disk that a test fills and empties. The reserve counts as on a real one. */
class MadeUpSpace implements DiskSpace {
  usedByOthers = 0;
  reserved = 0;
  readonly #totalBytes: number;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  async look(): Promise<DiskRoom> {
    const freeBytes = Math.max(0, this.#totalBytes - this.usedByOthers - this.reserved);
    return { freeBytes, totalBytes: this.#totalBytes, reservedBytes: this.reserved };
  }

  async reserve(bytes: number): Promise<void> {
    if ((await this.look()).freeBytes < bytes) throw new Error("ENOSPC");
    this.reserved = bytes;
  }

  async release(): Promise<void> {
    this.reserved = 0;
  }
}

describe("the watch over a disk", () => {
  it("calls it low below the threshold, until there is some more than that again", () => {
    const watch = new DiskWatch(THRESHOLDS);
    expect(watch.judge(room(1_000))).toMatchObject({ isLow: false, action: "none" });
    expect(watch.judge(room(999))).toMatchObject({ isLow: true, action: "none" });
    expect(watch.judge(room(1_249))).toMatchObject({ isLow: true });
    expect(watch.judge(room(1_250))).toMatchObject({ isLow: false });
  });

  it("gives the reserve up when even half of that is gone, and does not take its room for room", () => {
    const watch = new DiskWatch(THRESHOLDS);
    expect(watch.judge(room(499))).toMatchObject({ isLow: true, action: "release" });
    expect(watch.judge(room(1_300, 0))).toMatchObject({ isLow: true, action: "none" });
    // 1,250 besides the reserve: first that is paid for, then there is room.
    expect(watch.judge(room(1_450, 0))).toMatchObject({ isLow: true, action: "reserve", reserveBytes: 200 });
    expect(watch.judge(room(1_250, 200))).toMatchObject({ isLow: false, action: "none" });
  });

  it("makes the reserve of a new directory where there is room, and of a small disk asks for less", () => {
    expect(new DiskWatch(THRESHOLDS).judge(room(5_000, 0))).toMatchObject({ isLow: false, action: "reserve" });
    expect(new DiskWatch(THRESHOLDS).judge(room(900, 0))).toMatchObject({ isLow: true, action: "none" });
    const small = new DiskWatch(THRESHOLDS).judge(room(600, 0, 2_000));
    expect(small).toEqual({ isLow: false, action: "reserve", reserveBytes: 50 });
  });
});

describe("a reserve on a real disk", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "reserve-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("is allocated, not only long, for its owner alone, and goes when it is given up", async () => {
    const space = new NodeDiskSpace(directory);
    const before = await space.look();
    expect(before.reservedBytes).toBe(0);
    expect(before.totalBytes).toBeGreaterThan(before.freeBytes - 1);
    await space.reserve(2 * 1024 * 1024);
    await space.reserve(2 * 1024 * 1024);
    const found = statSync(join(directory, "reserve"));
    expect(found.blocks * 512).toBeGreaterThanOrEqual(2 * 1024 * 1024);
    expect(found.mode & 0o777).toBe(0o600);
    expect((await space.look()).reservedBytes).toBeGreaterThanOrEqual(2 * 1024 * 1024);
    // A large one grows step by step.
    for (const least of [6, 9]) {
      await space.reserve(9 * 1024 * 1024);
      const { reservedBytes } = await space.look();
      expect(reservedBytes).toBeGreaterThanOrEqual(least * 1024 * 1024);
      expect(reservedBytes).toBeLessThan((least + 2) * 1024 * 1024);
    }
    await space.release();
    await space.release();
    expect((await space.look()).reservedBytes).toBe(0);
  });

  it("leaves nothing where it cannot be made whole", async () => {
    mkdirSync(join(directory, "reserve"));
    await expect(new NodeDiskSpace(directory).reserve(4_096)).rejects.toThrow();
    rmSync(join(directory, "reserve"), { recursive: true });
    expect(existsSync(join(directory, "reserve"))).toBe(false);
  });
});

describe("the keeper of a disk", () => {
  it("looks on while one look hangs, and tells nothing that it does not know", async () => {
    const time = new VirtualTime();
    let looks = 0;
    const told: boolean[] = [];
    const hung = Promise.withResolvers<DiskRoom>();
    const space: DiskSpace = {
      look: () => (++looks === 1 ? hung.promise : Promise.reject(new Error("EIO"))),
      reserve: async () => {},
      release: async () => {},
    };
    const keeper = new DiskKeeper(
      { ...THRESHOLDS, intervalMs: 1_000 },
      { space, timers: time, logger: silentLogger, onLook: ({ isLow }) => told.push(isLow) },
    );
    keeper.start();
    time.advance(10_000);
    expect([looks, told.length]).toEqual([1, 0]);
    hung.resolve(room(10));
    await sleep(1);
    time.advance(2_000);
    await sleep(1);
    expect([looks, told]).toEqual([2, [true]]);
    keeper.stop();
    time.advance(10_000);
    expect(looks).toBe(2);
  });
});

describe("a cluster whose disks fill", () => {
  const MIB = 1024 * 1024;
  let cluster: TestCluster;
  let spaces: MadeUpSpace[];

  beforeEach(async () => {
    cluster = new TestCluster();
    spaces = [1, 2, 3].map(() => new MadeUpSpace(10_000 * MIB));
    for (const [i, diskSpace] of spaces.entries()) {
      await cluster.start(i + 1, { bootstrap: i === 0, diskSpace });
      if (i === 0) await cluster.leader();
      else {
        await cluster.join(i + 1);
        await cluster.promote(i + 1);
      }
    }
  });
  afterEach(() => cluster.close());

  const key = (name: string) => makeKey(KEY_KIND.barrier, utf8(name));
  const commit = (node: TestNode, draft: Partial<CommandDraft>) =>
    node.store.commit({ guards: [], mutations: [], ...draft }, cluster.within(10_000)).then(
      ({ outcome }) => outcome,
      (error: { readonly code: string }) => error.code,
    );
  const put = (node: TestNode, name: string, bytes = 10) =>
    commit(node, { mutations: [{ kind: "put", key: key(name), term: 1, value: new Uint8Array(bytes) }] });
  const remove = (node: TestNode, name: string) => commit(node, { mutations: [{ kind: "delete", key: key(name) }] });
  const fill = (node: TestNode, freeMib: number) => {
    const space = spaces[node.id - 1] as MadeUpSpace;
    space.usedByOthers = (10_000 - freeMib) * MIB;
  };

  it("hands leadership over if only its leader's disk is low, and grows on", async () => {
    const before = await cluster.leader();
    fill(before, 100);
    await cluster.until(() => cluster.nodes.some((node) => node !== before && node.shell.status().state === "leader"));
    const after = await cluster.leader();
    expect(await put(before, "by way of the other")).toBe("applied");
    expect((await after.client.status()).members.find(({ nodeId }) => nodeId === before.id)?.diskLow).toBe(true);
    expect((await before.client.status()).diskLow).toBe(true);
  });

  it("refuses growth and takes deletes, overwriting and membership if all are low, and grows again when they have room", async () => {
    const leader = await cluster.leader();
    const [other] = cluster.nodes.filter((node) => node !== leader) as [TestNode];
    expect(await put(leader, "old", 500)).toBe("applied");
    for (const node of cluster.nodes) fill(node, 200);
    await cluster.until(async () => (await (await cluster.leader()).client.status()).refusesGrowth);
    expect([await put(leader, "new"), await put(other, "new")]).toEqual(["disk_full", "disk_full"]);
    expect(await put(other, "old", 2_000)).toBe("disk_full");
    expect([await put(other, "old", 510), await remove(other, "old")]).toEqual(["applied", "applied"]);
    await cluster.join(4);
    // Now even the reserve goes, and stands again when there is room for more than it.
    const space = spaces[0] as MadeUpSpace;
    expect(space.reserved).toBeGreaterThan(0);
    for (const node of cluster.nodes) fill(node, 70);
    await cluster.until(() => spaces.every(({ reserved }) => reserved === 0));
    expect(await put(other, "new")).toBe("disk_full");
    for (const node of cluster.nodes) fill(node, 5_000);
    await cluster.until(async () => !(await (await cluster.leader()).client.status()).refusesGrowth);
    expect(await put(other, "new")).toBe("applied");
    expect(space.reserved).toBeGreaterThan(0);
  });

  it("refuses growth though its leader has room if a majority has not", async () => {
    const leader = await cluster.leader();
    const others = cluster.nodes.filter((node) => node !== leader);
    for (const node of others) fill(node, 100);
    await cluster.until(async () => (await leader.client.status()).refusesGrowth);
    expect(await put(leader, "new")).toBe("disk_full");
    expect(leader.shell.status().state).toBe("leader");
    fill(others[0] as TestNode, 5_000);
    await cluster.until(async () => !(await leader.client.status()).refusesGrowth);
    expect(await put(leader, "new")).toBe("applied");
  });
});
