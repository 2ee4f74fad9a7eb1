/**
 * Proves the state of this node before it is opened: by its own evidence, or, where that does not suffice, by the word of a
 * member that is open. Such a member says what the SHA-256 of its whole state is at some index, and signs it; this node
 * applies its log up to that very index and has to come to the same. While it is at it, applying stands still, so that what
 * was proven is what is opened. A state that contradicts a signature ends the node, for good.
 */
import { asError, equalBytes, type Logger, StrongroomError } from "@strongroom/runtime";
import type { TableSnapshot } from "@strongroom/storage";
import type { ClusterClient } from "../port/cluster-client.ts";
import type { WorkerStore } from "../port/worker-store.ts";
import { snapshotMacInput } from "../snapshot/payload.ts";
import { SnapshotSource } from "../snapshot/source.ts";
import { encodeOrigin } from "../state/origin.ts";
import type { LogFiles } from "../wal/log-reader.ts";
import { type ProofAuthenticator, proveState } from "./state-proof.ts";
import { decodeTestimony, encodeTestimonyRequest, STATE_TESTIMONY_METHOD, type Testimony } from "./state-testimony.ts";

/** This node cannot be opened as things are; the message says what would help. */
export class StateUnprovenError extends StrongroomError {
  readonly code = "state_unproven";
}

/** The node holds what no open member made. It has ended, or is about to. */
export class StateWrongError extends StrongroomError {
  readonly code = "quarantined";
}

export interface StateProverParts {
  readonly store: Pick<WorkerStore, "nodeId" | "clock" | "stateAt">;
  readonly client: Pick<ClusterClient, "status" | "call" | "holdForProof" | "quarantine">;
  readonly openLog: () => LogFiles;
  readonly logger: Logger;
}

export interface ProvenState {
  readonly provenIndex: number;
  /** Where an open member vouched for the state: the row that says so. */
  readonly origin?: Uint8Array;
}

/** Reading a large state through takes its time, here and there. */
const TESTIMONY_TIMEOUT_MS = 120_000;
const WAIT_TIMEOUT_MS = 30_000;

export class StateProver {
  readonly #parts: StateProverParts;

  constructor(parts: StateProverParts) {
    this.#parts = parts;
  }

  /**
   * From now on applying stands still, until the keys are published or `ClusterClient.endProof`. The view of the table is the
   * caller's to close.
   */
  async hold(upTo = 0): Promise<TableSnapshot> {
    const { store, client } = this.#parts;
    const index = await client.holdForProof(upTo);
    return store.stateAt(index, { deadlineMs: store.clock.monotonicMs() + WAIT_TIMEOUT_MS });
  }

  /** `held`: what `hold` gave. Throws `StateUnprovenError` and `StateWrongError`. */
  async prove(held: TableSnapshot, authenticator: ProofAuthenticator): Promise<ProvenState> {
    const verdict = proveState({ rows: held, log: this.#parts.openLog(), authenticator });
    switch (verdict.outcome) {
      case "proven":
        return { provenIndex: verdict.index };
      case "wrong":
        return this.#endNode(verdict.reason);
      case "unproven":
        return this.#askOpenMembers(verdict.reason, authenticator);
    }
  }

  async #askOpenMembers(reason: string, authenticator: ProofAuthenticator): Promise<ProvenState> {
    const { client, logger } = this.#parts;
    const { members, nodeId, appliedIndex } = await client.status();
    for (const member of members) {
      if (member.nodeId === nodeId || !member.online || member.sealed !== false) continue;
      try {
        const payload = encodeTestimonyRequest(appliedIndex);
        const options = { timeoutMs: TESTIMONY_TIMEOUT_MS };
        const answer = await client.call(member.nodeId, STATE_TESTIMONY_METHOD, payload, options);
        return await this.#compare(decodeTestimony(answer), authenticator);
      } catch (error) {
        if (error instanceof StateWrongError) throw error;
        logger.warn("a member did not vouch for this node's state", { node: member.nodeId, error: asError(error) });
      }
    }
    throw new StateUnprovenError(
      `this node cannot prove its state by itself (${reason}), and no open member could vouch for it: unseal another member first, then give the shares again`,
    );
  }

  async #compare({ header, trailer }: Testimony, authenticator: ProofAuthenticator): Promise<ProvenState> {
    const { index } = header.metadata;
    const authenticity = authenticator.verify(trailer.keyId, snapshotMacInput(trailer), trailer.mac, "snapshot");
    if (authenticity !== "ok") throw new StateUnprovenError("its word bears no signature of this cluster");
    const source = new SnapshotSource(await this.hold(index), header);
    if (source.header.metadata.index !== index) {
      source.close();
      throw new StateUnprovenError(`this node is at index ${source.header.metadata.index} already, past ${index}`);
    }
    const own = await source.sums();
    if (!equalBytes(own.contentHash, trailer.contentHash)) {
      return this.#endNode(`its state at index ${index} is not the one that an open member signed`);
    }
    return { provenIndex: index, origin: encodeOrigin({ index, chain: header.chain, trailer }) };
  }

  async #endNode(reason: string): Promise<never> {
    // A replica that ends does not answer any more.
    await this.#parts.client.quarantine(reason).catch(() => {});
    throw new StateWrongError(
      `this node is not opened and ends, since ${reason}: remove it from the cluster, and let it join again with an empty data directory`,
    );
  }
}
