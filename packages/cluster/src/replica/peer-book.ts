/**
 * Who the other nodes are, where they are, and what was heard of them. Members come from the configuration, addresses
 * from the replicated node rows; a node that has not applied those yet answers by the addresses that it joined with and by
 * those that callers tell of themselves. Who votes is raft's affair, not this book's.
 */
import type { ConfState, NodeId, Status } from "@strongroom/raft";
import { decodeRow } from "@strongroom/storage";
import type { ClusterMember } from "../port/cluster-status.ts";
import type { NodeStatusMessage } from "../transport/message.ts";
import type { Peer } from "../transport/transport.ts";
import type { Effect } from "./effects.ts";
import { decodeNodeRecord, type NodeRecord, nodeKey } from "./node-record.ts";

export interface PeerBookOptions {
  readonly self: NodeId;
  /** Addresses known from joining. */
  readonly seeds: readonly Peer[];
  readonly removed: readonly NodeId[];
}

/** A peer of which nothing came for so long is offline. */
const ONLINE_MS = 2_000;
/** Callers of unknown address that are remembered; each has proven a certificate of this cluster. */
const MAX_LEARNED = 64;

export class PeerBook {
  readonly #self: NodeId;
  readonly #seeds: ReadonlyMap<NodeId, string>;
  readonly #learned = new Map<NodeId, string>();
  #records = new Map<NodeId, NodeRecord>();
  /** Those that were removed, or are about to be once a joint configuration is left. */
  readonly #removed: Set<NodeId>;
  #members: ReadonlySet<NodeId> = new Set();
  readonly #up = new Set<NodeId>();
  readonly #heardAtMs = new Map<NodeId, number>();
  readonly #statuses = new Map<NodeId, NodeStatusMessage>();
  #changed = true;
  /** Of the first look: from then on silence counts. */
  #sinceMs: number | undefined;

  constructor(options: PeerBookOptions) {
    this.#self = options.self;
    this.#seeds = new Map(options.seeds.map((peer) => [peer.id, peer.address]));
    this.#removed = new Set(options.removed);
  }

  /** Reads the members' rows anew. */
  refresh(conf: ConfState, get: (key: Uint8Array) => Uint8Array | undefined): void {
    const records = new Map<NodeId, NodeRecord>();
    for (const id of members(conf)) {
      const bytes = get(nodeKey(id));
      const record = bytes === undefined ? undefined : decodeNodeRecord(decodeRow(bytes).value);
      if (record !== undefined) records.set(id, record);
    }
    this.#records = records;
    this.#members = new Set(members(conf));
    this.#changed = true;
  }

  remove(id: NodeId): void {
    this.#removed.add(id);
    this.#learned.delete(id);
    this.#statuses.delete(id);
    this.#changed = true;
  }

  /** Removed, and needed by nobody: a joint configuration cannot be left without the votes of those who are to go. */
  isRemoved(id: NodeId): boolean {
    return this.#removed.has(id) && !this.#members.has(id);
  }

  linkUp(id: NodeId): void {
    this.#up.add(id);
  }

  linkDown(id: NodeId): void {
    this.#up.delete(id);
  }

  isUp(id: NodeId): boolean {
    return this.#up.has(id);
  }

  /** Those that messages can be sent to now, ascending. */
  up(): readonly NodeId[] {
    return [...this.#up].sort((a, b) => a - b);
  }

  heard(id: NodeId, nowMs: number): void {
    this.#heardAtMs.set(id, nowMs);
  }

  status(id: NodeId, status: NodeStatusMessage): void {
    this.#statuses.set(id, status);
    if (this.#addressOf(id) !== undefined || this.#learned.size >= MAX_LEARNED) return;
    this.#learned.set(id, status.clusterAddress);
    this.#changed = true;
  }

  statusOf(id: NodeId): NodeStatusMessage | undefined {
    return this.#statuses.get(id);
  }

  /** The transport's new orders, if they may have changed since the last call. */
  announcement(conf: ConfState): Effect | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    const ids = new Set<NodeId>([...members(conf), ...this.#seeds.keys(), ...this.#learned.keys()]);
    const peers: Peer[] = [];
    for (const id of [...ids].sort((a, b) => a - b)) {
      const address = this.#addressOf(id);
      if (id !== this.#self && address !== undefined && !this.isRemoved(id)) peers.push({ id, address });
    }
    const removed = [...this.#removed].filter((id) => this.isRemoved(id)).sort((a, b) => a - b);
    return { type: "set-peers", peers, removed };
  }

  isOnline(id: NodeId, nowMs: number): boolean {
    return id === this.#self || nowMs - (this.#heardAtMs.get(id) ?? Number.NEGATIVE_INFINITY) <= ONLINE_MS;
  }

  /** The members as operators see them, by id. `self` is this node's own word. */
  members(status: Status, nowMs: number, self: NodeStatusMessage): readonly ClusterMember[] {
    this.#sinceMs ??= nowMs;
    const sinceMs = this.#sinceMs;
    const voters = new Set([...status.conf.voters, ...status.conf.votersOutgoing]);
    return members(status.conf).map((nodeId): ClusterMember => {
      const record = this.#records.get(nodeId);
      const progress = status.progress.get(nodeId);
      const told = nodeId === this.#self ? self : this.#statuses.get(nodeId);
      return {
        nodeId,
        name: record?.name ?? "",
        voter: voters.has(nodeId),
        clusterAddress: record?.clusterAddress ?? this.#addressOf(nodeId) ?? "",
        apiAddress: record?.apiAddress ?? "",
        grpcAddress: record?.grpcAddress ?? "",
        ...(progress === undefined ? {} : { match: progress.match }),
        leader: nodeId === status.lead,
        online: this.isOnline(nodeId, nowMs),
        lastContactMs: nodeId === this.#self ? 0 : nowMs - (this.#heardAtMs.get(nodeId) ?? sinceMs),
        ...(told === undefined ? {} : { sealed: told.sealed, supportedVersion: told.supportedVersion }),
        diskLow: told?.diskLow === true,
      };
    });
  }

  #addressOf(id: NodeId): string | undefined {
    return this.#records.get(id)?.clusterAddress ?? this.#seeds.get(id) ?? this.#learned.get(id);
  }
}

/** Everybody in the configuration, ascending. */
function members(conf: ConfState): readonly NodeId[] {
  const ids = new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext]);
  return [...ids].sort((a, b) => a - b);
}
