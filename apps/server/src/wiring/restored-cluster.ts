/**
 * What the first unsealing of a restored cluster does beside opening it: a new cluster CA, so that no certificate of the old
 * cluster is worth anything, and the row that says where its one node is. Whether that was done is seen by the CA, which
 * names the cluster that it was made for; so it is done again until it has taken effect.
 */
import type { Barrier } from "@strongroom/barrier";
import {
  clusterOfCa,
  createClusterCa,
  encodeNodeRecord,
  type NodeRecord,
  nodeKey,
  type WorkerStore,
} from "@strongroom/cluster";
import type { Clock, Entropy } from "@strongroom/runtime";
import { present } from "@strongroom/runtime";
import { EPOCH_KEY, KEYRING_KEY, runTransaction } from "@strongroom/storage";
import { uuidText } from "./ids.ts";

export interface RestoredClusterParts {
  readonly store: WorkerStore;
  readonly barrier: Barrier;
  readonly self: NodeRecord;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A node that was just started has to be elected first. */
const COMMIT_TIMEOUT_MS = 30_000;

/** Whether the CA in the keyring is that of another cluster: the one whose snapshot this one was restored from. */
export function hasForeignCa(barrier: Barrier): boolean {
  const { certificateDer, privateKeyPkcs8 } = barrier.clusterCa();
  privateKeyPkcs8.wipe();
  return clusterOfCa(certificateDer) !== uuidText(barrier.clusterId);
}

/** To be called open. The caller refreshes the keyring then. */
export async function foundRestoredCluster(parts: RestoredClusterParts): Promise<void> {
  const { store, barrier, self, clock, entropy } = parts;
  const clusterCa = createClusterCa({ clusterId: uuidText(barrier.clusterId), entropy });
  try {
    await runTransaction(
      store,
      (tx) => {
        const { value: keyringRecord } = present(tx.get(KEYRING_KEY), "a cluster that is open has a keyring");
        tx.put(KEYRING_KEY, 0, barrier.renewClusterCa({ keyringRecord, clusterCa }));
        tx.put(nodeKey(store.nodeId), 0, encodeNodeRecord(self));
        tx.put(EPOCH_KEY, 0, new Uint8Array(0));
      },
      { mode: "write", deadlineMs: clock.monotonicMs() + COMMIT_TIMEOUT_MS },
    );
  } finally {
    clusterCa.privateKeyPkcs8.fill(0);
  }
}
