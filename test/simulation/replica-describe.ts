/** What replicas say to each other, in a line. */
import type { PeerMessage } from "@strongroom/cluster";
import { describeMessage, type Message, type NodeId } from "@strongroom/raft";

export function describePeerMessage(from: NodeId, to: NodeId, message: PeerMessage): string {
  if (isRaftMessage(message))
    return describeMessage(message, (data) => `(${data.length} bytes)`).replaceAll(/\s*\n\s*/g, " ");
  return `${from}->${to} ${message.type} ${fieldsOf(message)}`;
}

function isRaftMessage(message: PeerMessage): message is Message {
  return message.type.startsWith("Msg");
}

function fieldsOf(message: Exclude<PeerMessage, Message>): string {
  switch (message.type) {
    case "propose":
      return `batch:${message.batch} commands:${message.commands.length}`;
    case "propose-membership":
      return `batch:${message.batch}`;
    case "proposal-dropped":
      return `batch:${message.batch} ${message.reason}`;
    case "node-status":
      return `applied:${message.appliedIndex}${message.sealed ? " sealed" : ""}`;
  }
}
