import { KEY_KIND, type KeyRange, makeKey, prefixRange, runTransaction } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import { LeaderStore } from "./leader-store.ts";

/** Tells what was asked of it. */
class AskedStore extends MemoryStore {
  images = 0;
  openImages = 0;
  readonly asked: number[] = [];

  override localSnapshot() {
    const snapshot = super.localSnapshot();
    const iterate = (range: KeyRange) => this.#telling(snapshot.iterate(range));
    return {
      appliedIndex: snapshot.appliedIndex,
      get: (key: Uint8Array) => snapshot.get(key),
      iterate,
      retain: () => snapshot.retain(),
      release: () => snapshot.release(),
    };
  }

  override async image() {
    const image = await super.image();
    this.images++;
    this.openImages++;
    return {
      get: (key: Uint8Array) => image.get(key),
      iterator: (range: KeyRange) => this.#telling(image.iterator(range)),
      close: () => {
        this.openImages--;
        return image.close();
      },
    };
  }

  #telling<T extends { next(count: number): Promise<readonly unknown[]> }>(iterator: T): T {
    const next = iterator.next.bind(iterator);
    iterator.next = (count) => {
      this.asked.push(count);
      return next(count);
    };
    return iterator;
  }
}

describe("the count of rows", () => {
  const PREFIX = Uint8Array.of(0xfe);
  const range = prefixRange(makeKey(KEY_KIND.index, PREFIX));

  async function storeOf(rows: number): Promise<AskedStore> {
    const store = new AskedStore();
    await runTransaction(
      store,
      (tx) => {
        for (let i = 0; i < rows; i++)
          tx.put(makeKey(KEY_KIND.index, PREFIX, Uint8Array.of(i >> 8, i & 0xff)), 0, PREFIX);
        tx.put(makeKey(KEY_KIND.index, Uint8Array.of(0xff)), 0, PREFIX);
      },
      { mode: "write", deadlineMs: store.clock.monotonicMs() + 1_000 },
    );
    return store;
  }

  it("is of a range alone, and is made from an image once there are many, a few rows at a time", async () => {
    for (const [rows, images] of [
      [0, 0],
      [99, 0],
      [500, 1],
    ] as const) {
      const store = await storeOf(rows);
      expect(await new LeaderStore(store, new AbortController().signal).countLocal(range, 100)).toBe(rows);
      expect([store.images, store.openImages, store.openSnapshots]).toEqual([images, 0, 0]);
      expect(Math.max(...store.asked)).toBeLessThanOrEqual(64);
    }
  });

  it("ends with the leadership", async () => {
    const store = await storeOf(500);
    const leadership = new AbortController();
    const counting = new LeaderStore(store, leadership.signal).countLocal(range, 1_000);
    leadership.abort();
    expect(await counting).toBeLessThan(500);
  });
});
