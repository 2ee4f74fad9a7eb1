/** The connection on which one peer sends to this node: it is read, and written to only to answer pings. */
import type { TLSSocket } from "node:tls";
import type { NodeId } from "@strongroom/raft";
import type { Cancel, Clock, Logger, Timers } from "@strongroom/runtime";
import { asError } from "@strongroom/runtime";
import { PeerCodecError } from "./codec.ts";
import { encodeFrame, FrameError, FrameReader } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import type { PeerMessage } from "./message.ts";
import type { TlsIdentity } from "./tls-identity.ts";

export interface InboundPeerContext {
  readonly identity: TlsIdentity;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** A connection on which nothing came for so long, pings included, is closed. */
  readonly silenceMs: number;
  readonly onMessages: (from: NodeId, senderWallMs: number, messages: readonly PeerMessage[]) => void;
}

/** Reads `socket`, whose certificate says that it is `from`, until it ends. */
export function readInboundPeer(socket: TLSSocket, from: NodeId, context: InboundPeerContext): void {
  const { identity, clock, timers, logger, silenceMs, onMessages } = context;
  let silentIntervals = 0;
  const inbox = new Inbox({
    clusterId: identity.clusterId,
    route: { from, to: identity.nodeId },
    // Bytes of a chunk may hold more frames after a message that made its receiver close the connection.
    deliver: (senderWallMs, messages) => {
      if (!socket.destroyed) onMessages(from, senderWallMs, messages);
    },
    onPing: () => {
      // A peer that does not read its answers loses them, not our memory.
      if (socket.writableLength === 0) socket.write(encodeFrame("pong", clock.wallMs(), new Uint8Array(0)));
    },
  });
  const reader = new FrameReader((frame) => inbox.take(frame));
  const cancel: Cancel = timers.every(silenceMs / 4, () => {
    if (silentIntervals++ >= 4) socket.destroy(new FrameError("the peer fell silent"));
  });
  socket.on("data", (chunk: Uint8Array) => {
    silentIntervals = 0;
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof PeerCodecError)) throw error;
      logger.warn("closed a peer's connection: its bytes are not those of a node", {
        peer: from,
        reason: error.message,
      });
      socket.destroy();
    }
  });
  socket.on("error", (error) =>
    logger.debug("a peer's connection broke", { peer: from, reason: asError(error).message }),
  );
  socket.once("close", cancel);
}
