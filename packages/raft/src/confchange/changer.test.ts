import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeConfig } from "../describe-config.ts";
import { type ConfState, toIndex, toNodeId } from "../entry.ts";
import { ConfChangeError } from "../errors.ts";
import { majorityVoteResult } from "../quorum/majority.ts";
import { Tracker } from "../tracker/tracker.ts";
import { type Changed, Changer } from "./changer.ts";
import { decodeConfChange, decodeConfChangeV2, encodeConfChange, encodeConfChangeV2 } from "./codec.ts";
import type { ConfChangeSingle, ConfChangeType } from "./conf-change.ts";
import { restoreConfig } from "./restore.ts";

const LIMITS = { messages: 10, bytes: Number.POSITIVE_INFINITY };
const TYPES: readonly ConfChangeType[] = [
  "ConfChangeAddNode",
  "ConfChangeAddLearnerNode",
  "ConfChangeRemoveNode",
  "ConfChangeUpdateNode",
];
const change: fc.Arbitrary<ConfChangeSingle> = fc.record({
  type: fc.constantFrom(...TYPES),
  nodeId: fc.integer({ min: 1, max: 6 }).map(toNodeId),
});
const changes = fc.array(change, { minLength: 1, maxLength: 8 });
// One voter that no change touches, so that the voters never run out.
const FIRST: ConfChangeSingle = { type: "ConfChangeAddNode", nodeId: toNodeId(9) };

function start(setup: readonly ConfChangeSingle[]): Tracker {
  const tracker = new Tracker(LIMITS);
  for (const one of [FIRST, ...setup]) adopt(tracker, changerOf(tracker).simple([one]));
  return tracker;
}

function changerOf(tracker: Tracker): Changer {
  return new Changer(tracker, toIndex(10));
}

function adopt(tracker: Tracker, changed: Changed): void {
  tracker.setConfig(changed.config, changed.progress);
}

describe("a joint change", () => {
  it("leads to where the same changes one at a time lead", () => {
    fc.assert(
      fc.property(changes, changes, (setup, list) => {
        const oneByOne = start(setup);
        for (const one of list) adopt(oneByOne, changerOf(oneByOne).simple([one]));
        const joint = start(setup);
        adopt(joint, changerOf(joint).enterJoint(false, list));
        adopt(joint, changerOf(joint).leaveJoint());
        expect(joint.confState()).toEqual(oneByOne.confState());
        expect([...joint.progress.keys()]).toEqual([...oneByOne.progress.keys()]);
        for (const [id, progress] of joint.progress)
          expect(progress.isLearner).toBe(oneByOne.progress.get(id)?.isLearner);
      }),
    );
  });

  it("shares a voter of each quorum with the quorums before and after it", () => {
    fc.assert(
      fc.property(changes, changes, fc.uniqueArray(fc.integer({ min: 1, max: 9 })), (setup, list, yes) => {
        const tracker = start(setup);
        const before = tracker.config.voters.incoming;
        adopt(tracker, changerOf(tracker).enterJoint(false, list));
        const { incoming, outgoing } = tracker.config.voters;
        expect(outgoing).toEqual(before);
        // Who wins the joint configuration has a quorum of either side, so nobody else can have one of the old or the new.
        const won = (ids: readonly number[], by: (id: number) => boolean): boolean =>
          majorityVoteResult(ids.map(toNodeId), (id) => by(id)) === "VoteWon";
        const mine = (id: number): boolean => yes.includes(id);
        const theirs = (id: number): boolean => !yes.includes(id);
        if (won(incoming, mine) && won(outgoing, mine)) {
          expect(won(incoming, theirs)).toBe(false);
          expect(won(outgoing, theirs)).toBe(false);
        }
      }),
    );
  });

  it("changes nothing where it is refused", () => {
    const tracker = start([]);
    const before = describeConfig(tracker.config);
    const remove: ConfChangeSingle = { type: "ConfChangeRemoveNode", nodeId: toNodeId(9) };
    expect(() => changerOf(tracker).enterJoint(true, [remove])).toThrow(ConfChangeError);
    expect(() => changerOf(tracker).leaveJoint()).toThrow("can't leave a non-joint config");
    expect(describeConfig(tracker.config)).toBe(before);
    expect([...tracker.progress.keys()]).toEqual([9]);
  });
});

describe("a simple change", () => {
  it("touches one voter at most", () => {
    const add = (id: number): ConfChangeSingle => ({ type: "ConfChangeAddNode", nodeId: toNodeId(id) });
    const remove = (id: number): ConfChangeSingle => ({ type: "ConfChangeRemoveNode", nodeId: toNodeId(id) });
    const tracker = start([add(1)]);
    for (const list of [
      [add(2), add(3)],
      [add(2), remove(1)],
    ])
      expect(() => changerOf(tracker).simple(list)).toThrow("more than one voter");
    // Learners are nobody's quorum.
    const learner: ConfChangeSingle = { type: "ConfChangeAddLearnerNode", nodeId: toNodeId(4) };
    expect(changerOf(tracker).simple([add(2), learner]).config.learners).toEqual([4]);
  });
});

describe("restoreConfig", () => {
  it("gives back every configuration that changes can make", () => {
    fc.assert(
      fc.property(changes, fc.option(changes), fc.boolean(), (setup, list, autoLeave) => {
        const tracker = start(setup);
        if (list !== null) adopt(tracker, changerOf(tracker).enterJoint(autoLeave, list));
        const confState: ConfState = tracker.confState();
        const restored = new Tracker(LIMITS);
        adopt(restored, restoreConfig(LIMITS, confState, toIndex(7)));
        expect(restored.confState()).toEqual(confState);
        expect([...restored.progress.keys()]).toEqual([...tracker.progress.keys()]);
      }),
    );
  });
});

describe("the codec of membership changes", () => {
  const context = fc.uint8Array({ maxLength: 20 });

  it("reads what it wrote", () => {
    const transition = fc.constantFrom(
      "ConfChangeTransitionAuto" as const,
      "ConfChangeTransitionJointImplicit" as const,
      "ConfChangeTransitionJointExplicit" as const,
    );
    const wide = fc.record({ type: fc.constantFrom(...TYPES), nodeId: fc.maxSafeNat().map(toNodeId) });
    fc.assert(
      fc.property(transition, fc.array(wide), context, (kind, list, bytes) => {
        const v2 = { transition: kind, changes: list, context: bytes };
        expect(decodeConfChangeV2(encodeConfChangeV2(v2))).toEqual(v2);
      }),
    );
    fc.assert(
      fc.property(wide, context, (single, bytes) => {
        const v1 = { ...single, context: bytes };
        expect(decodeConfChange(encodeConfChange(v1))).toEqual(v1);
      }),
    );
  });

  it("takes arbitrary bytes or refuses them with a ConfChangeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const decode of [decodeConfChange, decodeConfChangeV2]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfChangeError);
          }
        }
      }),
    );
  });
});
