import { toIndex, toNodeId } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import type { ReplicaToWorker } from "../port/messages.ts";
import type { ApplyResult } from "../state/types.ts";
import type { Effect } from "./effects.ts";
import { BUSY_TICKS } from "./peer-outbox.ts";
import { WorkerBook } from "./worker-book.ts";

const SELF = toNodeId(1);
const read = { type: "read", id: 1 } as const;
const answer: ReplicaToWorker = { type: "read-index", id: 1, index: 9 };

function result(index: number, parts: Partial<ApplyResult> = {}): ApplyResult {
  return {
    consumed: 1,
    writes: [],
    verdicts: [],
    changedKeys: [],
    membership: [],
    keyringChanged: false,
    milestones: [],
    appliedIndex: toIndex(index),
    checkpointIndex: toIndex(0),
    logTimeMs: 0,
    ...parts,
  };
}

function verdictFor(node: number): Partial<ApplyResult> {
  const revision = { index: 9, position: 0 };
  const verdict = { outcome: "applied", revision } as const;
  return { verdicts: [{ proposer: { node, incarnation: 1 }, sequence: 1, verdict, index: toIndex(9) }] };
}

function applied(index: number): ReplicaToWorker {
  return { type: "applied", index, logTimeMs: 0, keys: new Uint8Array(0) };
}

/** What each worker is posted: of worker 1, then of worker 2. */
function posted(book: WorkerBook): readonly (readonly ReplicaToWorker[])[] {
  const effects: Effect[] = [];
  book.drain(effects);
  const posts = effects.flatMap((effect) => (effect.type === "post" ? [effect] : []));
  return [1, 2].map((worker) => posts.find((post) => post.worker === worker)?.messages ?? []);
}

/** Two workers, of which the second is idle. */
function started(): WorkerBook {
  const book = new WorkerBook(SELF);
  for (const worker of [1, 2]) book.add(worker, worker, []);
  book.heard(1, [read]);
  return book;
}

describe("a change of others' making", () => {
  it("is told at once to a worker that asked for something lately, to another with the next tick, in order", () => {
    const book = started();
    book.applied(result(1, verdictFor(2)), 0);
    book.applied(result(2), 0);
    expect(posted(book)).toEqual([[applied(1), applied(2)], []]);
    book.tick();
    expect(posted(book)).toEqual([[], [applied(1), applied(2)]]);
  });

  it("is told before whatever else is told", () => {
    const book = started();
    book.applied(result(1), 0);
    book.post(2, answer);
    expect(posted(book)[1]).toEqual([applied(1), answer]);
  });

  it("is told as soon as the worker asks, and the next ones at once for a while", () => {
    const book = started();
    book.applied(result(1), 0);
    book.heard(2, [read]);
    expect(posted(book)[1]).toEqual([applied(1)]);
    for (let tick = 1; tick < BUSY_TICKS; tick++) book.tick();
    book.applied(result(2), 0);
    expect(posted(book)[1]).toEqual([applied(2)]);
    book.tick();
    book.applied(result(3), 0);
    expect(posted(book)[1]).toEqual([]);
  });

  it("is no matter of a worker that has gone", () => {
    const book = started();
    book.remove(2);
    expect(book.heard(2, [read])).toBe(false);
    book.applied(result(1), 0);
    book.tick();
    expect(posted(book)).toEqual([[applied(1)], []]);
  });
});

describe("a change that somebody waits for", () => {
  it("is told to every worker at once: a commit of this node, keys, members", () => {
    const membership = { index: toIndex(1), change: undefined as never, confState: undefined as never, accepted: true };
    for (const parts of [verdictFor(SELF), { keyringChanged: true }, { membership: [membership] }]) {
      const book = started();
      book.applied(result(1), 0);
      book.applied(result(2, parts), 0);
      expect(posted(book)).toEqual([
        [applied(1), applied(2)],
        [applied(1), applied(2)],
      ]);
    }
  });
});
