import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toIndex, toNodeId } from "./entry.ts";
import { ReadOnly } from "./read-only.ts";

const SELF = toNodeId(1);
const VOTERS = { incoming: [1, 2, 3, 4, 5].map(toNodeId), outgoing: [] };

describe("ReadOnly", () => {
  it("confirms a read only by answers to heartbeats that were sent after it arrived", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const) }),
      fc.record({ kind: fc.constant("send" as const) }),
      // Any heartbeat ever sent may be answered by anybody, at any time, any number of times.
      fc.record({ kind: fc.constant("answer" as const), from: fc.integer({ min: 2, max: 5 }), which: fc.nat(50) }),
      fc.record({ kind: fc.constant("reset" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const reads = new ReadOnly(SELF);
        const heartbeats: { position: number; pending: ReadonlySet<number> }[] = [];
        const pending = new Set<number>();
        const confirmedBy = new Map<number, Set<number>>();
        let context = 0;
        for (const one of steps) {
          if (one.kind === "add") {
            reads.add({ from: SELF, context: ++context, index: toIndex(context) });
            pending.add(context);
            confirmedBy.set(context, new Set([SELF]));
          } else if (one.kind === "send") {
            heartbeats.push({ position: reads.heartbeatPosition, pending: new Set(pending) });
          } else if (one.kind === "reset") {
            reads.reset();
            pending.clear();
            // A new term: answers of the old one are dropped before they come here.
            heartbeats.length = 0;
          } else if (heartbeats.length > 0) {
            const heartbeat = heartbeats[one.which % heartbeats.length] as (typeof heartbeats)[number];
            reads.acknowledge(toNodeId(one.from), heartbeat.position);
            for (const read of heartbeat.pending) confirmedBy.get(read)?.add(one.from);
            const taken = reads.takeConfirmed(VOTERS).map((read) => read.context);
            const expected = [...pending].filter((read) => (confirmedBy.get(read)?.size ?? 0) >= 3);
            expect(taken).toEqual(expected);
            for (const read of taken) pending.delete(read);
          }
        }
      }),
    );
  });
});
