/**
 * Leases without the request path: the real rows, worker and tasks over a store in memory, on virtual time, with one mount of the
 * engine that grants leases. Tokens are rows that are there or not.
 */
import { tokenRowKey } from "@strongroom/barrier";
import { MetricsRegistry, metricsText, silentLogger, toHex } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import { runTransaction, type Transaction } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { BackgroundWork } from "../background/background-work.ts";
import type { NewLease, TokenExpiry } from "../lease/lease-store.ts";
import { createLeases, type Leases } from "../lease/leases.ts";
import { type MountEntry, PLAIN_MOUNT } from "../mount-entry.ts";
import { Mounts } from "../mounts.ts";
import { leaseEngine, OutsideWorld } from "./lease-engine.ts";
import { TestNode } from "./test-node.ts";

export class LeaseWorld {
  readonly time: VirtualTime = new VirtualTime();
  readonly store: MemoryStore = new MemoryStore({ clock: this.time, timers: this.time });
  readonly outside: OutsideWorld = new OutsideWorld();
  readonly node: TestNode = new TestNode([leaseEngine(this.outside)], { store: this.store, background: false });
  readonly metrics: MetricsRegistry = new MetricsRegistry();
  readonly mounts: Mounts = new Mounts(this.node.barrier, [leaseEngine(this.outside)]);
  /** What the expiry asked of the tokens, by the first bytes of their hashes. */
  readonly tokenCalls: string[] = [];
  /** What was worked off, by mount. */
  readonly worked: string[] = [];
  leases!: Leases;
  work!: BackgroundWork;
  #made = 0;

  /** With mounts of the engine at these paths; those that begin with `quiet` leave nothing to undo. */
  static async open(...paths: readonly string[]): Promise<LeaseWorld> {
    const world = new LeaseWorld();
    await world.node.initialize();
    world.store.onInvalidation((event) => world.mounts.onInvalidation(event));
    for (const path of paths) {
      const options = path.startsWith("quiet") ? { effect: "none" } : {};
      await world.node.call("update", `sys/mounts/${path}`, { body: { type: "lease-test", options } });
    }
    world.restart();
    return world;
  }

  /** As a new leader begins: with nothing but the store. */
  restart(): void {
    const { node, store, mounts, metrics, time } = this;
    const note = (word: string) => async (_store: unknown, hash: Uint8Array) => {
      this.tokenCalls.push(`${word} ${toHex(hash.subarray(0, 2))}`);
    };
    const tokens: TokenExpiry = { expire: note("expire"), revoke: note("revoke") };
    this.leases = createLeases({
      store,
      barrier: node.barrier,
      mounts,
      entropy: node.dependencies.entropy,
      clock: time,
      timers: time,
      logger: silentLogger,
      metrics,
      tokens,
      context: (tx, mount, wait) => ({
        storage: mounts.storage(tx, mount),
        nowMs: store.logTimeMs(),
        mount: mount.info,
        entropy: node.dependencies.entropy,
        kdf: { hash: unused, verify: unused },
        ...wait,
      }),
      onWorked: (mountUuid) => this.worked.push(mountUuid),
    });
    this.work = new BackgroundWork({ store, barrier: node.barrier, logger: silentLogger, metrics });
    for (const task of this.leases.background) this.work.register(task);
  }

  async write<T>(body: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const options = { mode: "write", deadlineMs: Number.POSITIVE_INFINITY } as const;
    return (await runTransaction(this.store, body, options)).result;
  }

  /** A secret's lease, with its credential outside; by default of an hour, at `database/creds/app`. */
  async grant(lease: Partial<NewLease> = {}): Promise<string> {
    return this.write((tx) => this.grantIn(tx, lease));
  }

  grantIn(tx: Transaction, lease: Partial<NewLease> = {}): string {
    const nowMs = this.store.logTimeMs();
    const path = lease.path ?? "database/creds/app";
    const credential = `c${this.#made++}`;
    this.outside.live.add(credential);
    return this.leases.manager.register(tx, {
      kind: "secret",
      path,
      mountUuid: this.mountAt(tx, path).uuid,
      tokenHash: undefined,
      issueTimeMs: nowMs,
      expireTimeMs: nowMs + 3_600_000,
      renewable: true,
      internal: { credential },
      ...lease,
    });
  }

  /** Puts a row where a token's would be. */
  async putToken(hash: Uint8Array): Promise<void> {
    await this.write((tx) => tx.put(tokenRowKey(hash), 0, hash));
  }

  mountAt(tx: Transaction, path: string): MountEntry {
    const { state, token } = this.mounts.table(tx, "read");
    const entry = [...state.mounts, token.entry].find((mount) => path.startsWith(mount.path));
    return entry ?? { ...PLAIN_MOUNT, path: "", type: "", uuid: "", accessor: "" };
  }

  /** Looks for due leases until there are none. */
  expire(): Promise<void> {
    return this.work.run("lease-expiry");
  }

  metric(name: string): number {
    const line = metricsText([this.metrics.snapshot()])
      .split("\n")
      .find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  /** Rows of leases and of their indexes. */
  async leaseRows(): Promise<number> {
    const { rows } = this;
    return (await this.store.rows()).length - rows;
  }

  /** What there is without any lease; set once the mounts are made. */
  rows = 0;

  async markEmpty(): Promise<void> {
    this.rows = (await this.store.rows()).length;
  }
}

const unused = (): never => {
  throw new Error("no lease of a test hashes passwords");
};
