/** Admits nodes on behalf of an open node: the join service's needs, met by the store, the barrier and the membership. */
import type { Barrier } from "@strongroom/barrier";
import {
  decodeJoinTokenRow,
  type JoinAuthority,
  type JoinTokenRow,
  type MembershipManager,
  type NodeRecord,
  signNodeCertificate,
  type WorkerStore,
} from "@strongroom/cluster";
import { type Clock, type Entropy, StrongroomError } from "@strongroom/runtime";
import type { CommandDraft, Revision } from "@strongroom/storage";
import { uuidText } from "./ids.ts";
import type { NodeDirectory } from "./node-directory.ts";

export interface JoinAuthorityParts {
  readonly store: WorkerStore;
  readonly barrier: Barrier;
  readonly manager: MembershipManager;
  readonly nodes: NodeDirectory;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A joining node waits for its answer no longer than this either. */
const STEP_TIMEOUT_MS = 10_000;

/** A row that this version cannot read was written by a newer one. */
class UnreadableTokenError extends StrongroomError {
  readonly code = "join_refused";
}

export function joinAuthority({ store, barrier, manager, nodes, clock, entropy }: JoinAuthorityParts): JoinAuthority {
  const deadline = () => ({ deadlineMs: clock.monotonicMs() + STEP_TIMEOUT_MS });
  return {
    get sealed() {
      return barrier.sealed;
    },
    logTimeMs: () => store.logTimeMs(),
    hashToken: (idAndSecret) => barrier.hashTokenId(idAndSecret),
    async readTokenRow(
      key: Uint8Array,
    ): Promise<{ readonly row: JoinTokenRow; readonly revision: Revision } | undefined> {
      const snapshot = await store.linearizableSnapshot(deadline());
      try {
        const stored = snapshot.get(key);
        if (stored === undefined) return undefined;
        const row = decodeJoinTokenRow(stored.value);
        if (row === undefined)
          throw new UnreadableTokenError("the join token was made by a newer version; make one on this node");
        return { row, revision: stored.revision };
      } finally {
        snapshot.release();
      }
    },
    addLearner: (nodeId: number, record: NodeRecord, draft: CommandDraft) =>
      manager.addLearner(nodeId, record, draft, deadline()),
    signCertificate(nodeId, publicKeySpki) {
      const ca = barrier.clusterCa();
      try {
        return signNodeCertificate(
          { certificateDer: ca.certificateDer, privateKeyPkcs8: ca.privateKeyPkcs8.expose() },
          { clusterId: uuidText(barrier.clusterId), nodeId, publicKeySpki, entropy },
        );
      } finally {
        ca.privateKeyPkcs8.wipe();
      }
    },
    async cluster() {
      const ca = barrier.clusterCa();
      ca.privateKeyPkcs8.wipe();
      return { clusterId: uuidText(barrier.clusterId), caCertificateDer: ca.certificateDer, members: nodes.nodes };
    },
  };
}
