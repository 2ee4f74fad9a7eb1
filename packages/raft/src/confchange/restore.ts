/** Rebuilds the configuration that a snapshot or a restart brings, through the same changes that once made it. */

import type { ConfState, Index } from "../entry.ts";
import { fail } from "../errors.ts";
import { Tracker } from "../tracker/tracker.ts";
import { type Changed, Changer } from "./changer.ts";
import type { ConfChangeSingle, ConfChangeType } from "./conf-change.ts";

/** The configuration `confState`, with all members to be probed from `lastIndex`. Asserts that it comes out as it went in. */
export function restoreConfig(limits: Tracker["limits"], confState: ConfState, lastIndex: Index): Changed {
  const tracker = new Tracker(limits);
  let changed: Changed = { config: tracker.config, progress: tracker.progress };
  const run = (step: (changer: Changer) => Changed): void => {
    changed = step(new Changer(tracker, lastIndex));
    tracker.setConfig(changed.config, changed.progress);
  };
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const incoming = [
    ...asChanges("ConfChangeRemoveNode", votersOutgoing),
    ...asChanges("ConfChangeAddNode", voters),
    ...asChanges("ConfChangeAddLearnerNode", learners),
    ...asChanges("ConfChangeAddLearnerNode", learnersNext),
  ];
  if (votersOutgoing.length === 0) {
    for (const change of incoming) run((changer) => changer.simple([change]));
  } else {
    // Those who vote in `outgoing` were once all the voters; entering the joint configuration from there gives the rest.
    for (const change of asChanges("ConfChangeAddNode", votersOutgoing)) run((changer) => changer.simple([change]));
    run((changer) => changer.enterJoint(autoLeave, incoming));
  }
  if (!sameConfState(tracker.confState(), confState)) fail("a configuration state does not survive being restored");
  return changed;
}

function asChanges(type: ConfChangeType, ids: ConfState["voters"]): readonly ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}

function sameConfState(left: ConfState, right: ConfState): boolean {
  return (
    sameIds(left.voters, right.voters) &&
    sameIds(left.votersOutgoing, right.votersOutgoing) &&
    sameIds(left.learners, right.learners) &&
    sameIds(left.learnersNext, right.learnersNext) &&
    left.autoLeave === right.autoLeave
  );
}

function sameIds(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  const sorted = [...right].sort((a, b) => a - b);
  return [...left].sort((a, b) => a - b).every((id, i) => id === sorted[i]);
}
