/**
 * What a replica wants done. A turn returns effects in the order in which they are to be begun; none of them is waited
 * for, and what comes of them returns as an event of a later turn.
 */
import type { Index, NodeId } from "@strongroom/raft";
import type { LogFields } from "@strongroom/runtime";
import type { TableOp } from "@strongroom/storage";
import type { ReplicaToWorker } from "../port/messages.ts";
import type { PeerMessage } from "../transport/message.ts";
import type { Peer } from "../transport/transport.ts";
import type { WalGroup } from "../wal/types.ts";

export type Effect =
  /** Comes back as `peerUnreachable(to)` if any of it was dropped. */
  | { readonly type: "send"; readonly to: NodeId; readonly messages: readonly PeerMessage[] }
  /** Comes back as `synced(group.token)`. */
  | { readonly type: "append"; readonly group: WalGroup }
  | { readonly type: "cut"; readonly below: Index }
  /** One atomic unsynced batch; comes back as `written(token)`, in order. */
  | { readonly type: "write"; readonly token: number; readonly ops: readonly TableOp[] }
  /** Makes the batches written so far durable; comes back as `flushed(token)`. */
  | { readonly type: "flush"; readonly token: number }
  | { readonly type: "post"; readonly worker: number; readonly messages: readonly ReplicaToWorker[] }
  /** Streams the table as it is now to a peer; comes back as `snapshotSent`. `term` is the sender's, for the receiver. */
  | { readonly type: "send-snapshot"; readonly to: NodeId; readonly term: number }
  /** The generation is durable in the log: from here on it is the table; the old one is let go of. */
  | { readonly type: "switch-generation"; readonly generation: string }
  /** A received snapshot that raft had no use for. */
  | { readonly type: "discard-generation"; readonly generation: string }
  | { readonly type: "set-peers"; readonly peers: readonly Peer[]; readonly removed: readonly NodeId[] }
  | { readonly type: "disconnect"; readonly peer: NodeId }
  /** A row of this node alone. */
  | { readonly type: "write-local"; readonly op: TableOp }
  /** This node's state is wrong, or its voters say so: it ends, and does not come back by itself. */
  | { readonly type: "quarantine"; readonly index: number; readonly reason: string }
  | {
      readonly type: "log";
      readonly level: "info" | "warn" | "error";
      readonly text: string;
      readonly fields: LogFields;
    };
