import type { Command } from "../command.ts";
import { raftMemberCommand } from "../raft-member-command.ts";

export const operatorRaftTransferLeader: Command = raftMemberCommand({
  endpoint: "transfer-leader",
  optional: true,
  description: `Hands leadership to NODE (its name or number), or to the voter that has come furthest. Requests wait a moment and none fails. Any node
may be asked.

  strongroom operator raft transfer-leader
  strongroom operator raft transfer-leader node-2`,
  done: (node) => `Success! ${node === "" ? "Another node" : node} leads.`,
});
