/**
 * What clients asked and were told, and what must follow from it. The state has one order, its log's: so that operations are
 * linearizable means that each lies, in that order, behind all that had ended before it began. A violation throws at once.
 */
import type { Revision, Verdict } from "@strongroom/storage";
import type { Tally } from "./tally.ts";
import { violated } from "./violation.ts";

export type OperationKind = "unique" | "register" | "increment" | "keyring" | "checkpoint" | "membership";

export interface Operation {
  readonly kind: OperationKind;
  /** The row that it writes. */
  readonly key: string;
  /** What it writes there, unlike what any other writes. */
  readonly value: string;
  /** All up to this index had ended when it began. */
  readonly after: number;
  outcome: "open" | "applied" | "conflict" | "rejected" | "not-committed" | "unknown";
  revision: Revision | undefined;
}

export interface Read {
  readonly after: number;
  /** The counter as the last acknowledged increment left it. */
  readonly counter: number;
}

/** Hears what clients see, as they see it. */
export interface HistoryObserver {
  began(operation: Operation): void;
  /** Its outcome is what its client was told. */
  ended(operation: Operation): void;
  readBegan(read: Read): void;
  /** `rows` are the values of the rows that all share; undefined: there is none. */
  readEnded(read: Read, rows: ReadonlyMap<string, string | undefined>): void;
}

export class History {
  readonly operations: Operation[] = [];
  observer: HistoryObserver | undefined;
  readonly #tally: Tally;
  readonly #counts = new Map<number, Operation>();
  readonly #values = new Map<string, Operation>();
  #ended = 0;
  #counter = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  begin(kind: OperationKind, key: string, value: string): Operation {
    const operation: Operation = { kind, key, value, after: this.#ended, outcome: "open", revision: undefined };
    this.operations.push(operation);
    this.#values.set(value, operation);
    this.observer?.began(operation);
    return operation;
  }

  verdict(operation: Operation, verdict: Verdict): void {
    const { key, after, outcome } = operation;
    if (outcome === "not-committed") violated("ends are final", `${key} has a verdict after it was not committed`);
    if (outcome === "unknown") this.#tally.mark("unknown outcome became known");
    operation.outcome = verdict.outcome;
    this.observer?.ended(operation);
    if (verdict.outcome !== "applied") {
      this.#tally.mark(verdict.outcome === "conflict" ? "write conflicted" : "command rejected");
      return;
    }
    const { index } = verdict.revision;
    operation.revision = verdict.revision;
    if (index <= after) violated("linearizability", `${key} began after index ${after} and took effect at ${index}`);
    this.#ended = Math.max(this.#ended, index);
    if (operation.kind === "increment") this.#incremented(operation);
  }

  notCommitted(operation: Operation): void {
    const { key, outcome } = operation;
    if (outcome !== "open" && outcome !== "unknown")
      violated("ends are final", `${key} was called not committed after it was ${outcome}`);
    if (outcome === "unknown") this.#tally.mark("unknown outcome overtaken");
    operation.outcome = "not-committed";
    this.observer?.ended(operation);
    this.#tally.mark("write not committed");
  }

  unknown(operation: Operation): void {
    operation.outcome = "unknown";
    this.#tally.mark("outcome unknown");
  }

  beginRead(): Read {
    const read = { after: this.#ended, counter: this.#counter };
    this.observer?.readBegan(read);
    return read;
  }

  /** A read saw the state at `index`, with the counter at `counter`. */
  endRead({ after, counter: before }: Read, index: number, counter: number): void {
    this.#tally.mark("read answered");
    if (index < after) violated("linearizability", `a read began after index ${after} and saw the state at ${index}`);
    if (counter < before) violated("linearizability", `a read saw ${counter} after ${before} was acknowledged`);
    this.#ended = Math.max(this.#ended, index);
  }

  /** A row is as the operation that wrote it says. */
  saw(key: string, value: string, revision: Revision): void {
    const operation = this.#values.get(value);
    if (operation?.key !== key) violated("rows are written whole", `${key} holds ${value}, which nobody wrote there`);
    if (operation.outcome === "not-committed" || operation.outcome === "conflict" || operation.outcome === "rejected")
      violated("ends are true", `${key} holds ${value}, of which was said: ${operation.outcome}`);
    const told = operation.revision;
    if (told !== undefined && (told.index !== revision.index || told.position !== revision.position))
      violated("ends are true", `${key} holds ${value} at ${text(revision)}, acknowledged at ${text(told)}`);
  }

  /** At the end: `revisionOf` reads a replica's final state. */
  checkFinal(revisionOf: (key: string) => Revision | undefined, counter: number): void {
    for (const { kind, key, outcome, revision } of this.operations) {
      if (kind !== "unique" && kind !== "membership") continue;
      const found = revisionOf(key);
      if (outcome === "applied" && (found?.index !== revision?.index || found?.position !== revision?.position))
        violated("acknowledged is kept", `${key} was acknowledged at ${text(revision)} and is at ${text(found)}`);
      if (found !== undefined && outcome !== "applied" && outcome !== "open" && outcome !== "unknown")
        violated("ends are true", `${key} is there, of which was said: ${outcome}`);
    }
    const increments = this.operations.filter(({ kind }) => kind === "increment");
    const applied = increments.filter(({ outcome }) => outcome === "applied").length;
    const perhaps = increments.filter(({ outcome }) => outcome === "open" || outcome === "unknown").length;
    if (counter < applied || counter > applied + perhaps)
      violated("exactly once", `the counter is ${counter} after ${applied} increments and ${perhaps} of unknown end`);
  }

  #incremented(operation: Operation): void {
    const count = Number.parseInt(operation.value, 10);
    const other = this.#counts.get(count);
    if (other !== undefined && other !== operation) violated("no update is lost", `two increments ended at ${count}`);
    this.#counts.set(count, operation);
    this.#counter = Math.max(this.#counter, count);
  }
}

function text(revision: Revision | undefined): string {
  return revision === undefined ? "none" : `${revision.index}/${revision.position}`;
}
