/** To whom a leader may hand over. */
import type { NodeId, Status } from "@strongroom/raft";

/** The active voter whose log is nearest to the leader's, among those that `suits` allows; `leader` itself never. */
export function successor(status: Status, suits: (id: NodeId) => boolean): NodeId | undefined {
  let best: NodeId | undefined;
  let bestMatch = -1;
  for (const id of status.conf.voters) {
    const progress = status.progress.get(id);
    if (id === status.id || progress?.recentActive !== true || !suits(id) || progress.match <= bestMatch) continue;
    best = id;
    bestMatch = progress.match;
  }
  return best;
}
