import type { Command } from "../command.ts";
import { raftMemberCommand } from "../raft-member-command.ts";

export const operatorRaftDemote: Command = raftMemberCommand({
  endpoint: "demote",
  description: `Makes a voter a learner: it goes on replicating and serving, and votes no more. NODE is its name or number. Refused when the voters
that would stay have no majority online. One that has caught up becomes a voter again by itself.

  strongroom operator raft demote node-3`,
  done: (node) => `Success! ${node} is a learner.`,
});
