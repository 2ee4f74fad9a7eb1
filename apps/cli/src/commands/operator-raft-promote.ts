import type { Command } from "../command.ts";
import { raftMemberCommand } from "../raft-member-command.ts";

export const operatorRaftPromote: Command = raftMemberCommand({
  endpoint: "promote",
  description: `Makes a learner a voter; NODE is its name or number. The cluster does so by itself for one that has caught up and stays so for a while.

  strongroom operator raft promote node-3`,
  done: (node) => `Success! ${node} is a voter.`,
});
