/**
 * Calls to other nodes over the cluster port. A member is called over mutual TLS and must show a certificate of this
 * cluster for the very id that is meant; its channel is kept for the next call. A node that is known only by the
 * fingerprint of its cluster's CA is called without a certificate, as a joining node does.
 */
import { X509Certificate } from "node:crypto";
import { connect, createSecureContext, type PeerCertificate, type TLSSocket } from "node:tls";
import {
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import {
  ControlService,
  fromBinary,
  GrpcClient,
  JoinRequestSchema,
  JoinResponseSchema,
  toBinary,
} from "@strongroom/proto";
import type { NodeId } from "@strongroom/raft";
import type { Clock, Timers } from "@strongroom/runtime";
import { asError, StrongroomError } from "@strongroom/runtime";
import { CertificateError, caFingerprint, verifyNodeCertificate } from "../membership/certificates.ts";
import { formatHostPort, parseHostPort } from "./address.ts";
import { CODE_METADATA, MAX_CONTROL_BYTES } from "./control-server.ts";
import type { PeerLookup } from "./peer-lookup.ts";
import { ALPN, nodeIdOf, sentAuthority, type TlsIdentity } from "./tls-identity.ts";
import { type CallOptions, JOIN_METHOD, type Peer, PeerCallError, type PinnedAddress } from "./transport.ts";

const CHANNEL_OPTIONS: ClientOptions = {
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  // Nodes speak to nodes: an operator's proxy for the web is not for them.
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": MAX_CONTROL_BYTES,
  "grpc.max_send_message_length": MAX_CONTROL_BYTES,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc.keepalive_time_ms": 5000,
  "grpc.keepalive_timeout_ms": 2000,
  "grpc.ssl_target_name_override": "node.strongroom.internal",
};

export interface ControlClientContext {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly lookup: PeerLookup;
}

interface Channel {
  readonly address: string;
  readonly client: GrpcClient;
}

/** The channels to members. */
export class ControlClient {
  readonly #identity: TlsIdentity;
  readonly #context: ControlClientContext;
  readonly #channels = new Map<NodeId, Channel>();

  constructor(identity: TlsIdentity, context: ControlClientContext) {
    this.#identity = identity;
    this.#context = context;
  }

  /** Throws `PeerCallError`. */
  async call(peer: Peer, method: string, payload: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    const client = await this.#channel(peer);
    const deadline = this.#context.clock.wallMs() + options.timeoutMs;
    try {
      const response = await client.unary(ControlService.method.call, { method, payload }, new Metadata(), {
        deadline,
      });
      return response.payload;
    } catch (thrown) {
      const error = callError(asError(thrown), `node ${peer.id} at ${peer.address}`);
      // A new try resolves the name again and does not wait for the old channel's pauses.
      if (error.code === "peer_unavailable") this.forget(peer.id);
      throw error;
    }
  }

  /** Closes the channel to `id`, if there is one. */
  forget(id: NodeId): void {
    this.#channels.get(id)?.client.close();
    this.#channels.delete(id);
  }

  close(): void {
    for (const id of this.#channels.keys()) this.forget(id);
  }

  async #channel(peer: Peer): Promise<GrpcClient> {
    const kept = this.#channels.get(peer.id);
    if (kept?.address === peer.address) return kept.client;
    const target = await resolveTarget(peer.address, this.#context.lookup);
    const meanwhile = this.#channels.get(peer.id);
    if (meanwhile?.address === peer.address) return meanwhile.client;
    this.forget(peer.id);
    const { keyPem, chainPem, caPem } = this.#identity;
    const context = createSecureContext({ key: keyPem, cert: chainPem, ca: caPem, minVersion: "TLSv1.3" });
    const checkServerIdentity = identityCheck((certificate) => {
      const nodeId = nodeIdOf(certificate, this.#identity);
      if (nodeId !== peer.id) throw new CertificateError(`node ${nodeId} answers at the address of node ${peer.id}`);
    });
    const client = new GrpcClient(
      target,
      credentials.createFromSecureContext(context, { checkServerIdentity }),
      CHANNEL_OPTIONS,
    );
    this.#channels.set(peer.id, { address: peer.address, client });
    return client;
  }
}

/**
 * Calls `method`, which can only be Join, at a node that belongs to the cluster with this CA. The payload leaves this
 * machine only after the other side has shown that CA's certificate and proved to hold a node's key under it. Throws
 * `PeerCallError`.
 */
export async function callPinned(
  to: PinnedAddress,
  method: string,
  payload: Uint8Array,
  options: CallOptions,
  context: ControlClientContext,
): Promise<Uint8Array> {
  if (method !== JOIN_METHOD)
    throw new PeerCallError("peer_refused", `"${method}" can only be called by a node of the cluster`, {
      remoteCode: "no_certificate",
    });
  const deadlineMs = context.clock.monotonicMs() + options.timeoutMs;
  const target = await resolveTarget(to.address, context.lookup);
  const authority = await fetchAuthority(to, options, context);
  const checkServerIdentity = identityCheck((certificate) => void verifyNodeCertificate(certificate, authority));
  const secureContext = createSecureContext({ ca: authority.toString(), minVersion: "TLSv1.3" });
  const channel: ChannelCredentials = credentials.createFromSecureContext(secureContext, { checkServerIdentity });
  const client = new GrpcClient(target, channel, CHANNEL_OPTIONS);
  try {
    const remainingMs = Math.max(1, deadlineMs - context.clock.monotonicMs());
    const request = fromBinary(JoinRequestSchema, payload);
    const deadline = context.clock.wallMs() + remainingMs;
    const response = await client.unary(ControlService.method.join, request, new Metadata(), { deadline });
    return toBinary(JoinResponseSchema, response);
  } catch (thrown) {
    throw callError(asError(thrown), `the node at ${to.address}`);
  } finally {
    client.close();
  }
}

/**
 * The certificate of the CA that the node at an address shows, if its fingerprint is the expected one. That the node
 * belongs to it is not known yet: the caller connects again and trusts nothing but this CA.
 */
async function fetchAuthority(
  { address, caFingerprint: expected }: PinnedAddress,
  { timeoutMs }: CallOptions,
  { lookup, timers }: ControlClientContext,
): Promise<X509Certificate> {
  const { host, port } = parseHostPort(address);
  const socket = connect({
    host,
    port,
    lookup: lookup.forSocket,
    ALPNProtocols: [ALPN.control],
    minVersion: "TLSv1.3",
    rejectUnauthorized: false,
  });
  const cancel = timers.after(timeoutMs, () => socket.destroy(new Error("no answer in time")));
  try {
    const authority = await shownAuthority(socket);
    if (caFingerprint(authority.raw) !== expected)
      throw new PeerCallError(
        "peer_refused",
        `the node at ${address} belongs to another cluster than the token: its CA's fingerprint is ${caFingerprint(authority.raw)}`,
        { remoteCode: "wrong_cluster" },
      );
    return authority;
  } catch (cause) {
    if (cause instanceof StrongroomError) throw cause;
    throw new PeerCallError("peer_unavailable", `the node at ${address} cannot be reached: ${asError(cause).message}`, {
      cause,
    });
  } finally {
    cancel();
    socket.destroy();
  }
}

function shownAuthority(socket: TLSSocket): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(sentAuthority(socket)));
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
  });
}

/** For `checkServerIdentity`, which returns errors; OpenSSL has checked the chain before. */
function identityCheck(check: (certificate: X509Certificate) => void) {
  return (_host: string, certificate: PeerCertificate): Error | undefined => {
    try {
      check(new X509Certificate(certificate.raw));
      return undefined;
    } catch (error) {
      return asError(error);
    }
  };
}

/** A grpc-js target without a name in it, so that it never resolves one. */
async function resolveTarget(address: string, lookup: PeerLookup): Promise<string> {
  try {
    const { host, port } = parseHostPort(address);
    const resolved = await lookup.resolve(host);
    return `${resolved.family === 6 ? "ipv6" : "ipv4"}:${formatHostPort({ host: resolved.address, port })}`;
  } catch (cause) {
    throw new PeerCallError("peer_unavailable", `the address ${address} leads to no node: ${asError(cause).message}`, {
      cause,
    });
  }
}

function callError(error: Error, who: string): PeerCallError {
  if (!isServiceError(error))
    return new PeerCallError("peer_refused", `${who} could not be called: ${error.message}`, { cause: error });
  const remoteCode = error.metadata.get(CODE_METADATA)[0];
  if (typeof remoteCode === "string")
    return new PeerCallError("peer_refused", error.details, { remoteCode, cause: error });
  if (error.code === status.DEADLINE_EXCEEDED)
    return new PeerCallError("peer_unavailable", `${who} did not answer in time`, { cause: error });
  if (error.code === status.UNAVAILABLE || error.code === status.CANCELLED)
    return new PeerCallError("peer_unavailable", `${who} cannot be reached: ${error.details}`, { cause: error });
  return new PeerCallError("peer_refused", `${who} failed: ${error.details}`, { cause: error });
}

function isServiceError(error: Error): error is ServiceError {
  return "code" in error && "details" in error && "metadata" in error;
}
