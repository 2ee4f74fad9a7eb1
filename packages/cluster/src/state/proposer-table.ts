/**
 * What makes a command take effect once, however often it is sent: for each proposer the verdicts of all sequences that it
 * may still ask about. Held in memory, and written with the batch whose commands changed it; alike on all replicas.
 */
import { createHash } from "node:crypto";
import { ByteWriter, compareBytes } from "@strongroom/runtime";
import type { Command, ProposerId, TableOp, Verdict } from "@strongroom/storage";
import { PROPOSER_INDEX_KEY, proposerKey } from "./keys.ts";
import { decodeProposerIndex, decodeProposerRow, encodeProposerIndex, encodeProposerRow } from "./proposer-rows.ts";
import type { RowReader } from "./types.ts";

/** A proposer never has a sequence under way that is this much above its floor. */
export const SEQUENCE_WINDOW = 1024;

export type Admission =
  /** New: run it and `record` its verdict. */
  | { readonly kind: "run" }
  /** It was run before, with this end. */
  | { readonly kind: "duplicate"; readonly verdict: Verdict }
  /** Its proposer has long had its answer, or has given it up: nobody waits for it, and it is never run. */
  | { readonly kind: "answered" }
  /** Never run, and remembered nowhere. */
  | { readonly kind: "refused"; readonly reason: string };

interface Proposer {
  readonly id: ProposerId;
  floor: number;
  readonly verdicts: Map<number, Verdict>;
}

interface NodeEntry {
  highestRemoved: number;
  readonly proposers: Map<number, Proposer>;
}

export class ProposerTable {
  readonly #nodes = new Map<number, NodeEntry>();
  /** Proposers whose rows differ from the written ones; `gone` are those without a row from now on. */
  readonly #changed = new Set<Proposer>();
  readonly #gone = new Map<string, Uint8Array>();
  #indexChanged = false;

  static load(reader: RowReader): ProposerTable {
    const table = new ProposerTable();
    const index = reader.getSync(PROPOSER_INDEX_KEY);
    if (index === undefined) return table;
    for (const { node, highestRemoved, incarnations } of decodeProposerIndex(index)) {
      const proposers = new Map<number, Proposer>();
      for (const incarnation of incarnations) {
        const id = { node, incarnation };
        const row = reader.getSync(proposerKey(id));
        const { floor, verdicts } = row === undefined ? { floor: 0, verdicts: new Map() } : decodeProposerRow(row);
        proposers.set(incarnation, { id, floor, verdicts });
      }
      table.#nodes.set(node, { highestRemoved, proposers });
    }
    return table;
  }

  verdict(proposer: ProposerId, sequence: number): Verdict | undefined {
    return this.#find(proposer)?.verdicts.get(sequence);
  }

  floor(proposer: ProposerId): number {
    return this.#find(proposer)?.floor ?? Number.POSITIVE_INFINITY;
  }

  has(proposer: ProposerId): boolean {
    return this.#find(proposer) !== undefined;
  }

  /** Decides whether a command is to be run, and raises its proposer's floor to the one that it carries. */
  admit(command: Command): Admission {
    const { sequence, floor } = command;
    const proposer = this.#find(command.proposer);
    if (proposer === undefined) return { kind: "refused", reason: "its proposer is not registered" };
    if (sequence < 1 || floor > sequence || sequence >= Math.max(floor, proposer.floor) + SEQUENCE_WINDOW) {
      return { kind: "refused", reason: "its sequence is out of range" };
    }
    if (floor > proposer.floor) this.#raiseFloor(proposer, floor);
    if (sequence < proposer.floor) return { kind: "answered" };
    const verdict = proposer.verdicts.get(sequence);
    return verdict === undefined ? { kind: "run" } : { kind: "duplicate", verdict };
  }

  /** The end of a command that was admitted to run. */
  record(id: ProposerId, sequence: number, verdict: Verdict): void {
    const proposer = this.#find(id);
    // A removal of its own node takes its proposer along.
    if (proposer === undefined) return;
    proposer.verdicts.set(sequence, verdict);
    this.#changed.add(proposer);
  }

  /** Adds a proposer and removes the older ones of its node that are not `alive`. False if it was removed before. */
  register(id: ProposerId, alive: readonly number[]): boolean {
    let node = this.#nodes.get(id.node);
    if (node?.proposers.has(id.incarnation) === true) return true;
    if (id.incarnation <= (node?.highestRemoved ?? 0)) return false;
    if (node === undefined) {
      node = { highestRemoved: 0, proposers: new Map() };
      this.#nodes.set(id.node, node);
    }
    for (const proposer of node.proposers.values()) {
      const { incarnation } = proposer.id;
      if (incarnation < id.incarnation && !alive.includes(incarnation)) this.#remove(node, proposer);
    }
    const proposer: Proposer = { id, floor: 0, verdicts: new Map() };
    node.proposers.set(id.incarnation, proposer);
    this.#gone.delete(keyText(id));
    this.#changed.add(proposer);
    this.#indexChanged = true;
    return true;
  }

  /** The node is no member any more, and its id is refused from now on. */
  removeNode(nodeId: number): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    for (const proposer of node.proposers.values()) this.#remove(node, proposer);
    this.#nodes.delete(nodeId);
    this.#indexChanged = true;
  }

  /** What has changed since the last call, as operations of the batch that is being made. */
  takeWrites(): readonly TableOp[] {
    const writes: TableOp[] = [];
    for (const proposer of this.#changed) {
      writes.push({ type: "put", key: proposerKey(proposer.id), value: encodeProposerRow(proposer) });
    }
    for (const key of this.#gone.values()) writes.push({ type: "delete", key });
    if (this.#indexChanged) writes.push({ type: "put", key: PROPOSER_INDEX_KEY, value: this.#encodeIndex() });
    this.#changed.clear();
    this.#gone.clear();
    this.#indexChanged = false;
    return writes;
  }

  /** SHA-256 over the table's rows in the order of their keys, each with the lengths of key and value before it. */
  hash(): Uint8Array {
    const rows: { key: Uint8Array; value: Uint8Array }[] = [{ key: PROPOSER_INDEX_KEY, value: this.#encodeIndex() }];
    for (const node of this.#nodes.values()) {
      for (const proposer of node.proposers.values()) {
        rows.push({ key: proposerKey(proposer.id), value: encodeProposerRow(proposer) });
      }
    }
    rows.sort((a, b) => compareBytes(a.key, b.key));
    const sha256 = createHash("sha256");
    for (const { key, value } of rows)
      sha256.update(new ByteWriter(key.length + value.length + 8).bytes(key).bytes(value).view());
    return Uint8Array.from(sha256.digest());
  }

  #find(id: ProposerId): Proposer | undefined {
    return this.#nodes.get(id.node)?.proposers.get(id.incarnation);
  }

  #raiseFloor(proposer: Proposer, floor: number): void {
    if (floor - proposer.floor <= proposer.verdicts.size) {
      for (let sequence = proposer.floor; sequence < floor; sequence++) proposer.verdicts.delete(sequence);
    } else {
      for (const sequence of proposer.verdicts.keys()) if (sequence < floor) proposer.verdicts.delete(sequence);
    }
    proposer.floor = floor;
    this.#changed.add(proposer);
  }

  #remove(node: NodeEntry, proposer: Proposer): void {
    node.proposers.delete(proposer.id.incarnation);
    node.highestRemoved = Math.max(node.highestRemoved, proposer.id.incarnation);
    this.#changed.delete(proposer);
    this.#gone.set(keyText(proposer.id), proposerKey(proposer.id));
    this.#indexChanged = true;
  }

  #encodeIndex(): Uint8Array {
    const nodes = [...this.#nodes].sort(([a], [b]) => a - b);
    return encodeProposerIndex(
      nodes.map(([node, { highestRemoved, proposers }]) => ({
        node,
        highestRemoved,
        incarnations: [...proposers.keys()].sort((a, b) => a - b),
      })),
    );
  }
}

function keyText(id: ProposerId): string {
  return `${id.node}/${id.incarnation}`;
}
