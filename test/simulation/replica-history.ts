/**
 * What clients were told, and what must follow from it. A violation throws at once, with the moment it was seen.
 */
import { toHex } from "@strongroom/runtime";
import type { Revision, Verdict } from "@strongroom/storage";

export interface Operation {
  readonly key: string;
  outcome: "open" | "applied" | "conflict" | "rejected" | "not-committed" | "unknown";
  revision: Revision | undefined;
}

export class History {
  readonly operations: Operation[] = [];
  reads = 0;
  /** The newest value of the counter that any client was told to be written. */
  acknowledgedCounter = 0;
  readonly #digests = new Map<number, string>();

  begin(key: string): Operation {
    const operation: Operation = { key, outcome: "open", revision: undefined };
    this.operations.push(operation);
    return operation;
  }

  verdict(operation: Operation, verdict: Verdict): void {
    if (operation.outcome === "not-committed") fail(`${operation.key} got a verdict after it was called not committed`);
    operation.outcome = verdict.outcome;
    operation.revision = verdict.outcome === "applied" ? verdict.revision : undefined;
  }

  notCommitted(operation: Operation): void {
    if (operation.outcome !== "open" && operation.outcome !== "unknown")
      fail(`${operation.key} was called not committed after it was ${operation.outcome}`);
    operation.outcome = "not-committed";
  }

  /** A linearizable read sees what was acknowledged before it was asked for. */
  read(seen: number, acknowledgedBefore: number): void {
    this.reads++;
    if (seen < acknowledgedBefore) fail(`a read saw ${seen} after ${acknowledgedBefore} had been acknowledged`);
  }

  /** All nodes agree on the state at an index. */
  state(node: number, index: number, digest: Uint8Array): void {
    const text = toHex(digest);
    const known = this.#digests.get(index);
    if (known !== undefined && known !== text) fail(`node ${node} has another state at index ${index}`);
    this.#digests.set(index, text);
  }

  /** At the end: `revisionOf` reads a replica's final state. */
  checkFinal(revisionOf: (key: string) => Revision | undefined): void {
    for (const { key, outcome, revision } of this.operations) {
      if (key === COUNTER) continue;
      const found = revisionOf(key);
      if (outcome === "applied" && (found?.index !== revision?.index || found?.position !== revision?.position))
        fail(`${key} was acknowledged at ${JSON.stringify(revision)} and is at ${JSON.stringify(found)}`);
      if (outcome === "not-committed" && found !== undefined) fail(`${key} was called not committed and is there`);
    }
  }
}

/** The one row that all clients increment. */
export const COUNTER = "counter";

export function fail(message: string): never {
  throw new Error(`violation: ${message}`);
}
