import type { Command } from "../command.ts";
import { raftMemberCommand } from "../raft-member-command.ts";

export const operatorRaftDemote: Command = raftMemberCommand({
  endpoint: "demote",
  description: `Makes a voter a learner: it goes on replicating and serving, and votes no more. NODE is its name or number. Refused when the voters
that would stay have no majority online. It stays a learner until it is promoted.

  strongroom operator raft demote node-3`,
  done: (node) => `Success! ${node} is a learner.`,
});
