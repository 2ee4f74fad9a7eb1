/**
 * What the replica's thread counts: terms and leaders, how far commits, the state and the peers are, how long the log's syncs
 * and the heartbeats' round trips take, and when the thread stood still. All is seen from outside the replica, in its shell.
 */
import type { NodeId } from "@strongroom/raft";
import type { Counter, Gauge, Histogram, Metrics } from "@strongroom/runtime";
import type { ClusterStatus } from "../port/cluster-status.ts";
import type { ScrubResult } from "../scrub/scrub-pass.ts";
import type { PeerMessage } from "../transport/message.ts";
import type { Effect } from "./effects.ts";

/** Upper bounds in milliseconds. */
const TIME_BOUNDS = [0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000];
const COUNT_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export class ReplicaMetrics {
  readonly #metrics: Metrics;
  readonly #term: Gauge;
  readonly #leads: Gauge;
  readonly #leaderChanges: Counter;
  readonly #commitIndex: Gauge;
  readonly #appliedIndex: Gauge;
  readonly #pending: Gauge;
  readonly #peers: Gauge;
  readonly #syncs: Histogram;
  readonly #entries: Histogram;
  readonly #stalls: Histogram;
  readonly #clusterVersion: Gauge;
  readonly #diskFree: Gauge;
  readonly #diskLow: Gauge;
  readonly #scrubs: Counter;
  readonly #scrubFailed: Gauge;
  readonly #groupsAtMs = new Map<number, number>();
  readonly #heartbeatsAtMs = new Map<NodeId, number>();
  readonly #roundTrips = new Map<NodeId, Histogram>();
  readonly #lags = new Map<number, Gauge>();
  #leaderId = 0;
  #leaderTerm = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#term = metrics.gauge("strongroom_raft_term", "Raft's term.");
    this.#leads = metrics.gauge("strongroom_raft_is_leader", "1 while this node leads, else 0.");
    this.#leaderChanges = metrics.counter(
      "strongroom_raft_leader_changes",
      "Leaders that this node has heard of, one after the other.",
    );
    this.#commitIndex = metrics.gauge(
      "vault_raft_storage_stats_commit_index",
      "Index of the last entry known to be committed.",
    );
    this.#appliedIndex = metrics.gauge(
      "vault_raft_storage_stats_applied_index",
      "Index of the last entry in this node's state.",
    );
    this.#pending = metrics.gauge(
      "vault_raft_storage_stats_fsm_pending",
      "Committed entries that are not in this node's state yet.",
    );
    this.#peers = metrics.gauge("vault_raft_peers", "Members of the cluster, this node included.");
    this.#syncs = metrics.histogram(
      "strongroom_wal_sync",
      "Time from handing a group to the log until it is durable, in milliseconds.",
      TIME_BOUNDS,
    );
    this.#entries = metrics.histogram(
      "strongroom_wal_group_entries",
      "Entries that one sync of the log made durable.",
      COUNT_BOUNDS,
    );
    this.#clusterVersion = metrics.gauge("strongroom_cluster_version", "What all members understand.");
    this.#diskFree = metrics.gauge(
      "strongroom_disk_free_bytes",
      "Room on the file system of the data directory, the reserve not counted.",
    );
    this.#diskLow = metrics.gauge("strongroom_disk_low", "1 while the disk is nearly full, else 0.");
    this.#scrubs = metrics.counter("strongroom_scrub_passes", "Times that all rows were read back from the disk.");
    this.#scrubFailed = metrics.gauge(
      "strongroom_scrub_failed",
      "1 if the rows on the disk are not those that were applied, by the last look, else 0.",
    );
    this.#stalls = metrics.histogram(
      "strongroom_replica_stall",
      "Times for which the replica's thread stood still, in milliseconds.",
      TIME_BOUNDS,
    );
  }

  diskLooked({ freeBytes, isLow }: { readonly freeBytes: number; readonly isLow: boolean }): void {
    this.#diskFree.set(freeBytes);
    this.#diskLow.set(isLow ? 1 : 0);
  }

  scrubbed({ difference }: ScrubResult): void {
    this.#scrubs.add();
    this.#scrubFailed.set(difference === undefined ? 0 : 1);
  }

  /** What the replica is about to have done. */
  performing(effect: Effect, nowMs: number): void {
    if (effect.type === "append") {
      this.#groupsAtMs.set(effect.group.token, nowMs);
      if (effect.group.entries.length > 0) this.#entries.observe(effect.group.entries.length);
    } else if (effect.type === "send" && !this.#heartbeatsAtMs.has(effect.to)) {
      if (effect.messages.some(({ type }) => type === "MsgHeartbeat")) this.#heartbeatsAtMs.set(effect.to, nowMs);
    }
  }

  synced(token: number, nowMs: number): void {
    const sinceMs = this.#groupsAtMs.get(token);
    if (sinceMs === undefined) return;
    this.#groupsAtMs.delete(token);
    this.#syncs.observe(nowMs - sinceMs);
  }

  received(from: NodeId, messages: readonly PeerMessage[], nowMs: number): void {
    const sentMs = this.#heartbeatsAtMs.get(from);
    if (sentMs === undefined || !messages.some(({ type }) => type === "MsgHeartbeatResp")) return;
    this.#heartbeatsAtMs.delete(from);
    let roundTrips = this.#roundTrips.get(from);
    if (roundTrips === undefined) {
      const help = "Time from a heartbeat until its answer, in milliseconds.";
      roundTrips = this.#metrics.histogram("strongroom_raft_heartbeat_round_trip", help, TIME_BOUNDS, {
        peer: String(from),
      });
      this.#roundTrips.set(from, roundTrips);
    }
    roundTrips.observe(nowMs - sentMs);
  }

  /** A peer that is gone answers no heartbeat. */
  peerDown(id: NodeId): void {
    this.#heartbeatsAtMs.delete(id);
  }

  stalled(gapMs: number): void {
    this.#stalls.observe(gapMs);
  }

  look(status: ClusterStatus): void {
    const { leaderId, term, nodeId, commitIndex, appliedIndex, members } = status;
    if (leaderId !== 0 && (leaderId !== this.#leaderId || term !== this.#leaderTerm)) {
      this.#leaderChanges.add();
      this.#leaderId = leaderId;
      this.#leaderTerm = term;
    }
    this.#term.set(term);
    this.#leads.set(leaderId === nodeId ? 1 : 0);
    this.#commitIndex.set(commitIndex);
    this.#appliedIndex.set(appliedIndex);
    this.#pending.set(Math.max(0, commitIndex - appliedIndex));
    this.#peers.set(members.length);
    this.#clusterVersion.set(status.clusterVersion);
    for (const { nodeId: peer, match } of members) {
      if (peer !== nodeId) this.#lagOf(peer, match)?.set(match === undefined ? 0 : Math.max(0, commitIndex - match));
    }
  }

  /** Only a leader knows of lags; what it once knew is 0 on a follower. */
  #lagOf(peer: number, match: number | undefined): Gauge | undefined {
    let gauge = this.#lags.get(peer);
    if (gauge === undefined && match !== undefined) {
      const help = "Committed entries that are not known to stand in the peer's log; known to the leader.";
      gauge = this.#metrics.gauge("strongroom_raft_peer_lag", help, { peer: String(peer) });
      this.#lags.set(peer, gauge);
    }
    return gauge;
  }
}
