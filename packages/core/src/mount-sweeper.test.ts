import { VirtualTime } from "@strongroom/runtime/testing";
import { MemoryStore } from "@strongroom/storage/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { leaseEngine, OutsideWorld } from "./testing/lease-engine.ts";
import { TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";

let time: VirtualTime;
let store: MemoryStore;
let outside: OutsideWorld;
let nodes: TestNode[];

/** Nodes over one state, none of which works in the background unless it is told. */
beforeEach(async () => {
  time = new VirtualTime();
  store = new MemoryStore({ clock: time, timers: time });
  outside = new OutsideWorld();
  nodes = [1, 2].map((seed) => new TestNode([leaseEngine(outside)], { seed, store, background: false }));
  const [first, second] = nodes as [TestNode, TestNode];
  await first.initialize();
  second.unsealKeys = first.unsealKeys;
  second.rootToken = first.rootToken;
  await second.unseal();
});

const TASKS = ["mount-sweep", "lease-expiry", "mount-sweep"] as const;
const work = async (node: TestNode): Promise<void> => {
  for (const task of TASKS) await node.core.background.run(task);
};

describe("the removal of a mount", () => {
  it("is gone on with by whoever leads next, wherever the last one died, and leaves nothing", async () => {
    const [first, second] = nodes as [TestNode, TestNode];
    const empty = (await store.rows()).length;
    for (let dies = 1; dies < 40; dies++) {
      await first.call("update", "sys/mounts/db", { body: { type: "lease-test" } });
      for (let i = 0; i < 600; i += 60) await first.call("update", `db/roles/r${i}`, { body: { ttl: "1h" } });
      for (let i = 0; i < 3; i++) await first.call("read", "db/creds/r0");
      await first.call("delete", "sys/mounts/db");
      // The leader loses its term at its nth command, and another begins.
      const commit = store.commit.bind(store);
      let commits = 0;
      store.commit = (draft, options) => {
        if (++commits === dies) store.setLeadership({ leader: true, raftTerm: store.raftTerm() + 1 });
        return commit(draft, options);
      };
      await work(first);
      store.commit = commit;
      expect(await wireCode(second.call("read", "db/creds/r0"))).toMatch(/^unsupported_path/);
      // What was claimed by the one that died is due again after its time.
      time.advance(120_000);
      await work(second);
      expect([(await store.rows()).length, outside.live.size], `died at command ${dies}`).toEqual([empty, 0]);
      if (commits < dies) return;
    }
    expect.unreachable("a removal takes a bounded number of commands");
  });

  it("waits for leases that cannot be revoked, and its rows wait with it", async () => {
    const [first] = nodes as [TestNode];
    await first.call("update", "sys/mounts/db", { body: { type: "lease-test" } });
    await first.call("update", "db/roles/a", { body: { ttl: "1h" } });
    await first.call("read", "db/creds/a");
    const rows = (await store.rows()).length;
    outside.failing = true;
    await first.call("delete", "sys/mounts/db");
    for (let i = 0; i < 8; i++) {
      await work(first);
      time.advance(400_000);
    }
    expect((await store.rows()).length).toBe(rows);
    outside.failing = false;
    await first.call("update", "sys/leases/revoke-force/db", { body: { sync: false } });
    await first.core.background.run("lease-tasks");
    await work(first);
    expect([(await store.rows()).length < rows - 3, outside.live.size]).toEqual([true, 0]);
  });
});
