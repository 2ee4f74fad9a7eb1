import { beforeEach, describe, expect, it } from "vitest";
import { LeaseWorld } from "../testing/lease-world.ts";
import { addLeaseTask } from "./lease-tasks.ts";

const HOUR_MS = 3_600_000;
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

let world: LeaseWorld;

beforeEach(async () => {
  world = await LeaseWorld.open("database", "other", "quiet");
  await world.markEmpty();
});

const find = (leaseId: string) => world.write((tx) => world.leases.manager.find(tx, leaseId, "read"));
const stateOf = async (leaseId: string): Promise<string> => (await find(leaseId))?.entry.state ?? "gone";
const revoke = (leaseId: string, force = false): Promise<void> =>
  world.write((tx) => {
    const found = world.leases.manager.find(tx, leaseId, "write");
    if (found !== undefined) world.leases.manager.queue(tx, found, { force });
  });

describe("a lease", () => {
  it("is found under its path's id, and ends at its time by the log's clock, not before", async () => {
    const leaseId = await world.grant();
    expect(leaseId).toMatch(/^database\/creds\/app\/[0-9A-Za-z]{24}$/);
    world.time.advance(HOUR_MS - 1);
    await world.expire();
    expect([await stateOf(leaseId), world.outside.live.size]).toEqual(["live", 1]);
    world.time.advance(1);
    await world.expire();
    expect([await stateOf(leaseId), world.outside.live.size, await world.leaseRows()]).toEqual(["gone", 0, 0]);
    expect(world.outside.asked).toHaveLength(1);
    expect(world.store.openSnapshots).toBe(0);
  });

  it("that was renewed ends at its new time", async () => {
    const leaseId = await world.grant();
    world.time.advance(HOUR_MS - 1000);
    const expireTimeMs = world.store.logTimeMs() + HOUR_MS;
    await world.write((tx) =>
      world.leases.manager.renew(tx, leaseId, { expireTimeMs, internal: { credential: "c0", n: 2 } }),
    );
    world.time.advance(2000);
    await world.expire();
    expect((await find(leaseId))?.entry).toMatchObject({ state: "live", expireTimeMs, internal: { n: 2 } });
    world.time.advance(HOUR_MS);
    await world.expire();
    expect([await stateOf(leaseId), await world.leaseRows()]).toEqual(["gone", 0]);
  });

  it("without an effect outside goes without asking anybody", async () => {
    await world.grant({ path: "quiet/creds/app" });
    world.time.advance(HOUR_MS);
    await world.expire();
    expect([await world.leaseRows(), world.outside.asked]).toEqual([0, []]);
  });

  it("that is revoked cannot be renewed from that moment on, whatever becomes of its effect", async () => {
    const leaseId = await world.grant();
    world.outside.failing = true;
    await revoke(leaseId);
    expect(await world.write((tx) => world.leases.manager.lookup(tx, leaseId))).toBeUndefined();
    await world.expire();
    const renew = world.write((tx) => world.leases.manager.renew(tx, leaseId, { expireTimeMs: 9e12 }));
    await expect(renew).rejects.toThrow("invalid lease");
  });

  it("keeps its old id when its mount moves, and has a new one", async () => {
    const leaseId = await world.grant();
    await world.node.call("update", "sys/remount", { body: { from: "database", to: "team/db" } });
    const moved = leaseId.replace("database/", "team/db/");
    expect((await find(leaseId))?.leaseId).toBe(moved);
    expect((await find(moved))?.leaseId).toBe(moved);
    await revoke(leaseId);
    await world.expire();
    expect([await stateOf(moved), world.outside.live.size]).toEqual(["gone", 0]);
  });

  it("is not mistaken for one of another mount at its old path", async () => {
    const leaseId = await world.grant();
    await world.node.call("update", "sys/remount", { body: { from: "database", to: "team/db" } });
    await world.node.call("update", "sys/mounts/database", { body: { type: "lease-test" } });
    const second = await world.grant();
    expect((await find(second))?.leaseId).toBe(second);
    expect((await find(leaseId))?.leaseId).toBe(leaseId.replace("database/", "team/db/"));
  });
});

describe("a revocation that fails", () => {
  it("is tried again ever later, six times, and then no more unless asked", async () => {
    const leaseId = await world.grant();
    world.outside.failing = true;
    await revoke(leaseId);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 6; attempt++) {
      const asked = world.outside.asked.length;
      let waitedMs = 0;
      while (world.outside.asked.length === asked) {
        await world.expire();
        if (world.outside.asked.length > asked) break;
        world.time.advance(1000);
        waitedMs += 1000;
      }
      waits.push(waitedMs / 1000);
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160]);
    expect((await find(leaseId))?.entry).toMatchObject({
      state: "irrevocable",
      attempts: 6,
      error: "the outside world does not answer",
    });
    world.time.advance(1000 * HOUR_MS);
    await world.expire();
    expect(world.outside.asked).toHaveLength(6);
    world.outside.failing = false;
    await revoke(leaseId);
    await world.expire();
    expect([await stateOf(leaseId), world.outside.live.size, await world.leaseRows()]).toEqual(["gone", 0, 0]);
  });

  it("forgets the lease when it is forced", async () => {
    const leaseId = await world.grant();
    world.outside.failing = true;
    await revoke(leaseId, true);
    await world.expire();
    expect([await stateOf(leaseId), await world.leaseRows(), world.outside.asked.length]).toEqual(["gone", 0, 1]);
  });

  it("of an engine that hangs is given up after a while, and holds up nobody else's leases", async () => {
    const slow = await world.grant();
    const quick = await world.grant({ path: "other/creds/app" });
    let free = (): void => {};
    const hold = new Promise<void>((resolve) => {
      free = resolve;
    });
    const undo = world.outside.undo.bind(world.outside);
    world.outside.undo = async (credential) => {
      if (credential === "c0") await hold;
      return undo(credential);
    };
    world.time.advance(HOUR_MS);
    const pass = world.expire();
    await expect.poll(() => stateOf(quick)).toBe("gone");
    // It falls due while the other still hangs.
    const later = await world.grant({ path: "other/creds/app", expireTimeMs: world.store.logTimeMs() + 500 });
    for (let i = 0; i < 40; i++) {
      await turn();
      world.time.advance(1000);
    }
    await pass;
    expect(await stateOf(later)).toBe("gone");
    expect((await find(slow))?.entry).toMatchObject({
      state: "revoking",
      error: expect.stringContaining("30 seconds"),
    });
    free();
    world.time.advance(60_000);
    await world.expire();
    expect(await world.leaseRows()).toBe(0);
  });
});

describe("expiry", () => {
  it("is gone on with by another leader, whose engines are asked again for what was under way", async () => {
    const leaseId = await world.grant();
    let free = (): void => {};
    world.outside.hold = new Promise<void>((resolve) => {
      free = resolve;
    });
    world.time.advance(HOUR_MS);
    const pass = world.expire();
    await expect.poll(() => world.outside.asked.length).toBe(1);
    // Its intent was on disk before the engine was asked.
    expect(await stateOf(leaseId)).toBe("revoking");
    world.store.setLeadership({ leader: true, raftTerm: 2 });
    world.outside.hold = undefined;
    free();
    await pass;
    expect(await stateOf(leaseId)).toBe("revoking");
    world.restart();
    await world.expire();
    expect(world.outside.asked).toHaveLength(1);
    world.time.advance(60_000);
    await world.expire();
    expect([world.outside.asked.length, await world.leaseRows()]).toEqual([2, 0]);
  });

  it("does nothing on a node that does not lead, or is sealed", async () => {
    await world.grant();
    world.time.advance(HOUR_MS);
    world.store.setLeadership({ leader: false, raftTerm: 2 });
    await world.expire();
    world.store.setLeadership({ leader: true, raftTerm: 3 });
    world.node.barrier.seal();
    await world.expire();
    expect(world.outside.asked).toEqual([]);
  });

  it("never runs ahead of the log's time when the clock leaps back, and ends nothing twice when it leaps on", async () => {
    const leaseId = await world.grant();
    const other = await world.grant({ expireTimeMs: world.store.logTimeMs() + 10 * HOUR_MS });
    world.time.advance(HOUR_MS / 2);
    world.store.logTimeMs();
    world.time.jumpWall(-5 * HOUR_MS);
    await world.expire();
    expect(await stateOf(leaseId)).toBe("live");
    world.time.jumpWall(6 * HOUR_MS);
    await world.expire();
    await world.expire();
    expect([await stateOf(leaseId), await stateOf(other), world.outside.asked.length]).toEqual(["gone", "live", 1]);
  });

  it("takes up a revocation as soon as it is asked for, and comes by itself", async () => {
    world.work.start();
    const leaseId = await world.grant();
    await revoke(leaseId);
    await expect.poll(() => stateOf(leaseId)).toBe("gone");
    await world.grant();
    world.time.advance(HOUR_MS + 1000);
    await expect.poll(() => world.leaseRows()).toBe(0);
    await world.work.close();
  });

  it("works off a backlog of 50,000 leases in bounded batches, from an index alone", async () => {
    const path = "quiet/creds/app";
    for (let made = 0; made < 50_000; made += 500) {
      await world.write((tx) => {
        for (let i = 0; i < 500; i++) world.grantIn(tx, { path });
      });
    }
    const urgent = await world.grant({ path: "other/creds/app", expireTimeMs: world.store.logTimeMs() + HOUR_MS + 5 });
    world.time.advance(2 * HOUR_MS);
    let queued = 0;
    const { queueLength } = world.leases.metrics;
    const set = queueLength.set.bind(queueLength);
    queueLength.set = (value) => {
      queued = Math.max(queued, value);
      set(value);
    };
    const { commits } = world.store;
    await world.expire();
    expect([await world.leaseRows(), await stateOf(urgent)]).toEqual([0, "gone"]);
    expect(queued).toBeLessThanOrEqual(2048);
    expect(world.store.commits - commits).toBeLessThan(500);
    expect(world.metric("vault_expire_lease_expiration")).toBe(50_001);
  }, 60_000);

  it("of a mount that has thousands hides nobody else's", async () => {
    for (let made = 0; made < 2500; made += 500) {
      await world.write((tx) => {
        for (let i = 0; i < 500; i++) world.grantIn(tx);
      });
    }
    const behind = await world.grant({ path: "other/creds/app", expireTimeMs: world.store.logTimeMs() + HOUR_MS + 5 });
    world.outside.failing = true;
    world.time.advance(2 * HOUR_MS);
    await world.expire();
    expect(world.outside.asked).toHaveLength(2501);
    expect((await find(behind))?.entry.attempts).toBe(1);
    expect(world.outside.atATime).toBeLessThanOrEqual(64);
  });

  it("asks of tokens what their time says, or that they be revoked, and forgets those that are gone", async () => {
    const path = "auth/token/create";
    await world.putToken(hash(1));
    await world.putToken(hash(2));
    await world.markEmpty();
    const ids: string[] = [];
    for (const n of [1, 2, 3]) ids.push(await world.grant({ kind: "token", path, tokenHash: hash(n) }));
    expect(ids[0]).toBe(`auth/token/create/h${"01".repeat(32)}`);
    await revoke(ids[1] ?? "");
    await world.expire();
    expect(world.tokenCalls).toEqual(["revoke 0202"]);
    world.time.advance(HOUR_MS);
    await world.expire();
    expect(world.tokenCalls.sort()).toEqual(["expire 0101", "revoke 0202", "revoke 0202"]);
    expect([await stateOf(ids[2] ?? ""), await stateOf(ids[0] ?? "")]).toEqual(["gone", "live"]);
    await world.write((tx) => world.leases.manager.release(tx, ids[0] ?? ""));
    await world.write((tx) => world.leases.manager.release(tx, ids[1] ?? ""));
    expect(await world.leaseRows()).toBe(0);
  });
});

describe("the end of a token", () => {
  it("revokes its secrets' leases at once, and no other's", async () => {
    const own: string[] = [];
    for (let i = 0; i < 300; i++) {
      own.push(await world.grant({ tokenHash: hash(7), path: i % 2 === 0 ? "database/creds/a" : "quiet/creds/a" }));
    }
    const others = await world.grant({ tokenHash: hash(8) });
    let left = -1;
    world.work.register({
      name: "t",
      everyMs: 1000,
      run: async (store) => {
        await world.leases.manager.revokeOf(store, hash(7));
        left = (await Promise.all(own.map(stateOf))).filter((state) => state === "live").length;
      },
    });
    await world.work.run("t");
    await world.expire();
    expect([left, await stateOf(others), world.outside.live.size]).toEqual([0, "live", 151]);
  });

  it("leaves what fails to be tried again", async () => {
    const leaseId = await world.grant({ tokenHash: hash(7) });
    world.outside.failing = true;
    world.work.register({ name: "t", everyMs: 1000, run: (store) => world.leases.manager.revokeOf(store, hash(7)) });
    await world.work.run("t");
    await world.expire();
    expect([await stateOf(leaseId), world.outside.asked.length]).toEqual(["revoking", 1]);
    // Asked for again, as by a sweep that died, it waits its turn all the same.
    await world.work.run("t");
    await world.expire();
    expect(world.outside.asked).toHaveLength(1);
    world.outside.failing = false;
    world.time.advance(10_000);
    await world.expire();
    expect(await world.leaseRows()).toBe(0);
  });
});

describe("tasks", () => {
  const ask = (prefix: string, force = false): Promise<Uint8Array> =>
    world.write((tx) =>
      addLeaseTask(
        tx,
        world.node.barrier,
        {
          type: "revoke-prefix",
          mountUuid: world.mountAt(tx, "database/").uuid,
          prefix,
          force,
        },
        world.node.dependencies.entropy,
      ),
    );

  it("revoke what lies under a prefix, and nothing that was made later", async () => {
    const inside: string[] = [];
    for (let i = 0; i < 600; i++) inside.push(await world.grant({ path: `database/creds/app/r${i % 3}` }));
    const outside = await world.grant({ path: "database/creds/apple" });
    await ask("creds/app/");
    world.time.advance(1);
    const later = await world.grant({ path: "database/creds/app/r1" });
    await world.work.run("lease-tasks");
    await world.expire();
    const states = new Set(await Promise.all(inside.map(stateOf)));
    expect([[...states], await stateOf(outside), await stateOf(later)]).toEqual([["gone"], "live", "live"]);
  });

  it("revoke what was made before by the log, whatever clocks said, and renewed since or not", async () => {
    const ahead = { issueTimeMs: world.store.logTimeMs() + 60_000 };
    const made = [await world.grant(ahead), await world.grant(ahead)];
    await world.write((tx) => world.leases.manager.renew(tx, made[1] ?? "", { expireTimeMs: 9e12 }));
    await ask("creds/");
    await world.write((tx) => world.leases.manager.renew(tx, made[0] ?? "", { expireTimeMs: 9e12 }));
    const later = await world.grant({ issueTimeMs: 1 });
    await world.write((tx) => world.leases.manager.renew(tx, later, { expireTimeMs: 9e12 }));
    await world.work.run("lease-tasks");
    await world.expire();
    expect(await Promise.all([...made, later].map(stateOf))).toEqual(["gone", "gone", "live"]);
  });

  it("go on after a failover from where nobody has to know", async () => {
    for (let i = 0; i < 600; i++) await world.grant();
    await ask("");
    let writes = 0;
    const commit = world.store.commit.bind(world.store);
    world.store.commit = (draft, options) => {
      if (++writes === 2) world.store.setLeadership({ leader: true, raftTerm: 9 });
      return commit(draft, options);
    };
    await world.work.run("lease-tasks");
    world.restart();
    await world.work.run("lease-tasks");
    await world.expire();
    expect([await world.leaseRows(), world.outside.live.size]).toEqual([0, 0]);
  });

  it("tidy ends leases whose token is gone and takes away what names nothing", async () => {
    await world.putToken(hash(1));
    const kept = await world.grant({ tokenHash: hash(1) });
    const orphan = await world.grant({ tokenHash: hash(2) });
    const broken = await world.grant();
    await world.write((tx) => {
      const found = world.leases.manager.find(tx, broken, "write");
      if (found !== undefined) world.leases.rows.view(tx, found.ref.mountUuid).delete(found.ref.path);
    });
    await world.write((tx) => addLeaseTask(tx, world.node.barrier, { type: "tidy" }, world.node.dependencies.entropy));
    await world.work.run("lease-tasks");
    await world.expire();
    expect([await stateOf(kept), await stateOf(orphan)]).toEqual(["live", "gone"]);
    // The lease that stays has three rows, its token one.
    expect(await world.leaseRows()).toBe(4);
  });
});

describe("the count of leases", () => {
  it("is said by the leader alone", async () => {
    for (let i = 0; i < 3; i++) await world.grant();
    await world.work.run("lease-count");
    expect(world.metric("vault_expire_num_leases")).toBe(3);
    world.store.setLeadership({ leader: false, raftTerm: 2 });
    await world.work.run("lease-count");
    expect(world.metric("vault_expire_num_leases")).toBe(0);
  });
});
