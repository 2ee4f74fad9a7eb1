import { StrongroomError } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CommandRejectedError,
  LeadershipLostError,
  NotCommittedError,
  OutcomeUnknownError,
  TooLargeError,
  UnavailableError,
} from "./errors.ts";
import { EPOCH_KEY } from "./keys.ts";
import { LIMITS } from "./limits.ts";
import { runTransaction } from "./run-transaction.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import type { Transaction } from "./transaction.ts";

const A = Uint8Array.of(0x20, 1);
const B = Uint8Array.of(0x20, 2);
const one = Uint8Array.of(0, 0, 0, 1);

/** An answer that says something of the state, as a 404 or a failed cas does. */
class NotThereError extends StrongroomError {
  readonly code = "not_there";
  readonly fromState = true;
}

const time = new VirtualTime();
let store: MemoryStore;

beforeEach(() => {
  store = new MemoryStore({ clock: time, timers: time });
});

afterEach(() => {
  store.catchUp();
  expect(store.openSnapshots).toBe(0);
});

const number = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

function increment(transaction: Transaction, key: Uint8Array): number {
  const next = number(transaction.get(key)?.value) + 1;
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, next);
  transaction.put(key, 0, value);
  return next;
}

const deadlineMs = (): number => time.monotonicMs() + 1000;
const write = <T>(body: (transaction: Transaction) => Promise<T> | T) =>
  runTransaction(store, body, { mode: "write", deadlineMs: deadlineMs() });
const read = <T>(body: (transaction: Transaction) => Promise<T> | T) =>
  runTransaction(store, body, { mode: "read", deadlineMs: deadlineMs() });
const put = (key: Uint8Array) => write((transaction) => transaction.put(key, 0, one));

describe("runTransaction, reading", () => {
  it("reads a linearizable state, also on a node that lags behind", async () => {
    store.lagBehind();
    await put(A);
    expect(await read((transaction) => transaction.get(A)?.value)).toEqual({ result: one });
  });

  it("takes a write for a bug", async () => {
    await expect(read((transaction) => transaction.put(A, 0, one))).rejects.toThrow("mode write");
  });

  it("throws what the body throws", async () => {
    await expect(
      read(() => {
        throw new NotThereError("nothing here");
      }),
    ).rejects.toBeInstanceOf(NotThereError);
  });

  it("releases the snapshot although the body left an iterator open", async () => {
    await read((transaction) => void transaction.iterate({ gte: A, lt: B }));
  });
});

describe("runTransaction, writing", () => {
  it("commits once what the body wrote, and tells the revision", async () => {
    expect(await write((transaction) => increment(transaction, A))).toEqual({
      result: 1,
      revision: { index: 1, position: 0 },
    });
    expect(store.commits).toBe(1);
  });

  it("needs no ReadIndex when it commits", async () => {
    let linearizable = 0;
    const original = store.linearizableSnapshot.bind(store);
    store.linearizableSnapshot = (options) => {
      linearizable++;
      return original(options);
    };
    await write((transaction) => increment(transaction, A));
    expect(linearizable).toBe(0);
  });

  it("runs again on a newer state after a conflict, even if the local one does not show it yet", async () => {
    store.lagBehind();
    await put(A);
    let runs = 0;
    const { result } = await write((transaction) => {
      runs++;
      return increment(transaction, A);
    });
    expect([runs, result]).toEqual([2, 2]);
  });

  it("begins on a fresh state where it is asked to, so that what it does not guard is not old either", async () => {
    store.lagBehind();
    await put(A);
    const body = (transaction: Transaction): boolean => {
      transaction.put(B, 0, one);
      return transaction.peek(A) !== undefined;
    };
    expect((await write(body)).result).toBe(false);
    const options = { mode: "write", fresh: true, deadlineMs: deadlineMs() } as const;
    expect((await runTransaction(store, body, options)).result).toBe(true);
  });

  it("does not answer from a state that may be old: no write", async () => {
    store.lagBehind();
    await put(A);
    const seen: boolean[] = [];
    const { result } = await write((transaction) => {
      seen.push(transaction.get(A) !== undefined);
      return seen.at(-1);
    });
    expect([result, seen]).toEqual([true, [false, true]]);
  });

  it("does not answer from a state that may be old: a refusal", async () => {
    store.lagBehind();
    await put(A);
    const { result } = await write((transaction) => {
      transaction.put(B, 0, one);
      if (transaction.get(A) === undefined) throw new NotThereError("nothing here");
      return "found";
    });
    expect(result).toBe("found");
  });

  it("answers at once what a state as new as the ReadIndex said", async () => {
    await put(A);
    let runs = 0;
    const failing = write((transaction) => {
      runs++;
      transaction.put(B, 0, one);
      throw new NotThereError("nothing here");
    });
    await expect(failing).rejects.toBeInstanceOf(NotThereError);
    expect(runs).toBe(1);
    expect(store.commits).toBe(1);
  });

  it("throws at once what says nothing of the state", async () => {
    store.lagBehind();
    await put(A);
    let runs = 0;
    const failing = write(async () => {
      runs++;
      throw new RangeError("a bad request");
    });
    await expect(failing).rejects.toBeInstanceOf(RangeError);
    expect(runs).toBe(1);
  });

  it("runs again after a change of the epoch, without waiting in line", async () => {
    let runs = 0;
    const { result } = await write(async (transaction) => {
      transaction.guardEpoch();
      if (runs++ === 0) await put(EPOCH_KEY);
      return increment(transaction, A);
    });
    expect([runs, result]).toEqual([2, 1]);
  });

  it("gives up work that is bound to a Raft term that is over", async () => {
    const failing = write((transaction) => {
      transaction.guardRaftTerm(1);
      store.setLeadership({ leader: false, raftTerm: 2 });
      transaction.put(A, 0, one);
    });
    await expect(failing).rejects.toBeInstanceOf(LeadershipLostError);
    expect(await store.rows()).toEqual([]);
  });

  it("ends its reruns at the deadline", async () => {
    const failing = write(async (transaction) => {
      transaction.get(A);
      await put(A);
      time.advance(500);
      transaction.put(B, 0, one);
    });
    await expect(failing).rejects.toBeInstanceOf(NotCommittedError);
    expect((await store.rows()).map(({ key }) => key)).toEqual([A]);
  });

  it("passes on how a commit failed, and never tries again by itself", async () => {
    for (const [failure, expected] of [
      ["not-committed", NotCommittedError],
      ["unknown-lost", OutcomeUnknownError],
      ["unknown-applied", OutcomeUnknownError],
      ["unavailable", UnavailableError],
    ] as const) {
      store.failCommits(failure);
      await expect(write((transaction) => increment(transaction, A))).rejects.toBeInstanceOf(expected);
    }
    expect(store.commits).toBe(1);
  });

  it("names a command that the cluster refused", async () => {
    store.commit = () => Promise.resolve({ outcome: "rejected", reason: "an unknown proposer" });
    await expect(put(A)).rejects.toThrow(CommandRejectedError);
    await expect(put(A)).rejects.toThrow("an unknown proposer");
  });

  it("proposes nothing that is too large", async () => {
    const failing = write((transaction) => {
      for (let i = 0; i <= LIMITS.mutations; i++) transaction.delete(Uint8Array.of(0x20, i >> 8, i & 0xff));
    });
    await expect(failing).rejects.toBeInstanceOf(TooLargeError);
  });

  it("stops when its signal is aborted, before it runs and before it runs again", async () => {
    const controller = new AbortController();
    const options = { mode: "write", deadlineMs: deadlineMs(), signal: controller.signal } as const;
    let runs = 0;
    const failing = runTransaction(
      store,
      async (transaction) => {
        runs++;
        transaction.get(A);
        await put(A);
        controller.abort(new Error("the client went away"));
        transaction.put(B, 0, one);
      },
      options,
    );
    await expect(failing).rejects.toThrow("went away");
    await expect(runTransaction(store, () => runs++, options)).rejects.toThrow("went away");
    expect(runs).toBe(1);
  });
});

describe("transactions that race", () => {
  it("lose no increment, and let each that lost once go in turn", async () => {
    let runs = 0;
    const results = await Promise.all(
      Array.from({ length: 50 }, () =>
        write((transaction) => {
          runs++;
          return increment(transaction, A);
        }),
      ),
    );
    expect(results.map(({ result }) => result).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    // The first wins; each of the others loses once, and then has the row to itself.
    expect(runs).toBe(50 + 49);
  });

  it("do not wait for each other in a circle", async () => {
    const both = (first: Uint8Array, second: Uint8Array) =>
      write((transaction) => increment(transaction, first) + increment(transaction, second));
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? both(A, B) : both(B, A))));
    expect(await read((transaction) => [A, B].map((key) => number(transaction.get(key)?.value)))).toEqual({
      result: [20, 20],
    });
  });

  it("are as if each ran alone, in the order of their revisions", async () => {
    const account = fc.integer({ min: 1, max: 4 });
    const transfer = fc.record({ from: account, to: account, yields: fc.nat(3), lag: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(transfer, { maxLength: 12 }), async (transfers) => {
        const bank = new MemoryStore({ clock: time, timers: time });
        const done = await Promise.all(
          transfers.map(async ({ from, to, yields, lag }) => {
            if (lag) bank.lagBehind();
            const { result, revision } = await runTransaction(
              bank,
              async (transaction) => {
                const balances = [from, to].map((name) => number(transaction.get(Uint8Array.of(0x20, name))?.value));
                for (let i = 0; i < yields; i++) await Promise.resolve();
                increment(transaction, Uint8Array.of(0x20, from));
                increment(transaction, Uint8Array.of(0x20, to));
                return balances;
              },
              { mode: "write", deadlineMs: deadlineMs() },
            );
            return { from, to, result, revision };
          }),
        );
        const order = done.toSorted(
          (a, b) =>
            (a.revision?.index ?? 0) - (b.revision?.index ?? 0) ||
            (a.revision?.position ?? 0) - (b.revision?.position ?? 0),
        );
        const model = new Map<number, number>();
        for (const { from, to, result } of order) {
          expect(result).toEqual([model.get(from) ?? 0, model.get(to) ?? 0]);
          for (const name of [from, to]) model.set(name, (model.get(name) ?? 0) + 1);
        }
        bank.catchUp();
        expect(bank.openSnapshots).toBe(0);
      }),
    );
  });
});
