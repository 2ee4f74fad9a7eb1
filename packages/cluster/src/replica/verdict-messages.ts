/** One worker's verdicts of a turn, as the messages that tell it of them. */
import type { Verdict } from "@strongroom/storage";
import type { ReplicaToWorker } from "../port/messages.ts";

export class VerdictMessages {
  readonly #committed = { sequences: [] as number[], indices: [] as number[], positions: [] as number[] };
  readonly #others = { sequences: [] as number[], verdicts: [] as Verdict[] };

  add(sequence: number, verdict: Verdict): void {
    if (verdict.outcome === "applied") {
      this.#committed.sequences.push(sequence);
      this.#committed.indices.push(verdict.revision.index);
      this.#committed.positions.push(verdict.revision.position);
    } else {
      this.#others.sequences.push(sequence);
      this.#others.verdicts.push(verdict);
    }
  }

  messages(): readonly ReplicaToWorker[] {
    const messages: ReplicaToWorker[] = [];
    if (this.#committed.sequences.length > 0) messages.push({ type: "committed", ...this.#committed });
    if (this.#others.sequences.length > 0) messages.push({ type: "verdicts", ...this.#others });
    return messages;
  }
}
