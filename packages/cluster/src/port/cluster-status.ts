/** What a node knows of its cluster at one moment, as operators and the front doors are told. */

export interface ClusterMember {
  readonly nodeId: number;
  readonly name: string;
  readonly voter: boolean;
  readonly clusterAddress: string;
  readonly apiAddress: string;
  readonly grpcAddress: string;
  /** The highest index known to stand in its log; only the leader knows. */
  readonly match?: number;
  readonly leader: boolean;
  /** A frame came from it lately (always true of the node itself). */
  readonly online: boolean;
  /** Since the last frame from it; since this node began to listen, if none has come; 0 of the node itself. */
  readonly lastContactMs: number;
  /** What it last said of itself; undefined until it has said anything. */
  readonly sealed?: boolean;
  /** The newest cluster version that it understands, by its last word. */
  readonly supportedVersion?: number;
  /** By its last word its disk is nearly full. */
  readonly diskLow: boolean;
}

/** What stands for the whole state of a node: nodes that have applied the same entries have the same. */
export interface StateDigest {
  /** Of the last entry that was applied. */
  readonly index: number;
  /** 32 bytes: over the rows, the proposer table and the chain of entries. */
  readonly sha256: Uint8Array;
}

export interface ClusterStatus {
  readonly nodeId: number;
  readonly clusterId?: string;
  /** 0: none known. */
  readonly leaderId: number;
  readonly term: number;
  readonly state: "leader" | "follower" | "candidate" | "pre-candidate";
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly logTimeMs: number;
  /** What all members understand, and write no newer than. */
  readonly clusterVersion: number;
  /** This node's disk is nearly full. */
  readonly diskLow: boolean;
  /** If this node led now, it would take nothing that grows the store. */
  readonly refusesGrowth: boolean;
  readonly members: readonly ClusterMember[];
}
