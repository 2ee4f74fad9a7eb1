import { setImmediate as nextTurn } from "node:timers/promises";
import { EMPTY_CONF_STATE, toIndex, toTerm } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import {
  encodeRow,
  KEY_KIND,
  MemoryTable,
  makeKey,
  type Table,
  type TableImage,
  type TableOp,
  TableOpenError,
  TableReadError,
} from "@strongroom/storage";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { CHAIN_START } from "../state/entry-chain.ts";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { encodeReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";
import { TestCluster, type TestNode } from "../testing/nodes.ts";
import { type ScrubResult, scrubPass } from "./scrub-pass.ts";
import { Scrubber } from "./scrubber.ts";

const key = (i: number) => makeKey(KEY_KIND.barrier, utf8(`row ${i}`));

/** Rows, and a state's own row that says what their digest is. */
function tableOf(rows: number, seed = 1): MemoryTable {
  const random = new SeededRandom(seed);
  const table = new MemoryTable();
  const digest = new RowDigest();
  const ops: TableOp[] = [];
  for (let i = 0; i < rows; i++) {
    const value = encodeRow({
      revision: { index: 1 + i, position: 0 },
      term: 1,
      value: random.bytes(random.below(80)),
    });
    digest.add(hashRow(key(i), value));
    ops.push({ type: "put", key: key(i), value });
  }
  const state = {
    appliedIndex: toIndex(rows + 1),
    appliedTerm: toTerm(1),
    logTimeMs: 0,
    chain: CHAIN_START,
    digest: digest.bytes(),
    epochRevision: { index: 0, position: 0 },
    confState: EMPTY_CONF_STATE,
  };
  table.writeSync([...ops, { type: "put", key: REPLICA_STATE_KEY, value: encodeReplicaState(state) }]);
  return table;
}

const noPause = async () => {};

describe("a pass over all rows", () => {
  it("finds nothing in a table that holds what was applied, and any row that was changed, lost or added", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(200), fc.nat(), async (rows, seed) => {
        const table = tableOf(rows, seed);
        const index = rows + 1;
        expect(await scrubPass(await table.image(), noPause)).toEqual({ index, rows, difference: undefined });
        const random = new SeededRandom(seed);
        const at = random.below(Math.max(1, rows));
        const before = table.getSync(key(at));
        if (before !== undefined && random.below(3) === 0) table.writeSync([{ type: "delete", key: key(at) }]);
        else {
          const value =
            before?.slice() ?? encodeRow({ revision: { index: 1, position: 0 }, term: 0, value: utf8("x") });
          const byte = random.below(value.length);
          value[byte] = (value[byte] as number) ^ (1 << random.below(8));
          table.writeSync([{ type: "put", key: key(at), value }]);
        }
        expect((await scrubPass(await table.image(), noPause))?.difference).toHaveLength(32);
      }),
      { numRuns: 60 },
    );
  });

  it("looks at one moment, whatever is written meanwhile, and stops for breath every 64 rows", async () => {
    const table = tableOf(1_000);
    const image = await table.image();
    let pauses = 0;
    const result = await scrubPass(image, async () => {
      pauses++;
      table.writeSync([{ type: "put", key: key(pauses), value: utf8("anything") }]);
    });
    expect(result).toMatchObject({ rows: 1_000, difference: undefined });
    expect(pauses).toBe(Math.ceil(1_000 / 64));
  });
});

describe("the scrubber", () => {
  function started(table: Pick<Table, "image">, share = 0.05) {
    const time = new VirtualTime();
    const results: ScrubResult[] = [];
    const errors: Error[] = [];
    const putOff: Error[] = [];
    let open = 0;
    const counted = {
      image: async (): Promise<TableImage> => {
        const image = await table.image();
        open++;
        return {
          get: (asked) => image.get(asked),
          iterator: (range) => image.iterator(range),
          close: () => {
            open--;
            return image.close();
          },
        };
      },
    };
    const options = { delayMs: 1_000, intervalMs: 86_400_000, share };
    const scrubber = new Scrubber(options, {
      clock: time,
      timers: time,
      table: () => counted,
      onResult: (result) => results.push(result),
      onPutOff: (error) => putOff.push(error),
      onError: (error) => errors.push(error),
    });
    scrubber.start();
    const advance = async (ms: number, steps = 1) => {
      for (let i = 0; i < steps; i++) {
        time.advance(ms);
        for (let turn = 0; turn < 20; turn++) await nextTurn();
      }
    };
    return { scrubber, results, errors, putOff, advance, images: () => open };
  }

  it("looks some time after the start and then daily, and holds an image only while it does", async () => {
    const { results, errors, advance, images } = started(tableOf(130));
    await advance(999);
    expect(images()).toBe(0);
    await advance(1);
    expect(images()).toBe(1);
    await advance(1, 5);
    expect([results.length, images()]).toEqual([1, 0]);
    await advance(86_399_000);
    expect(results).toHaveLength(1);
    await advance(1, 1_100);
    expect([results.length, errors.length, images()]).toEqual([2, 0, 0]);
  });

  it("looks at a newcomer's table when its state has come, and soon after", async () => {
    const table = new MemoryTable();
    const { results, errors, advance, images } = started(table);
    await advance(1_000, 3);
    expect([results.length, errors.length, images()]).toEqual([0, 0, 0]);
    const filled = await tableOf(10)
      .snapshot()
      .iterator({ gte: new Uint8Array(0), lt: Uint8Array.of(0xff) })
      .next(100);
    table.writeSync(filled.map(({ key: at, value }) => ({ type: "put", key: at, value })));
    await advance(1_000, 3);
    expect([results.map(({ rows }) => rows), errors.length]).toEqual([[10], 0]);
  });

  it("reports a table whose files are damaged, and puts nothing off", async () => {
    const image = () => Promise.reject(new TableReadError("Corruption: 1 missing files"));
    const { results, errors, putOff, advance } = started({ image });
    await advance(1_000, 2);
    expect([results.length, errors.length, putOff.length]).toEqual([0, 1, 0]);
  });

  it("puts a pass off where the disk has no room for an image, and comes back to it", async () => {
    const table = tableOf(10);
    let full = true;
    const image = () => (full ? Promise.reject(new TableOpenError("ENOSPC: no space left on device")) : table.image());
    const { results, errors, putOff, advance } = started({ image });
    await advance(1_000, 2);
    expect([results.length, errors.length, putOff.length]).toEqual([0, 0, 2]);
    full = false;
    await advance(1_000, 2);
    expect([results.map(({ rows }) => rows), errors.length]).toEqual([[10], 0]);
  });

  it("lets go of the table in the middle of a pass when it is stopped, and says nothing of half a look", async () => {
    const { scrubber, results, errors, advance, images } = started(tableOf(500));
    await advance(1_000);
    await advance(1);
    expect(images()).toBe(1);
    await scrubber.stop();
    await scrubber.stop();
    expect([results.length, errors.length, images()]).toEqual([0, 0, 0]);
    await advance(86_400_000, 3);
    expect(images()).toBe(0);
    scrubber.start();
    await advance(1_000);
    await advance(1, 20);
    expect(results).toHaveLength(1);
  });
});

describe("rot in the rows of a disk", () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const scrub = { delayMs: 20, intervalMs: 20, share: 1 };
  const never = { delayMs: 1e9, intervalMs: 1e9, share: 1 };

  const put = (node: TestNode, name: string) =>
    node.store.commit(
      {
        guards: [],
        mutations: [{ kind: "put", key: makeKey(KEY_KIND.barrier, utf8(name)), term: 1, value: utf8("v") }],
      },
      cluster.within(10_000),
    );

  /** A row of the node's is not what it was any more. */
  async function rot(id: number): Promise<void> {
    const table = await cluster.table(id);
    const value = encodeRow({ revision: { index: 3, position: 0 }, term: 1, value: utf8("rotten") });
    await table.write([{ type: "put", key: makeKey(KEY_KIND.barrier, utf8("old")), value }]);
  }

  async function threeWithMilestone(scrubbed: number): Promise<void> {
    for (let id = 1; id <= 3; id++) {
      await cluster.start(id, { bootstrap: id === 1, scrub: never });
      if (id === 1) await cluster.leader();
      else {
        await cluster.join(id);
        await cluster.promote(id);
      }
    }
    const leader = await cluster.leader();
    await put(leader, "old");
    while (leader.shell.status().appliedIndex < 64) await put(leader, "new");
    for (const node of cluster.nodes)
      await cluster.until(async () => (await node.client.agreedMilestone())?.index === 64);
    await rot(scrubbed);
    await cluster.stop(scrubbed);
    await cluster.start(scrubbed, { scrub });
  }

  it("convicts a follower by the majority's word: it ends, and the others go on", async () => {
    cluster = new TestCluster();
    await threeWithMilestone(3);
    const third = cluster.node(3);
    const leader = await cluster.leader();
    const deadline = cluster.within(10_000).deadlineMs;
    while (third.fatal.length === 0 && cluster.world.clock.monotonicMs() < deadline) await nextTurn();
    expect(third.fatal).toMatchObject([{ code: "quarantined" }]);
    third.fatal.length = 0;
    expect((await put(leader, "after")).outcome).toBe("applied");
  });

  it("has a single voter refuse writes", async () => {
    cluster = new TestCluster();
    const only = await cluster.start(1, { bootstrap: true, scrub });
    await cluster.leader();
    await put(only, "old");
    await rot(1);
    await cluster.until(async () => {
      const verdict = await only.store
        .commit({ guards: [], mutations: [] }, cluster.within(100))
        .catch((error: { readonly code: string }) => error.code);
      return verdict === "not_committed" || verdict === "unavailable";
    });
    expect(only.fatal).toEqual([]);
  });
});
