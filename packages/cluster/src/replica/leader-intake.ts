/**
 * Proposals on their way into the leader's log: its own workers' and those that other nodes sent. They wait here until
 * the turn ends (all that came in a turn is packed together) and, in a new leader, until the first entry of its term is
 * applied: only then does it know the log's last stamp, which its own may not precede.
 */
import type { ProposalId } from "../transport/message.ts";
import type { ProposalKind } from "./proposal-tracker.ts";

/** One sending, or what was left of it after verification; `origin` is the node that proposed. */
export interface Intake {
  readonly origin: number;
  readonly batch: number;
  readonly kind: ProposalKind;
  readonly ids: readonly ProposalId[];
  readonly payloads: readonly Uint8Array[];
}

/** More than this waiting is refused as busy. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export class LeaderIntake {
  #waiting: Intake[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** False: too much is waiting; the caller answers that it was dropped. */
  offer(intake: Intake): boolean {
    const bytes = sizeOf(intake);
    if (this.#bytes > 0 && this.#bytes + bytes > MAX_WAITING_BYTES) return false;
    this.#waiting.push(intake);
    this.#bytes += bytes;
    return true;
  }

  take(): readonly Intake[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }
}

/**
 * Splits command bytes into the bodies of entries: each as large as `maxBytes` or one command, in order.
 * An entry is one fsync's share and one frame's worth; packing divides its costs among its commands.
 */
export function packCommands(
  commands: readonly Uint8Array[],
  limits: { readonly maxBytes: number; readonly maxCommands: number },
): readonly (readonly Uint8Array[])[] {
  const packs: Uint8Array[][] = [];
  let pack: Uint8Array[] = [];
  let bytes = 0;
  for (const command of commands) {
    if (pack.length > 0 && (bytes + command.length > limits.maxBytes || pack.length >= limits.maxCommands)) {
      packs.push(pack);
      pack = [];
      bytes = 0;
    }
    pack.push(command);
    bytes += command.length;
  }
  if (pack.length > 0) packs.push(pack);
  return packs;
}

function sizeOf(intake: Intake): number {
  let bytes = 0;
  for (const payload of intake.payloads) bytes += payload.length;
  return bytes;
}
