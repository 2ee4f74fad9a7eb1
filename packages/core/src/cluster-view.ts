/**
 * What the request path needs to know of the cluster and may ask of it. `core` does not import `cluster`: `apps/server`
 * joins the two.
 */
import type { SecretBytes } from "@strongroom/runtime";

/** One member, as the committed configuration and the leader's progress show it. */
export interface ClusterMember {
  readonly nodeId: number;
  readonly name: string;
  readonly voter: boolean;
  readonly leader: boolean;
  /** `host:port` of the cluster port. */
  readonly clusterAddress: string;
  /** `https://host:port`, the API's. */
  readonly apiAddress: string;
  readonly online: boolean;
  /** Since it was last heard of; 0 of the node itself. */
  readonly lastContactMs: number;
  /** The highest index known to stand in its log; only the leader knows. */
  readonly match?: number;
}

/** What people call it: its name, and its number where it has none. */
export function memberName({ name, nodeId }: ClusterMember): string {
  return name === "" ? String(nodeId) : name;
}

export interface ClusterSummary {
  readonly nodeId: number;
  /** 0 when no leader is known. */
  readonly leaderId: number;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** This node's disk is nearly full. */
  readonly diskLow?: boolean;
  /** The index of the configuration in force, 0 when unknown. */
  readonly configurationIndex?: number;
  readonly members: readonly ClusterMember[];
  /** Since when this node has led, in wall milliseconds; absent on others. */
  readonly leadingSinceMs?: number;
}

export interface JoinTokenOptions {
  readonly ttlSeconds: number;
  /** The only node name that the token is good for. */
  readonly nodeName?: string;
  /** The only source addresses that the token is good for. */
  readonly cidr?: string;
  /** Whether the node that joins with it is given the root key at once. */
  readonly open: boolean;
  readonly deadlineMs: number;
}

export interface ClusterView {
  /** Of this node alone; answers without a quorum. */
  status(): Promise<ClusterSummary>;
  /** Of this node's own state: nodes that have applied the same entries have the same, in hexadecimal. */
  digest(): Promise<{ readonly index: number; readonly sha256: string }>;
  /** As the leader knows it; this node's own word where no leader is known. */
  leaderStatus(): Promise<ClusterSummary>;
  /** The whole state, in the format of docs/formats/snapshot.md; read once, or ended by `return`. */
  snapshot(deadlineMs: number): Promise<AsyncIterable<Uint8Array>>;
  createJoinToken(options: JoinTokenOptions): Promise<{ readonly token: SecretBytes; readonly expiresAtMs: number }>;
  /** `serverId` is a node id in decimal, or a node's name. Throws a `StrongroomError` with code `unknown_node`. */
  removePeer(serverId: string, deadlineMs: number): Promise<void>;
  /** Makes a caught-up learner a voter. `serverId` as in `removePeer`, here and below. */
  promote(serverId: string, deadlineMs: number): Promise<void>;
  /** Makes a voter a learner. */
  demote(serverId: string, deadlineMs: number): Promise<void>;
  /** Hands leadership to `serverId`, or to the most advanced voter, whichever node is asked. */
  transferLeadership(serverId: string | undefined): Promise<void>;
  /** Hands leadership to the best voter; does nothing on a node that does not lead. */
  stepDown(deadlineMs: number): Promise<void>;
}
