/** Configurations and progress as one line, as etcd writes them in its log and status. */

import type { Progress } from "./tracker/progress.ts";
import type { ProgressMap, TrackerConfig } from "./tracker/tracker.ts";

/** For example `voters=(1 2 3)&&(1 2) learners=(4) autoleave`. */
export function describeConfig(config: TrackerConfig): string {
  const { incoming, outgoing } = config.voters;
  let text = `voters=${ids(incoming)}`;
  if (outgoing.length > 0) text += `&&${ids(outgoing)}`;
  if (config.learners.length > 0) text += ` learners=${ids(config.learners)}`;
  if (config.learnersNext.length > 0) text += ` learners_next=${ids(config.learnersNext)}`;
  if (config.autoLeave) text += " autoleave";
  return text;
}

/** For example `StateReplicate match=11 next=12 inflight=2`. */
export function describeProgress(progress: Progress): string {
  let text = `${progress.state} match=${progress.match} next=${progress.next}`;
  if (progress.isLearner) text += " learner";
  if (progress.paused) text += " paused";
  if (progress.pendingSnapshot > 0) text += ` pendingSnap=${progress.pendingSnapshot}`;
  if (!progress.recentActive) text += " inactive";
  const { count, full } = progress.inflights;
  if (count > 0) text += ` inflight=${count}${full ? "[full]" : ""}`;
  return text;
}

/** A line for each member, ascending, each with its newline. */
export function describeProgressMap(map: ProgressMap): string {
  let text = "";
  for (const [id, progress] of map) text += `${id}: ${describeProgress(progress)}\n`;
  return text;
}

function ids(list: readonly number[]): string {
  return `(${list.join(" ")})`;
}
