/**
 * How the nodes of a cluster know each other on port 8201: TLS 1.3, both sides with the certificate that the cluster CA
 * gave them. What a connection may do hangs on its verified certificate alone, which is looked at here, by us: grpc-js's
 * own report (`getAuthContext`) has called unverified certificates verified (CVE-2026-101916), and is not asked.
 */
import { X509Certificate } from "node:crypto";
import type { ConnectionOptions, TLSSocket, TlsOptions } from "node:tls";
import type { NodeId } from "@strongroom/raft";
import { assert, present } from "@strongroom/runtime";
import {
  CertificateError,
  certificatePem,
  parseCertificate,
  verifyNodeCertificate,
} from "../membership/certificates.ts";
import type { NodeIdentity } from "../membership/identity.ts";

/** What selects, by ALPN (RFC 7301), what a connection is for. */
export const ALPN = { peer: "strongroom-peer/1", snapshot: "strongroom-snapshot/1", control: "h2" } as const;
export type Protocol = (typeof ALPN)[keyof typeof ALPN];

/** Large enough for several frames at once; with it, a full socket says so while heartbeats still fit. */
const SOCKET_BUFFER_BYTES = 262_144;

/** This node, as it shows itself to others, and the authority by which it recognises them. */
export interface TlsIdentity {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly keyPem: string;
  /** The node's certificate, then the CA's: a joining node compares the latter with its token. */
  readonly chainPem: string;
  readonly caPem: string;
  readonly caCertificate: X509Certificate;
}

/** `identity` must be a member of a cluster. */
export function tlsIdentity(identity: NodeIdentity): TlsIdentity {
  const { membership, privateKey } = identity;
  assert(membership !== undefined, "a node that is no member of a cluster has no certificate");
  const caPem = certificatePem(membership.caCertificateDer);
  return {
    nodeId: membership.nodeId as NodeId,
    clusterId: membership.clusterId,
    keyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    chainPem: certificatePem(membership.certificateDer) + caPem,
    caPem,
    caCertificate: parseCertificate(membership.caCertificateDer),
  };
}

/** Of `tls.connect` too, though its types do not know it. */
interface SocketBuffer {
  readonly highWaterMark: number;
}

/** For the listener. A client without a certificate gets in (it may join); what it may do is decided by `peerNodeId`. */
export function serverTlsOptions(identity: TlsIdentity, handshakeTimeoutMs: number): TlsOptions {
  return {
    key: identity.keyPem,
    cert: identity.chainPem,
    ca: identity.caPem,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: Object.values(ALPN),
    handshakeTimeout: handshakeTimeoutMs,
    highWaterMark: SOCKET_BUFFER_BYTES,
  };
}

/** For a connection to another member. The chain is checked by OpenSSL; the name, by `peerNodeId`. */
export function clientTlsOptions(identity: TlsIdentity, protocol: Protocol): ConnectionOptions & SocketBuffer {
  return {
    key: identity.keyPem,
    cert: identity.chainPem,
    ca: identity.caPem,
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
    // Nodes are known by their id, not by where they are.
    checkServerIdentity: () => undefined,
    ALPNProtocols: [protocol],
    highWaterMark: SOCKET_BUFFER_BYTES,
  };
}

/**
 * The node at the other end of a connection whose handshake is over; undefined when it showed no certificate. Throws
 * `CertificateError` when it showed one that is not good in this cluster.
 */
export function peerNodeId(socket: TLSSocket, identity: TlsIdentity): NodeId | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  if (!socket.authorized)
    throw new CertificateError(`the peer's certificate was not accepted: ${String(socket.authorizationError)}`);
  return nodeIdOf(certificate, identity);
}

/** Throws `CertificateError` unless `certificate` names a node of this cluster. */
export function nodeIdOf(certificate: X509Certificate, { caCertificate, clusterId }: TlsIdentity): NodeId {
  const name = verifyNodeCertificate(certificate, caCertificate);
  if (name.clusterId !== clusterId) throw new CertificateError("the peer's certificate is of another cluster");
  return name.nodeId as NodeId;
}

/** The remote address of an open connection, IPv4 not mapped into IPv6. */
export function remoteAddressOf(socket: { readonly remoteAddress?: string | undefined }): string {
  return (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}

/** The certificate at the end of the chain that the other side sent, which should be its CA's. */
export function sentAuthority(socket: TLSSocket): X509Certificate {
  let certificate = present(socket.getPeerX509Certificate(), "a TLS server always shows a certificate");
  for (let depth = 0; depth < 4; depth++) {
    const issuer: X509Certificate | undefined = certificate.issuerCertificate;
    if (issuer === undefined || issuer.raw.equals(certificate.raw)) break;
    certificate = issuer;
  }
  return new X509Certificate(certificate.raw);
}
