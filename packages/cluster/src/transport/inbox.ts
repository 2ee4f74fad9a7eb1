/** What comes from one peer: a greeting that must agree with its certificate, then messages, whole or in parts. */
import { ByteReader } from "@strongroom/runtime";
import { decodeMessage, type Route } from "./codec.ts";
import { decodeHello, type Frame, FrameError, MAX_MESSAGE_BYTES } from "./frame.ts";
import type { PeerMessage } from "./message.ts";

export interface InboxContext {
  readonly clusterId: string;
  /** As the certificates say. */
  readonly route: Route;
  /** The messages of one frame, with the clock of their sender. */
  readonly deliver: (senderWallMs: number, messages: readonly PeerMessage[]) => void;
  readonly onPing: () => void;
}

export class Inbox {
  readonly #context: InboxContext;
  #greeted = false;
  #large: Uint8Array | undefined;
  #filled = 0;

  constructor(context: InboxContext) {
    this.#context = context;
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  /** Throws `FrameError` or `PeerCodecError`: after that the connection must be closed. */
  take(frame: Frame): void {
    if (!this.#greeted) {
      this.#greet(frame);
      return;
    }
    switch (frame.kind) {
      case "batch":
        // One copy for all its messages: the frame's own bytes are the socket's.
        this.#deliverAll(frame.wallMs, new Uint8Array(frame.payload));
        return;
      case "first-part":
        this.#begin(frame.payload);
        this.#deliverLargeIfWhole(frame.wallMs);
        return;
      case "next-part":
        this.#append(frame.payload);
        this.#deliverLargeIfWhole(frame.wallMs);
        return;
      case "ping":
        this.#context.onPing();
        return;
      case "hello":
      case "pong":
        throw new FrameError(`a frame of kind "${frame.kind}" out of place`);
    }
  }

  #greet(frame: Frame): void {
    if (frame.kind !== "hello") throw new FrameError("a connection that does not begin with a greeting");
    const { clusterId, from, to } = decodeHello(frame.payload);
    const { route } = this.#context;
    if (clusterId !== this.#context.clusterId || from !== route.from || to !== route.to)
      throw new FrameError("a greeting that disagrees with the certificates");
    this.#greeted = true;
  }

  /** The messages keep `bytes`. */
  #deliverAll(senderWallMs: number, bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    const messages: PeerMessage[] = [];
    while (reader.remaining > 0) messages.push(decodeMessage(reader, this.#context.route));
    this.#context.deliver(senderWallMs, messages);
  }

  #begin(payload: Uint8Array): void {
    if (this.#large !== undefined) throw new FrameError("a large message inside another");
    const reader = new ByteReader(payload);
    const length = payload.length < 4 ? 0 : reader.u32();
    if (length === 0 || length > MAX_MESSAGE_BYTES) throw new FrameError(`a message of ${length} bytes`);
    this.#large = new Uint8Array(length);
    this.#filled = 0;
    this.#append(reader.raw(reader.remaining));
  }

  #append(part: Uint8Array): void {
    if (this.#large === undefined || this.#filled + part.length > this.#large.length || part.length === 0)
      throw new FrameError("a part that belongs to no message");
    this.#large.set(part, this.#filled);
    this.#filled += part.length;
  }

  #deliverLargeIfWhole(senderWallMs: number): void {
    if (this.#large === undefined || this.#filled < this.#large.length) return;
    const bytes = this.#large;
    this.#large = undefined;
    this.#deliverAll(senderWallMs, bytes);
  }
}
