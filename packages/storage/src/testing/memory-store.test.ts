import { VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import type { CommandDraft } from "../command.ts";
import { UnavailableError } from "../errors.ts";
import type { Invalidation } from "../store.ts";
import { MemoryStore } from "./memory-store.ts";

const A = Uint8Array.of(0x20, 1);
const B = Uint8Array.of(0x20, 2);
const SOON = { deadlineMs: 1000 };

const put = (...keys: readonly Uint8Array[]): CommandDraft => ({
  guards: [],
  mutations: keys.map((key) => ({ kind: "put", key, term: 1, value: Uint8Array.of(7) })),
});

describe("MemoryStore", () => {
  it("packs the commits of one turn into one entry", async () => {
    const store = new MemoryStore();
    const verdicts = await Promise.all([store.commit(put(A), SOON), store.commit(put(B), SOON)]);
    verdicts.push(await store.commit(put(A), SOON));
    expect(verdicts).toEqual([
      { outcome: "applied", revision: { index: 1, position: 0 } },
      { outcome: "applied", revision: { index: 1, position: 1 } },
      { outcome: "applied", revision: { index: 2, position: 0 } },
    ]);
    expect((await store.rows()).map(({ row }) => row.revision)).toEqual([
      { index: 2, position: 0 },
      { index: 1, position: 1 },
    ]);
  });

  it("tells its listeners which keys changed, before the verdicts", async () => {
    const store = new MemoryStore();
    const events: Invalidation[] = [];
    const end = store.onInvalidation((event) => events.push(event));
    await store.commit(put(A, B), SOON);
    expect(events).toEqual([{ type: "keys", keys: [A, B], index: 1 }]);
    store.install([]);
    expect(events.at(-1)).toEqual({ type: "all", index: 2 });
    end();
    await store.commit(put(A), SOON);
    expect(events).toHaveLength(2);
  });

  it("keeps the log's time from moving back", () => {
    const time = new VirtualTime(5000);
    const store = new MemoryStore({ clock: time, timers: time });
    time.advance(10);
    expect(store.logTimeMs()).toBe(5010);
    time.jumpWall(-3000);
    expect(store.logTimeMs()).toBe(5010);
  });

  it("takes nothing after the deadline or with an aborted signal", async () => {
    const time = new VirtualTime();
    const store = new MemoryStore({ clock: time, timers: time });
    time.advance(11);
    await expect(store.commit(put(A), { deadlineMs: 10 })).rejects.toBeInstanceOf(UnavailableError);
    await expect(store.linearizableSnapshot({ deadlineMs: 10 })).rejects.toBeInstanceOf(UnavailableError);
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(store.commit(put(A), { deadlineMs: 100, signal })).rejects.toThrow("gone");
    expect(store.commits).toBe(0);
  });

  it("takes a private key or a key mutated twice for a bug", async () => {
    const store = new MemoryStore();
    await expect(store.commit(put(Uint8Array.of(0x01)), SOON)).rejects.toThrow("private");
    await expect(store.commit(put(A, A), SOON)).rejects.toThrow("only once");
  });
});
