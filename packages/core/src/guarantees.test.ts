/** Promises of docs/guarantees.md that are the core's, on a node whose state and caches are behind together. */
import type { Clock, Timers } from "@strongroom/runtime";
import { kvFactory } from "@strongroom/secrets";
import type {
  CommandDraft,
  Invalidation,
  ReplicatedStore,
  SnapshotReader,
  TableImage,
  Verdict,
  WaitOptions,
} from "@strongroom/storage";
import type { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import { bodyOf, TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";

/**
 * Another node's view of a store. While it is behind it shows an old state and has told nobody of newer keys, as a worker does
 * whose node has not applied them yet; it catches up when it has to give a linearizable state or the verdict of its own commit.
 */
class OtherNodeStore implements ReplicatedStore {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly #store: MemoryStore;
  readonly #listeners = new Set<(event: Invalidation) => void>();
  #untold: Invalidation[] = [];
  #old: SnapshotReader | undefined;

  constructor(store: MemoryStore) {
    this.#store = store;
    this.clock = store.clock;
    this.timers = store.timers;
    store.onInvalidation((event) => {
      if (this.#old === undefined) this.#tell(event);
      else this.#untold.push(event);
    });
  }

  fallBehind(): void {
    this.#old = this.#store.localSnapshot();
  }

  localSnapshot(): SnapshotReader {
    if (this.#old === undefined) return this.#store.localSnapshot();
    this.#old.retain();
    return this.#old;
  }

  async linearizableSnapshot(options: WaitOptions): Promise<SnapshotReader> {
    this.#catchUp();
    return this.#store.linearizableSnapshot(options);
  }

  image(): Promise<TableImage> {
    return this.#store.image();
  }

  async commit(draft: CommandDraft, options: WaitOptions): Promise<Verdict> {
    const verdict = await this.#store.commit(draft, options);
    this.#catchUp();
    return verdict;
  }

  logTimeMs(): number {
    return this.#store.logTimeMs();
  }

  isLeaderNode(): boolean {
    return false;
  }

  raftTerm(): number {
    return this.#store.raftTerm();
  }

  onInvalidation(listener: (event: Invalidation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #catchUp(): void {
    this.#old?.release();
    this.#old = undefined;
    for (const event of this.#untold.splice(0)) this.#tell(event);
  }

  #tell(event: Invalidation): void {
    for (const listener of this.#listeners) listener(event);
  }
}

interface TwoNodes {
  readonly node: TestNode;
  readonly other: TestNode;
  readonly behind: OtherNodeStore;
  readonly token: string;
}

/** Two nodes of one cluster, with a mount and a token that the second has in its caches. */
async function twoNodes(): Promise<TwoNodes> {
  const node = new TestNode([kvFactory]);
  await node.initialize();
  await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
  const behind = new OtherNodeStore(node.store);
  const other = new TestNode([kvFactory], { seed: 2, store: behind as unknown as MemoryStore });
  other.unsealKeys = node.unsealKeys;
  await other.unseal();
  const token = node.rootToken;
  await other.call("update", "secret/data/a", { token, body: { data: { n: 1 } } });
  await other.call("read", "secret/data/a", { token });
  return { node, other, behind, token };
}

describe("a node that is behind", () => {
  it("writes nothing into a mount that is gone, though its caches have it", async () => {
    const { node, other, behind, token } = await twoNodes();
    behind.fallBehind();
    await node.call("delete", "sys/mounts/secret");
    const body = { data: { late: true } };
    expect(await wireCode(other.call("update", "secret/data/new", { token, body }))).toMatch(/^unsupported_path/);
  });

  it("reads nothing from a mount that is gone, though its caches have it", async () => {
    const { node, other, behind, token } = await twoNodes();
    behind.fallBehind();
    await node.call("delete", "sys/mounts/secret");
    expect(await wireCode(other.call("read", "secret/data/a", { token }))).toMatch(/^unsupported_path/);
  });

  it("reads what is newest, and does not take an old version for a match", async () => {
    const { node, other, behind, token } = await twoNodes();
    behind.fallBehind();
    await node.call("update", "secret/data/a", { body: { data: { n: 2 } } });
    expect(bodyOf(await other.call("read", "secret/data/a", { token }))).toMatchObject({ data: { n: 2 } });
    behind.fallBehind();
    await node.call("update", "secret/data/a", { body: { data: { n: 3 } } });
    const stale = { data: { n: 9 }, options: { cas: 2 } };
    expect(await wireCode(other.call("update", "secret/data/a", { token, body: stale }))).toMatch(/check-and-set/);
    const fresh = { data: { n: 9 }, options: { cas: 3 } };
    behind.fallBehind();
    expect(await wireCode(other.call("update", "secret/data/a", { token, body: fresh }))).toBe("ok");
  });

  it("decides a cas after an acknowledged write elsewhere by that write", async () => {
    const { node, other, behind, token } = await twoNodes();
    const put = (n: number, cas: number): Promise<string> =>
      wireCode(other.call("update", "secret/data/a", { token, body: { data: { n }, options: { cas } } }));
    behind.fallBehind();
    await node.call("update", "secret/data/a", { body: { data: { n: 2 } } });
    // What the lagging node holds says 1, which was right before the write.
    expect(await put(3, 1)).toMatch(/^check_and_set_mismatch/);
    behind.fallBehind();
    await node.call("update", "secret/data/a", { body: { data: { n: 3 } } });
    expect(await put(4, 3)).toBe("ok");
    behind.fallBehind();
    await node.call("delete", "secret/metadata/a");
    expect(await put(1, 4)).toMatch(/^check_and_set_mismatch/);
    expect(await put(1, 0)).toBe("ok");
  });

  it("a read that races ten writes and the pruning of its version shows a whole version, none older than the request", async () => {
    const { node, other, behind, token } = await twoNodes();
    await node.call("update", "secret/metadata/a", { body: { max_versions: 3 } });
    const read = async (): Promise<{ readonly n: number; readonly version: number }> => {
      const { data, metadata } = bodyOf(await other.call("read", "secret/data/a", { token })) as {
        readonly data: { readonly n: number };
        readonly metadata: { readonly version: number };
      };
      return { n: data.n, version: metadata.version };
    };
    const write = (n: number) => node.call("update", "secret/data/a", { body: { data: { n } } });
    expect(await read()).toEqual({ n: 1, version: 1 });
    behind.fallBehind();
    for (let n = 2; n <= 11; n++) await write(n);
    expect(await read()).toEqual({ n: 11, version: 11 });
    for (let round = 0; round < 10; round++) {
      const acknowledged = 11 + 10 * round;
      behind.fallBehind();
      const reads = [read(), read()];
      for (let n = acknowledged + 1; n <= acknowledged + 10; n++) {
        await write(n);
        reads.push(read());
        if (n % 3 === 0) behind.fallBehind();
      }
      for (const [i, { n, version }] of (await Promise.all(reads)).entries()) {
        expect(n).toBe(version);
        // The i-th read after the first two came when so many writes were acknowledged.
        expect(version).toBeGreaterThanOrEqual(acknowledged + Math.max(0, i - 1));
      }
    }
  });
});
