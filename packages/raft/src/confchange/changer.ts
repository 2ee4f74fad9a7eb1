/**
 * What a change of membership makes of a configuration: pure, from one configuration and progress map to the next. A
 * change of more than one voter goes through a joint configuration, in which both majorities decide (Raft thesis §4.3).
 */

import { type Index, NO_NODE, type NodeId } from "../entry.ts";
import { ConfChangeError, fail } from "../errors.ts";
import type { Progress } from "../tracker/progress.ts";
import type { ProgressMap, Tracker, TrackerConfig } from "../tracker/tracker.ts";
import type { ConfChangeSingle } from "./conf-change.ts";

/** A configuration with the progress of exactly its members. */
export interface Changed {
  readonly config: TrackerConfig;
  readonly progress: ProgressMap;
}

/** The sets under change; turned back into ascending lists at the end. */
interface Draft {
  readonly incoming: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  autoLeave: boolean;
  readonly progress: Map<NodeId, Progress>;
}

/** New members start at `lastIndex`: a leader probes them from its log's end. */
export class Changer {
  readonly #tracker: Tracker;
  readonly #lastIndex: Index;

  constructor(tracker: Tracker, lastIndex: Index) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
  }

  /** Makes the present voters the outgoing ones and applies `changes` to the incoming. Throws `ConfChangeError`. */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): Changed {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) throw new ConfChangeError("config is already joint");
    if (draft.incoming.size === 0) throw new ConfChangeError("can't make a zero-voter config joint");
    for (const id of draft.incoming) draft.outgoing.add(id);
    this.#apply(draft, changes);
    draft.autoLeave = autoLeave;
    return finish(draft);
  }

  /** Drops the outgoing voters; those in `learnersNext` become learners now. Throws `ConfChangeError`. */
  leaveJoint(): Changed {
    const draft = this.#draft();
    if (draft.outgoing.size === 0) throw new ConfChangeError("can't leave a non-joint config");
    for (const id of draft.learnersNext) {
      draft.learners.add(id);
      progressOf(draft, id).isLearner = true;
    }
    draft.learnersNext.clear();
    for (const id of draft.outgoing) {
      if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
    }
    draft.outgoing.clear();
    draft.autoLeave = false;
    return finish(draft);
  }

  /** Applies changes of which at most one touches the voters. Throws `ConfChangeError`. */
  simple(changes: readonly ConfChangeSingle[]): Changed {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) throw new ConfChangeError("can't apply simple config change in joint config");
    const before = new Set(draft.incoming);
    this.#apply(draft, changes);
    if (symmetricDifference(before, draft.incoming) > 1) {
      throw new ConfChangeError("more than one voter changed without entering joint config");
    }
    return finish(draft);
  }

  #draft(): Draft {
    const { config, progress } = this.#tracker;
    const copies = new Map<NodeId, Progress>();
    for (const [id, one] of progress) copies.set(id, one.clone());
    return {
      incoming: new Set(config.voters.incoming),
      outgoing: new Set(config.voters.outgoing),
      learners: new Set(config.learners),
      learnersNext: new Set(config.learnersNext),
      autoLeave: config.autoLeave,
      progress: copies,
    };
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // A driver that decides not to apply a committed change passes it on with id 0.
      if (nodeId === NO_NODE) continue;
      switch (type) {
        case "ConfChangeAddNode":
          this.#makeVoter(draft, nodeId);
          break;
        case "ConfChangeAddLearnerNode":
          this.#makeLearner(draft, nodeId);
          break;
        case "ConfChangeRemoveNode":
          remove(draft, nodeId);
          break;
        case "ConfChangeUpdateNode":
          break;
      }
    }
    if (draft.incoming.size === 0) throw new ConfChangeError("removed all voters");
  }

  #makeVoter(draft: Draft, id: NodeId): void {
    const progress = draft.progress.get(id);
    if (progress === undefined) {
      draft.incoming.add(id);
      this.#start(draft, id, false);
      return;
    }
    progress.isLearner = false;
    draft.learners.delete(id);
    draft.learnersNext.delete(id);
    draft.incoming.add(id);
  }

  #makeLearner(draft: Draft, id: NodeId): void {
    const progress = draft.progress.get(id);
    if (progress === undefined) {
      draft.learners.add(id);
      this.#start(draft, id, true);
      return;
    }
    if (progress.isLearner) return;
    remove(draft, id);
    draft.progress.set(id, progress);
    // A voter of the outgoing side cannot be a learner at the same time: it becomes one when the joint config is left.
    if (draft.outgoing.has(id)) {
      draft.learnersNext.add(id);
    } else {
      progress.isLearner = true;
      draft.learners.add(id);
    }
  }

  // A new member counts as active, or the quorum check could unseat the leader before it had a chance to be heard of.
  #start(draft: Draft, id: NodeId, isLearner: boolean): void {
    const next = Math.max(this.#lastIndex, 1) as Index;
    draft.progress.set(id, this.#tracker.freshProgress({ match: 0 as Index, next, isLearner, recentActive: true }));
  }
}

function remove(draft: Draft, id: NodeId): void {
  if (!draft.progress.has(id)) return;
  draft.incoming.delete(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  if (!draft.outgoing.has(id)) draft.progress.delete(id);
}

function progressOf(draft: Draft, id: NodeId): Progress {
  return draft.progress.get(id) ?? fail(`no progress for member ${id}`);
}

function symmetricDifference(left: ReadonlySet<NodeId>, right: ReadonlySet<NodeId>): number {
  let count = 0;
  for (const id of left) if (!right.has(id)) count++;
  for (const id of right) if (!left.has(id)) count++;
  return count;
}

function finish(draft: Draft): Changed {
  check(draft);
  const progress = new Map<NodeId, Progress>();
  for (const id of ascending(draft.progress.keys())) progress.set(id, progressOf(draft, id));
  return {
    config: {
      voters: { incoming: ascending(draft.incoming), outgoing: ascending(draft.outgoing) },
      learners: ascending(draft.learners),
      learnersNext: ascending(draft.learnersNext),
      autoLeave: draft.autoLeave,
    },
    progress,
  };
}

function ascending(ids: Iterable<NodeId>): readonly NodeId[] {
  return [...ids].sort((a, b) => a - b);
}

// What must hold of every configuration; only a bug can break it.
function check(draft: Draft): void {
  const { incoming, outgoing, learners, learnersNext, progress } = draft;
  for (const set of [incoming, outgoing, learners, learnersNext]) for (const id of set) progressOf(draft, id);
  for (const id of learnersNext) {
    if (!outgoing.has(id)) fail(`${id} is in learnersNext, but not in outgoing`);
    if (progress.get(id)?.isLearner) fail(`${id} is in learnersNext, but is already marked as learner`);
  }
  for (const id of learners) {
    if (outgoing.has(id)) fail(`${id} is in learners and outgoing`);
    if (incoming.has(id)) fail(`${id} is in learners and incoming`);
    if (!progress.get(id)?.isLearner) fail(`${id} is in learners, but is not marked as learner`);
  }
  for (const id of progress.keys()) {
    if (!incoming.has(id) && !outgoing.has(id) && !learners.has(id)) fail(`${id} has progress, but is no member`);
  }
  if (outgoing.size === 0 && (learnersNext.size > 0 || draft.autoLeave))
    fail("a config that is not joint has joint fields");
}
