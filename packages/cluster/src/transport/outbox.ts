/**
 * What waits to be sent to one peer: as little as possible. A turn's messages are packed into frames and written together;
 * what the socket does not take at once waits here, up to a bound, in the order it came; past the bound appends and
 * proposals are dropped, because whoever sent them will send something newer. Urgent messages (heartbeats, votes,
 * answers) overtake what waits, between two parts of a large entry too. When even the socket is full, the newest urgent
 * one of each type is kept.
 */
import { assert, ByteWriter } from "@strongroom/runtime";
import { encodeMessage, messageBytesBound, type Route } from "./codec.ts";
import { encodeFrame, FrameBuilder, type FrameKind, MAX_FRAME_PAYLOAD_BYTES, MAX_MESSAGE_BYTES } from "./frame.ts";
import type { PeerMessage } from "./message.ts";

/** The part of a `net.Socket` that the outbox writes to. */
export interface FrameSink {
  readonly writableLength: number;
  /** Takes `bytes` over. False: it is full; `Outbox.drained` is called once it is empty again. */
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
}

export interface OutboxLimits {
  /** Past so many bytes waiting (here and in the socket) appends and proposals are dropped. One may overshoot it. */
  readonly backlogBytes: number;
  /** Past so many bytes in the socket urgent messages wait too, the newest of each type. */
  readonly urgentBytes: number;
}

export const DEFAULT_OUTBOX_LIMITS: OutboxLimits = { backlogBytes: 8 * 1024 * 1024, urgentBytes: 512 * 1024 };

export interface OutboxContext {
  readonly sink: FrameSink;
  readonly route: Route;
  readonly wallMs: () => number;
  readonly limits: OutboxLimits;
}

/** A message too large for one frame, sent part by part. */
interface Parts {
  readonly bytes: Uint8Array;
  offset: number;
}

export class Outbox {
  readonly #sink: FrameSink;
  readonly #route: Route;
  readonly #wallMs: () => number;
  readonly #limits: OutboxLimits;
  /** Given in this turn, not packed yet. */
  #turn: PeerMessage[] = [];
  #turnBytes = 0;
  #flushScheduled = false;
  /** Frames and large messages in the order in which they go out. */
  readonly #waiting: (Uint8Array | Parts)[] = [];
  #waitingBytes = 0;
  /** By type, in the order in which the types first came. */
  readonly #reserve: Map<PeerMessage["type"], PeerMessage> = new Map();
  #full = false;
  #closed = false;

  constructor({ sink, route, wallMs, limits }: OutboxContext) {
    this.#sink = sink;
    this.#route = route;
    this.#wallMs = wallMs;
    this.#limits = limits;
  }

  /** Takes `messages` for the end of this turn. False when at least one was dropped. */
  offer(messages: readonly PeerMessage[]): boolean {
    if (this.#closed) return messages.length === 0;
    let kept = true;
    for (const message of messages) {
      if (isUrgent(message)) {
        if (this.#sink.writableLength < this.#limits.urgentBytes) this.#take(message, messageBytesBound(message));
        else this.#reserve.set(message.type, message);
        continue;
      }
      const bytes = messageBytesBound(message);
      const backlog = this.#sink.writableLength + this.#waitingBytes + this.#turnBytes;
      if (backlog > this.#limits.backlogBytes || bytes > MAX_MESSAGE_BYTES) kept = false;
      else this.#take(message, bytes);
    }
    return kept;
  }

  /** The socket is empty again. */
  drained(): void {
    this.#full = false;
    if (this.#closed) return;
    this.#sink.cork();
    if (this.#reserve.size > 0) {
      const urgent = [...this.#reserve.values()];
      this.#reserve.clear();
      this.#writeUrgent(urgent);
    }
    this.#pump();
    this.#sink.uncork();
  }

  /** Sends a frame without messages (a greeting, a sign of life) ahead of what waits. */
  writeControl(kind: FrameKind, payload: Uint8Array): void {
    if (!this.#closed) this.#write(encodeFrame(kind, this.#wallMs(), payload));
  }

  /** Drops all that waits. */
  close(): void {
    this.#closed = true;
    this.#turn = [];
    this.#waiting.length = 0;
    this.#reserve.clear();
  }

  #take(message: PeerMessage, bytes: number): void {
    this.#turn.push(message);
    this.#turnBytes += bytes;
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    const turn = this.#turn;
    this.#turn = [];
    this.#turnBytes = 0;
    if (this.#closed || turn.length === 0) return;
    // Where nothing waits, all keep their order and share frames.
    const overtakes = this.#waiting.length > 0;
    const urgent = overtakes ? turn.filter(isUrgent) : [];
    this.#enqueue(overtakes ? turn.filter((message) => !isUrgent(message)) : turn);
    this.#sink.cork();
    this.#writeUrgent(urgent);
    this.#pump();
    this.#sink.uncork();
  }

  #enqueue(messages: readonly PeerMessage[]): void {
    for (const item of this.#packed(messages)) {
      this.#waiting.push(item);
      this.#waitingBytes += item instanceof Uint8Array ? item.length : item.bytes.length;
    }
  }

  #writeUrgent(messages: readonly PeerMessage[]): void {
    for (const item of this.#packed(messages)) {
      assert(item instanceof Uint8Array, "an urgent message fits into a frame");
      this.#write(item);
    }
  }

  /** The messages as frames, in order; those that fit into none as parts to be cut. Each byte is copied once. */
  #packed(messages: readonly PeerMessage[]): (Uint8Array | Parts)[] {
    const packed: (Uint8Array | Parts)[] = [];
    const sizes = messages.map(messageBytesBound);
    for (let first = 0; first < messages.length; ) {
      let end = first;
      let bytes = 0;
      while (end < messages.length && bytes + (sizes[end] ?? 0) <= MAX_FRAME_PAYLOAD_BYTES) bytes += sizes[end++] ?? 0;
      if (end === first) {
        const writer = new ByteWriter(sizes[first]);
        encodeMessage(writer, messages[first++] as PeerMessage, this.#route);
        packed.push({ bytes: writer.view(), offset: 0 });
        continue;
      }
      const builder = new FrameBuilder("batch", this.#wallMs(), bytes);
      while (first < end) encodeMessage(builder.writer, messages[first++] as PeerMessage, this.#route);
      packed.push(builder.seal());
    }
    return packed;
  }

  #pump(): void {
    while (!this.#full) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (next instanceof Uint8Array) {
        this.#waiting.shift();
        this.#waitingBytes -= next.length;
        this.#write(next);
      } else this.#writePart(next);
    }
  }

  #writePart(parts: Parts): void {
    const isFirst = parts.offset === 0;
    const builder = new FrameBuilder(isFirst ? "first-part" : "next-part", this.#wallMs(), MAX_FRAME_PAYLOAD_BYTES);
    if (isFirst) builder.writer.u32(parts.bytes.length);
    const end = Math.min(parts.bytes.length, parts.offset + MAX_FRAME_PAYLOAD_BYTES - builder.length);
    builder.writer.raw(parts.bytes.subarray(parts.offset, end));
    this.#waitingBytes -= end - parts.offset;
    parts.offset = end;
    if (end === parts.bytes.length) this.#waiting.shift();
    this.#write(builder.seal());
  }

  #write(frame: Uint8Array): void {
    if (!this.#sink.write(frame)) this.#full = true;
  }
}

/** What may be large, or must not overtake: an append ahead of the one before it would be rejected. */
const BULK: ReadonlySet<PeerMessage["type"]> = new Set([
  "MsgApp",
  "MsgSnap",
  "propose",
  "propose-membership",
  "proposal-dropped",
]);

/** True of what is small, soon out of date, and waited for by elections and commits. */
function isUrgent(message: PeerMessage): boolean {
  return !BULK.has(message.type);
}
