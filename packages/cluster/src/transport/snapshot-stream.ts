/**
 * A snapshot's way from one node to another: a TLS connection of its own, so that it stands in nobody's way. It begins
 * with the same greeting frame as a peer connection; all bytes after that are the snapshot's. The pace is the receiver's:
 * a chunk is written when the one before has left this process.
 */
import { Writable } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import type { NodeId } from "@strongroom/raft";
import type { Cancel, Clock, Timers } from "@strongroom/runtime";
import { asError } from "@strongroom/runtime";
import { parseHostPort } from "./address.ts";
import { decodeHello, encodeFrame, encodeHello, FRAME_VERSION, FrameError, FrameReader } from "./frame.ts";
import type { PeerLookup } from "./peer-lookup.ts";
import { ALPN, clientTlsOptions, peerNodeId, type TlsIdentity } from "./tls-identity.ts";
import { type Peer, PeerCallError } from "./transport.ts";

export interface SnapshotStreamContext {
  readonly identity: TlsIdentity;
  readonly lookup: PeerLookup;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly handshakeTimeoutMs: number;
  /** A receiver that takes nothing for so long has stalled. */
  readonly stallMs: number;
}

const BUFFER_BYTES = 1024 * 1024;

/** The stream that `PeerTransport.openSnapshotStream` describes; without a peer, one that fails. */
export function openSnapshotStream(peer: Peer | undefined, context: SnapshotStreamContext): Writable {
  const { timers, stallMs } = context;
  let socket: TLSSocket | undefined;
  let cancelWatch: Cancel = () => {};
  /** Runs `work` and fails the stream unless it calls back in time. */
  const watched = (work: (done: (error?: Error | null) => void) => void, callback: (error?: Error | null) => void) => {
    cancelWatch = timers.after(stallMs, () => stream.destroy(unavailable(peer, "it takes nothing any more")));
    work((error) => {
      cancelWatch();
      callback(error ? unavailable(peer, error.message) : null);
    });
  };
  const stream = new Writable({
    highWaterMark: BUFFER_BYTES,
    construct(callback) {
      if (peer === undefined) {
        callback(unavailable(peer, ""));
        return;
      }
      let reason = "it closed the connection";
      let isOpen = false;
      try {
        socket = dial(peer, context, () => {
          isOpen = true;
          callback();
        });
      } catch (error) {
        callback(unavailable(peer, asError(error).message));
        return;
      }
      socket.on("error", (error) => {
        reason = asError(error).message;
      });
      // Until it is open the stream waits for this callback, and `destroy` would wait for it too.
      socket.once("close", () => {
        if (!isOpen) callback(unavailable(peer, reason));
        else if (!stream.writableFinished) stream.destroy(unavailable(peer, reason));
      });
    },
    write(chunk: Uint8Array, _encoding, callback) {
      watched((done) => socket?.write(chunk, done), callback);
    },
    final(callback) {
      watched((done) => {
        socket?.once("end", () => done());
        socket?.end();
      }, callback);
    },
    destroy(error, callback) {
      cancelWatch();
      socket?.destroy();
      callback(error);
    },
  });
  return stream;
}

function dial(peer: Peer, context: SnapshotStreamContext, opened: () => void): TLSSocket {
  const { identity, lookup, clock, timers, handshakeTimeoutMs } = context;
  const { host, port } = parseHostPort(peer.address);
  const socket = connect({ ...clientTlsOptions(identity, ALPN.snapshot), host, port, lookup: lookup.forSocket });
  const cancel = timers.after(handshakeTimeoutMs, () => socket.destroy(new Error("the handshake took too long")));
  socket.once("close", cancel);
  socket.once("secureConnect", () => {
    cancel();
    try {
      if (peerNodeId(socket, identity) !== peer.id) throw new Error("another node answers at its address");
    } catch (error) {
      socket.destroy(asError(error));
      return;
    }
    const hello = { clusterId: identity.clusterId, from: identity.nodeId, to: peer.id, newestVersion: FRAME_VERSION };
    socket.write(encodeFrame("hello", clock.wallMs(), encodeHello(hello)));
    socket.resume();
    opened();
  });
  return socket;
}

function unavailable(peer: Peer | undefined, reason: string): PeerCallError {
  if (peer === undefined) return new PeerCallError("peer_unavailable", "a snapshot is sent to a known peer only");
  return new PeerCallError(
    "peer_unavailable",
    `the snapshot stream to node ${peer.id} at ${peer.address} broke: ${reason}`,
  );
}

/**
 * Reads the greeting on `socket`, which came from `from`, and gives the stream of what follows it to `onStream`. Bytes
 * that are no greeting, or one that disagrees with the certificates, close the connection.
 */
export function acceptSnapshotStream(
  socket: TLSSocket,
  from: NodeId,
  { identity, timers, handshakeTimeoutMs }: Pick<SnapshotStreamContext, "identity" | "timers" | "handshakeTimeoutMs">,
  onStream: (stream: TLSSocket) => void,
): void {
  const cancel = timers.after(handshakeTimeoutMs, () => socket.destroy(new FrameError("no greeting came in time")));
  socket.once("close", cancel);
  const greeting = new FrameReader(({ kind, payload }) => {
    const hello = kind === "hello" ? decodeHello(payload) : undefined;
    if (hello?.clusterId !== identity.clusterId || hello.from !== from || hello.to !== identity.nodeId)
      throw new FrameError("a greeting that disagrees with the certificates");
  });
  const onReadable = () => {
    try {
      const bytes = takeFrame(socket);
      if (bytes === undefined) return;
      cancel();
      socket.off("readable", onReadable);
      greeting.push(bytes);
    } catch (error) {
      socket.destroy(asError(error));
      return;
    }
    onStream(socket);
  };
  socket.on("readable", onReadable);
}

/** The first frame, and not a byte more; undefined while it is not all there. */
function takeFrame(socket: TLSSocket): Uint8Array | undefined {
  const head: unknown = socket.read(4);
  if (!(head instanceof Uint8Array)) return undefined;
  const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0);
  if (length > 1024) throw new FrameError("a greeting that is too long");
  const rest: unknown = socket.read(length);
  if (rest instanceof Uint8Array) return Buffer.concat([head, rest]);
  socket.unshift(head);
  return undefined;
}
