/**
 * The two authorities of a cluster, and what they sign.
 *
 * The *cluster CA* says who is a node. Its key lives in the keyring, so only an unsealed worker signs, and only on port
 * 8201 does its word count. A node's certificate carries its id in a URI, `strongroom://<cluster>/node/<id>`, and no end
 * date (RFC 5280 §4.1.2.5: 99991231235959Z), since nobody can renew one in a sealed cluster; who has left is known by the
 * replicated set of removed ids, not by a date.
 *
 * The *HTTPS CA* serves people who bring no certificates of their own: each node makes one at first start, next to its
 * data. A certificate of one is worthless to the other.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import type { Entropy } from "@strongroom/runtime";
import { assert, StrongroomError, toHex, utf8 } from "@strongroom/runtime";
import * as der from "./certificates-der.ts";

/** What the keyring keeps of the cluster CA. The private key is secret; its owner wipes it. */
export interface ClusterCa {
  readonly certificateDer: Uint8Array;
  /** ECDSA over P-256, PKCS #8, DER. */
  readonly privateKeyPkcs8: Uint8Array;
}

/** A certificate or key that is not what it has to be; the message says which and why. */
export class CertificateError extends StrongroomError {
  readonly code = "bad_certificate";
}

/** Who a node certificate speaks of. */
export interface NodeName {
  readonly clusterId: string;
  readonly nodeId: number;
}

const NO_END_MS = Date.UTC(9999, 11, 31, 23, 59, 59);
/** A clock that lags a little must not take a new certificate for one of the future; a node's may lag for ever. */
const NODE_START_MS = Date.UTC(2000, 0, 1);

const CA_NAME = "Strongroom cluster ";

/** A new authority over who is a node of one cluster. */
export function createClusterCa(options: { readonly clusterId: string; readonly entropy: Entropy }): ClusterCa {
  const { publicKey, privateKey } = newKeyPair();
  const certificateDer = issue({
    serial: newSerial(options.entropy),
    issuer: `${CA_NAME}${options.clusterId}`,
    subject: `${CA_NAME}${options.clusterId}`,
    publicKeySpki: spkiOf(publicKey),
    signer: privateKey,
    notBeforeMs: NODE_START_MS,
    notAfterMs: NO_END_MS,
    kind: { type: "ca", signerSpki: spkiOf(publicKey) },
  });
  return { certificateDer, privateKeyPkcs8: pkcs8Of(privateKey) };
}

/** The id of the cluster that an authority was made for. Throws `CertificateError`. */
export function clusterOfCa(certificateDer: Uint8Array): string {
  const name = commonNameOf(parseCertificate(certificateDer));
  if (!name.startsWith(CA_NAME)) throw new CertificateError("the certificate is that of no cluster's authority");
  return name.slice(CA_NAME.length);
}

/**
 * The certificate (DER) that makes the holder of a key the node `nodeId`. `publicKeySpki` is its identity key as subject
 * public key info; throws `CertificateError` unless it is an ECDSA key over P-256.
 */
export function signNodeCertificate(
  ca: ClusterCa,
  subject: NodeName & { readonly publicKeySpki: Uint8Array; readonly entropy: Entropy },
): Uint8Array {
  assert(Number.isSafeInteger(subject.nodeId) && subject.nodeId > 0, "a node id is a positive safe integer");
  const caCertificate = parseCertificate(ca.certificateDer);
  const signer = createPrivateKey({ key: Buffer.from(ca.privateKeyPkcs8), format: "der", type: "pkcs8" });
  const issuerSpki = spkiOf(caCertificate.publicKey);
  assert(caCertificate.checkPrivateKey(signer), "the CA's certificate and key belong together");
  return issue({
    serial: newSerial(subject.entropy),
    issuer: commonNameOf(caCertificate),
    subject: `Strongroom node ${subject.nodeId}`,
    publicKeySpki: spkiOf(parseIdentityKey(subject.publicKeySpki)),
    signer,
    notBeforeMs: NODE_START_MS,
    notAfterMs: NO_END_MS,
    kind: { type: "node", signerSpki: issuerSpki, uri: nodeUri(subject) },
  });
}

/** The URI by which a node certificate names its node. */
function nodeUri(name: NodeName): string {
  return `strongroom://${name.clusterId}/node/${name.nodeId}`;
}

/**
 * The node that `certificate` speaks of, if the cluster CA signed it. Throws `CertificateError` otherwise. That the other
 * side of a connection *holds* the certificate's key is for TLS to prove; that the id was not removed, for the caller.
 */
export function verifyNodeCertificate(certificate: X509Certificate, caCertificate: X509Certificate): NodeName {
  if (!caCertificate.ca) throw new CertificateError("the cluster's certificate is not that of an authority");
  if (certificate.ca) throw new CertificateError("the certificate is that of an authority, not of a node");
  if (!certificate.checkIssued(caCertificate) || !certificate.verify(caCertificate.publicKey))
    throw new CertificateError("the certificate was not signed by this cluster's authority");
  const match = /^URI:strongroom:\/\/([0-9a-f-]{1,64})\/node\/([1-9][0-9]{0,15})$/.exec(
    certificate.subjectAltName ?? "",
  );
  const nodeId = Number(match?.[2]);
  if (match?.[1] === undefined || !Number.isSafeInteger(nodeId))
    throw new CertificateError("the certificate names no node of a Strongroom cluster");
  return { clusterId: match[1], nodeId };
}

/** Throws `CertificateError` when the bytes are no certificate. */
export function parseCertificate(derOrPem: Uint8Array | string): X509Certificate {
  try {
    return new X509Certificate(derOrPem);
  } catch (cause) {
    throw new CertificateError("the bytes are not an X.509 certificate", { cause });
  }
}

/** The key of a node; throws `CertificateError` unless it is ECDSA over P-256, which is all that nodes use. */
export function parseIdentityKey(spki: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch (cause) {
    throw new CertificateError("the bytes are not a public key", { cause });
  }
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new CertificateError("a node's identity key must be ECDSA over P-256");
  return key;
}

/** SHA-256 of a certificate's DER, in lower-case hex: what people compare, and what a join token pins. */
export function caFingerprint(certificateDer: Uint8Array): string {
  return toHex(createHash("sha256").update(certificateDer).digest());
}

export function certificatePem(certificateDer: Uint8Array): string {
  return pem("CERTIFICATE", certificateDer);
}

/** Two certificates and the key of the first, for a TLS listener. */
export interface ServerCertificates {
  /** The server's certificate, then its CA's. */
  readonly certPem: string;
  /** Secret. */
  readonly keyPem: string;
  readonly caPem: string;
  /** Secret; allows making another server's certificates under the same CA. */
  readonly caKeyPem: string;
  /** Of the CA. */
  readonly fingerprint: string;
}

const DAY_MS = 86_400_000;
/** Ten years for both: a server that runs on must not lock its clients out by a date that nobody was told of. */
const HTTPS_DAYS = 3650;

/**
 * Certificates for the HTTPS and gRPC doors of one node. `hosts` are DNS names and IP addresses. Without `ca` a new CA is
 * made; with it (as `demo` does, which gives all nodes one) the certificate is signed by that one.
 */
export function makeServerCertificates(options: {
  readonly hosts: readonly string[];
  readonly nowMs: number;
  readonly entropy: Entropy;
  readonly ca?: { readonly caPem: string; readonly caKeyPem: string } | undefined;
}): ServerCertificates {
  assert(options.hosts.length > 0, "a server certificate names at least one host");
  const startMs = options.nowMs - DAY_MS;
  const ca = options.ca ?? makeHttpsCa(options.entropy, startMs);
  const caCertificate = parseCertificate(ca.caPem);
  const caKey = createPrivateKey(ca.caKeyPem);
  if (!caCertificate.checkPrivateKey(caKey))
    throw new CertificateError("the CA's certificate and key do not belong together");
  const { publicKey, privateKey } = newKeyPair();
  const certificate = issue({
    serial: newSerial(options.entropy),
    issuer: commonNameOf(caCertificate),
    subject: `Strongroom server ${options.hosts[0]}`.slice(0, 64),
    publicKeySpki: spkiOf(publicKey),
    signer: caKey,
    notBeforeMs: startMs,
    notAfterMs: Math.min(options.nowMs + HTTPS_DAYS * DAY_MS, caCertificate.validToDate.getTime()),
    kind: { type: "server", signerSpki: spkiOf(caCertificate.publicKey), hosts: options.hosts },
  });
  return {
    certPem: certificatePem(certificate) + ca.caPem,
    keyPem: pem("PRIVATE KEY", pkcs8Of(privateKey)),
    caPem: ca.caPem,
    caKeyPem: ca.caKeyPem,
    fingerprint: caFingerprint(caCertificate.raw),
  };
}

function makeHttpsCa(entropy: Entropy, startMs: number): { readonly caPem: string; readonly caKeyPem: string } {
  const { publicKey, privateKey } = newKeyPair();
  const serial = newSerial(entropy);
  // The serial in the name tells the CAs of several nodes apart in a trust store.
  const name = `Strongroom HTTPS CA ${toHex(serial.subarray(0, 4))}`;
  const certificate = issue({
    serial,
    issuer: name,
    subject: name,
    publicKeySpki: spkiOf(publicKey),
    signer: privateKey,
    notBeforeMs: startMs,
    notAfterMs: startMs + HTTPS_DAYS * DAY_MS,
    kind: { type: "ca", signerSpki: spkiOf(publicKey) },
  });
  return { caPem: certificatePem(certificate), caKeyPem: pem("PRIVATE KEY", pkcs8Of(privateKey)) };
}

type CertificateKind =
  | { readonly type: "ca"; readonly signerSpki: Uint8Array }
  | { readonly type: "node"; readonly signerSpki: Uint8Array; readonly uri: string }
  | { readonly type: "server"; readonly signerSpki: Uint8Array; readonly hosts: readonly string[] };

interface Issue {
  readonly serial: Uint8Array;
  readonly issuer: string;
  readonly subject: string;
  readonly publicKeySpki: Uint8Array;
  readonly signer: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly kind: CertificateKind;
}

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** A certificate (RFC 5280 §4.1): the part to be signed, the algorithm, the signature. */
function issue(options: Issue): Uint8Array {
  const algorithm = der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
  const toBeSigned = der.sequence(
    der.context(0, der.integer(Uint8Array.of(2)), "constructed"),
    der.integer(options.serial),
    algorithm,
    distinguishedName(options.issuer),
    der.sequence(der.time(options.notBeforeMs), der.time(options.notAfterMs)),
    distinguishedName(options.subject),
    options.publicKeySpki,
    der.context(3, der.sequence(...extensions(options)), "constructed"),
  );
  return der.sequence(toBeSigned, algorithm, der.bitString(sign("sha256", toBeSigned, options.signer)));
}

/** RFC 5280 §4.2.1. What decides is critical; the two identifiers only help to find the issuer. */
function extensions({ kind, publicKeySpki }: Issue): Uint8Array[] {
  const common = [
    extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(publicKeySpki))),
    extension(
      OID.authorityKeyIdentifier,
      false,
      der.sequence(der.context(0, keyIdentifier(kind.signerSpki), "primitive")),
    ),
  ];
  if (kind.type === "ca")
    return [
      extension(OID.basicConstraints, true, der.sequence(der.boolean(true), der.integer(Uint8Array.of(0)))),
      extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b0000_0110), 1)), // keyCertSign, cRLSign
      ...common,
    ];
  const purposes = kind.type === "node" ? [OID.serverAuth, OID.clientAuth] : [OID.serverAuth];
  const names = kind.type === "node" ? [der.context(6, utf8(kind.uri), "primitive")] : kind.hosts.map(hostName);
  return [
    extension(OID.basicConstraints, true, der.sequence()),
    extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b1000_0000), 7)), // digitalSignature
    extension(OID.extendedKeyUsage, false, der.sequence(...purposes.map((purpose) => der.objectIdentifier(purpose)))),
    extension(OID.subjectAltName, false, der.sequence(...names)),
    ...common,
  ];
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectIdentifier(oid), ...flag, der.octetString(value));
}

function distinguishedName(commonName: string): Uint8Array {
  return der.sequence(der.set(der.sequence(der.objectIdentifier(OID.commonName), der.utf8String(commonName))));
}

/** A `GeneralName`: iPAddress or dNSName. */
function hostName(host: string): Uint8Array {
  const kind = isIP(host);
  if (kind === 0) {
    if (!/^[A-Za-z0-9*_.-]{1,253}$/.test(host))
      throw new CertificateError(`"${host}" is neither a host name nor an address`);
    return der.context(2, utf8(host), "primitive");
  }
  return der.context(7, kind === 4 ? Uint8Array.from(host.split("."), Number) : ipv6Bytes(host), "primitive");
}

function ipv6Bytes(address: string): Uint8Array {
  // The URL parser knows every spelling, embedded IPv4 too, and answers with RFC 5952's.
  const canonical = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = [...left, ...zeros, ...right];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

/** RFC 7093 §2, method 1: the leftmost 160 bits of SHA-256, here of the whole key info. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(spki).digest().subarray(0, 20));
}

/** 16 bytes, positive and never zero: the first bit is clear and the second set. */
function newSerial(entropy: Entropy): Uint8Array {
  const serial = entropy.bytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

function newKeyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

function spkiOf(publicKey: KeyObject): Uint8Array {
  return Uint8Array.from(publicKey.export({ format: "der", type: "spki" }));
}

function pkcs8Of(privateKey: KeyObject): Uint8Array {
  return Uint8Array.from(privateKey.export({ format: "der", type: "pkcs8" }));
}

function commonNameOf(certificate: X509Certificate): string {
  const name = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  if (name === undefined) throw new CertificateError("the authority's certificate has no common name");
  return name;
}

function pem(label: string, derBytes: Uint8Array): string {
  const lines =
    Buffer.from(derBytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
