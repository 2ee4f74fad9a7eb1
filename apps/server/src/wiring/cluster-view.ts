/** What `core` may know of the cluster and ask of it. */
import type { Barrier } from "@strongroom/barrier";
import {
  type ClusterClient,
  caFingerprint,
  encodeJoinToken,
  encodeJoinTokenRow,
  joinTokenKey,
  type MembershipManager,
  newJoinToken,
  SnapshotSource,
  type WorkerStore,
} from "@strongroom/cluster";
import type { ClusterSummary, ClusterView, JoinTokenOptions } from "@strongroom/core";
import { toNodeId } from "@strongroom/raft";
import { type Clock, concatBytes, type Entropy, SecretBytes, StrongroomError, toHex, utf8 } from "@strongroom/runtime";
import { runTransaction } from "@strongroom/storage";

export interface NodeClusterViewParts {
  readonly store: WorkerStore;
  readonly cluster: ClusterClient;
  readonly barrier: Barrier;
  readonly manager: MembershipManager;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

class UnknownNodeError extends StrongroomError {
  readonly code = "unknown_node";

  constructor(serverId: string) {
    super(`no member has the id or the name ${JSON.stringify(serverId)}; see \`operator raft list-peers\``);
  }
}

export class NodeClusterView implements ClusterView {
  readonly #parts: NodeClusterViewParts;
  #ledTerm = 0;
  #leadingSinceMs = 0;

  constructor(parts: NodeClusterViewParts) {
    this.#parts = parts;
  }

  async leaderStatus(): Promise<ClusterSummary> {
    return this.#parts.cluster.leaderStatus();
  }

  async status(): Promise<ClusterSummary> {
    const status = await this.#parts.cluster.status();
    const leads = status.leaderId === status.nodeId;
    if (leads && status.term !== this.#ledTerm) {
      this.#ledTerm = status.term;
      this.#leadingSinceMs = this.#parts.clock.wallMs();
    }
    return {
      nodeId: status.nodeId,
      leaderId: status.leaderId,
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      diskLow: status.diskLow,
      members: status.members,
      ...(leads ? { leadingSinceMs: this.#leadingSinceMs } : {}),
    };
  }

  async digest(): Promise<{ readonly index: number; readonly sha256: string }> {
    const { index, sha256 } = await this.#parts.cluster.digest();
    return { index, sha256: toHex(sha256) };
  }

  async snapshot(deadlineMs: number): Promise<AsyncIterable<Uint8Array>> {
    const { store, barrier } = this.#parts;
    const proven = await store.linearizableSnapshot({ deadlineMs });
    const { appliedIndex } = proven;
    proven.release();
    const source = new SnapshotSource(await store.stateAt(appliedIndex, { deadlineMs }), {
      clusterId: barrier.clusterId,
      nodeId: toNodeId(store.nodeId),
      signer: { sign: (message) => barrier.signSnapshot(message) },
    });
    return source.stream();
  }

  async createJoinToken(
    options: JoinTokenOptions,
  ): Promise<{ readonly token: SecretBytes; readonly expiresAtMs: number }> {
    const { store, cluster, barrier, entropy } = this.#parts;
    const { members } = await cluster.status();
    const ca = barrier.clusterCa();
    ca.privateKeyPkcs8.wipe();
    const online = members.filter((member) => member.online).map(({ clusterAddress }) => clusterAddress);
    const nowMs = store.logTimeMs();
    const made = newJoinToken(
      {
        addresses: online,
        caFingerprint: caFingerprint(ca.certificateDer),
        nowMs,
        name: options.nodeName,
        cidr: options.cidr,
        open: options.open,
      },
      entropy,
    );
    const expiresAtMs = Math.min(made.row.expiresAtMs, nowMs + options.ttlSeconds * 1000);
    const secret = concatBytes([made.token.id, made.token.secret]);
    const key = joinTokenKey(barrier.hashTokenId(secret));
    secret.fill(0);
    await runTransaction(store, (tx) => tx.put(key, 0, encodeJoinTokenRow({ ...made.row, expiresAtMs })), {
      mode: "write",
      deadlineMs: options.deadlineMs,
    });
    const token = new SecretBytes(utf8(encodeJoinToken(made.token)));
    made.token.secret.fill(0);
    return { token, expiresAtMs };
  }

  async removePeer(serverId: string, deadlineMs: number): Promise<void> {
    await this.#parts.manager.removePeer(await this.#memberId(serverId), { deadlineMs });
  }

  async promote(serverId: string, deadlineMs: number): Promise<void> {
    await this.#parts.manager.promote(await this.#memberId(serverId), { deadlineMs });
  }

  async demote(serverId: string, deadlineMs: number): Promise<void> {
    await this.#parts.manager.demote(await this.#memberId(serverId), { deadlineMs });
  }

  async transferLeadership(serverId: string | undefined): Promise<void> {
    const target = serverId === undefined ? undefined : await this.#memberId(serverId);
    await this.#parts.manager.transferLeadership(target);
  }

  async stepDown(deadlineMs: number): Promise<void> {
    const { cluster, store, clock } = this.#parts;
    if (!store.isLeaderNode()) return;
    await cluster.transferLeadership(0, { timeoutMs: Math.max(0, deadlineMs - clock.monotonicMs()) });
  }

  async #memberId(serverId: string): Promise<number> {
    const { members } = await this.#parts.cluster.status();
    const member = members.find(({ nodeId, name }) => String(nodeId) === serverId || name === serverId);
    if (member === undefined) throw new UnknownNodeError(serverId);
    return member.nodeId;
  }
}
