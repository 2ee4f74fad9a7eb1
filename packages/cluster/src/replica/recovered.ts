/** From what the disk holds to what a replica starts with; and the first state of a cluster's first node. */
import { type ConfState, type NodeId, toIndex, toTerm } from "@strongroom/raft";
import { StrongroomError } from "@strongroom/runtime";
import { KEY_KIND, prefixRange, type Table } from "@strongroom/storage";
import { INITIAL_GENERATION } from "../state/generation-store.ts";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { encodeOrigin, ORIGIN_KEY } from "../state/origin.ts";
import { encodeReplicaState, initialReplicaState } from "../state/replica-state.ts";
import type { InstalledSnapshot, WalContents } from "../wal/types.ts";
import type { LogTailStart } from "./log-tail.ts";
import { nodeIdOfKey } from "./node-record.ts";
import type { ReplicaStateMachine } from "./state-machine.ts";

/** Log and state of a data directory do not belong together: the node may not vote with them. */
export class RecoveryError extends StrongroomError {
  readonly code = "recovery_failed";
}

/**
 * The log of a new cluster begins above index 1, as if a snapshot with nothing but its first configuration had been
 * installed: so every node that joins has to take the state from a snapshot, the configuration included.
 */
export const BOOTSTRAP_INDEX = 1;

/** The rows of a state that holds nothing but its configuration, and that it began like this. */
export function bootstrapRows(
  confState: ConfState,
): readonly { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  const start = { appliedIndex: toIndex(BOOTSTRAP_INDEX), appliedTerm: toTerm(1) };
  const state = { ...initialReplicaState(confState), ...start };
  const origin = { index: start.appliedIndex, chain: state.chain, trailer: undefined };
  return [
    { key: REPLICA_STATE_KEY, value: encodeReplicaState(state) },
    { key: ORIGIN_KEY, value: encodeOrigin(origin) },
  ];
}

/** Makes the empty initial table the first state of a cluster of one voter. What it returns goes into the new WAL. */
export async function bootstrapTable(table: Table, self: NodeId): Promise<InstalledSnapshot> {
  const confState: ConfState = { voters: [self], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  await table.write(bootstrapRows(confState).map((row) => ({ type: "put", ...row })));
  await table.flush();
  const metadata = { index: toIndex(BOOTSTRAP_INDEX), term: toTerm(1), confState };
  return { metadata, generation: INITIAL_GENERATION };
}

/** Checks that log and state meet, and gives raft's view of the log. Throws `RecoveryError`. */
export function logStart(wal: WalContents, state: ReplicaStateMachine): LogTailStart {
  const lastIndex = wal.base.index + wal.entries.length;
  if (state.appliedIndex < wal.base.index || state.appliedIndex > lastIndex)
    throw new RecoveryError(
      `the state stands at index ${state.appliedIndex}, the log reaches from ${wal.base.index} to ${lastIndex}: they are not of one node. Rebuild this node from its peers.`,
    );
  const { hardState } = wal;
  // What is applied was committed, even if the hard state that said so was not synced.
  const commit = toIndex(Math.max(hardState.commit, state.appliedIndex));
  return {
    hardState: { ...hardState, term: toTerm(Math.max(hardState.term, wal.base.term)), commit },
    confState: state.confState,
    base: wal.base,
    entries: wal.entries,
  };
}

/** The ids of all removed nodes, as the table has them. */
export async function readRemoved(table: Table): Promise<readonly NodeId[]> {
  const snapshot = table.snapshot();
  const iterator = snapshot.iterator(prefixRange(Uint8Array.of(KEY_KIND.removedNode)));
  const removed: NodeId[] = [];
  try {
    for (;;) {
      const entries = await iterator.next(256);
      if (entries.length === 0) return removed;
      for (const { key } of entries) {
        const id = nodeIdOfKey(key);
        if (id !== undefined) removed.push(id as NodeId);
      }
    }
  } finally {
    await iterator.close();
    snapshot.close();
  }
}
