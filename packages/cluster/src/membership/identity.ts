/**
 * Who this node is. Its identity key is made at the first start and never leaves the data directory; with the
 * certificate that the cluster CA gave for it, it is what the other nodes know the node by. Both are needed while the node
 * is sealed, so they lie beside the data, outside the barrier: `identity.key` (PKCS #8, PEM) and `identity.json`.
 *
 * An identity dies with its disk: a node that lost its log comes back with a new directory, a new key and a new id.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { join } from "node:path";
import type { Entropy } from "@strongroom/runtime";
import { assert, StrongroomError } from "@strongroom/runtime";
import { certificatePem, parseCertificate, parseIdentityKey, verifyNodeCertificate } from "./certificates.ts";
import { makePrivateDirectory, readTextIfPresent, writeFileDurably } from "./identity-files.ts";

/** What makes a node part of a cluster. All of it is public. */
export interface NodeMembership {
  readonly clusterId: string;
  readonly nodeId: number;
  /** What people call it. */
  readonly name: string;
  readonly certificateDer: Uint8Array;
  readonly caCertificateDer: Uint8Array;
  readonly clusterAddress: string;
  readonly apiAddress: string;
  readonly grpcAddress: string;
}

/** The identity files of a data directory do not belong together, or cannot be read. */
export class IdentityError extends StrongroomError {
  readonly code = "bad_identity";
}

/** Made at a directory's first start. */
export const KEY_FILE = "identity.key";
const IDENTITY_FILE = "identity.json";
const FORMAT = 1;

/** A node id that nobody else has drawn: 1 ≤ id < 2^53, from 52 random bits and a bit that keeps it from being 0. */
export function drawNodeId(entropy: Entropy): number {
  const bytes = entropy.bytes(7);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 7);
  const high = view.getUint16(0) & 0x0fff;
  const middle = view.getUint32(2);
  const low = bytes[6] ?? 0;
  const id = high * 2 ** 40 + middle * 2 ** 8 + low + 1;
  assert(Number.isSafeInteger(id), "a node id is a safe integer");
  return id;
}

export class NodeIdentity {
  readonly #directory: string;
  readonly #privateKey: KeyObject;
  readonly publicKeySpki: Uint8Array;
  #membership: NodeMembership | undefined;

  private constructor(directory: string, privateKey: KeyObject, membership: NodeMembership | undefined) {
    this.#directory = directory;
    this.#privateKey = privateKey;
    this.publicKeySpki = Uint8Array.from(createPublicKey(privateKey).export({ format: "der", type: "spki" }));
    this.#membership = membership;
  }

  /**
   * Reads the identity in `directory`, or makes the key at the first start. Throws `IdentityError` when what is there
   * cannot be used: it is never replaced by itself.
   */
  static open(directory: string): NodeIdentity {
    makePrivateDirectory(directory);
    const keyText = readTextIfPresent(directory, KEY_FILE);
    const identityText = readTextIfPresent(directory, IDENTITY_FILE);
    if (keyText === undefined) {
      if (identityText !== undefined)
        throw new IdentityError(
          `${directory} has ${IDENTITY_FILE} but no ${KEY_FILE}; restore the file, or join again with an empty directory`,
        );
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      writeFileDurably(join(directory, KEY_FILE), privateKey.export({ format: "pem", type: "pkcs8" }).toString());
      return new NodeIdentity(directory, privateKey, undefined);
    }
    const privateKey = readPrivateKey(keyText, directory);
    const membership = identityText === undefined ? undefined : parseMembership(identityText, directory);
    if (membership !== undefined) checkMembership(membership, privateKey);
    return new NodeIdentity(directory, privateKey, membership);
  }

  /** Undefined until the cluster was initialised here, or joined. */
  get membership(): NodeMembership | undefined {
    return this.#membership;
  }

  /** For TLS. The key object keeps the bytes out of logs; whoever exports it answers for them. */
  get privateKey(): KeyObject {
    return this.#privateKey;
  }

  /**
   * Takes `membership` up, and has it on disk when it returns. Throws `CertificateError` or `IdentityError` unless its
   * certificate is the CA's, for this key and this id. New addresses replace old ones; the node id never changes.
   */
  adopt(membership: NodeMembership): void {
    checkMembership(membership, this.#privateKey);
    if (this.#membership !== undefined && this.#membership.nodeId !== membership.nodeId)
      throw new IdentityError("a node keeps its id; to join another cluster, start with an empty data directory");
    writeFileDurably(join(this.#directory, IDENTITY_FILE), formatMembership(membership));
    this.#membership = membership;
  }

  /** ECDSA with SHA-256, DER, by the identity key. `bytes` begin with what they are for, so that no two uses mix. */
  sign(bytes: Uint8Array): Uint8Array {
    return Uint8Array.from(sign("sha256", bytes, this.#privateKey));
  }
}

/** Whether the holder of the identity key `publicKeySpki` signed `bytes`; false, too, for a key of another kind. */
export function verifyIdentitySignature(publicKeySpki: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify("sha256", bytes, parseIdentityKey(publicKeySpki), signature);
  } catch (error) {
    if (error instanceof StrongroomError) return false;
    throw error;
  }
}

function readPrivateKey(keyPem: string, directory: string): KeyObject {
  try {
    const key = createPrivateKey(keyPem);
    if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
  } catch {
    // The cause is left out: OpenSSL's words help nobody, and may quote the file.
  }
  throw new IdentityError(`${join(directory, KEY_FILE)} holds no ECDSA P-256 key; restore it from a copy of this disk`);
}

function checkMembership(membership: NodeMembership, privateKey: KeyObject): void {
  const certificate = parseCertificate(membership.certificateDer);
  const named = verifyNodeCertificate(certificate, parseCertificate(membership.caCertificateDer));
  if (named.clusterId !== membership.clusterId || named.nodeId !== membership.nodeId)
    throw new IdentityError("the node's certificate names another node or cluster than its identity file");
  if (!certificate.checkPrivateKey(privateKey))
    throw new IdentityError("the node's certificate was made for another key than the one in its data directory");
}

function formatMembership(membership: NodeMembership): string {
  const { certificateDer, caCertificateDer, ...names } = membership;
  const file = {
    format: FORMAT,
    ...names,
    certificate: certificatePem(certificateDer),
    caCertificate: certificatePem(caCertificateDer),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

function parseMembership(text: string, directory: string): NodeMembership {
  const path = join(directory, IDENTITY_FILE);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw new IdentityError(`${path} is not JSON; restore it from a copy of this disk`, { cause });
  }
  const fields = new Map(typeof file === "object" && file !== null ? Object.entries(file) : []);
  if (fields.get("format") !== FORMAT)
    throw new IdentityError(`${path} has a format that this version does not know; start the version that wrote it`);
  const string = (name: string): string => {
    const value: unknown = fields.get(name);
    if (typeof value !== "string") throw new IdentityError(`${path} has no "${name}"`);
    return value;
  };
  const nodeId: unknown = fields.get("nodeId");
  if (typeof nodeId !== "number") throw new IdentityError(`${path} has no "nodeId"`);
  return {
    clusterId: string("clusterId"),
    nodeId,
    name: string("name"),
    certificateDer: Uint8Array.from(parseCertificate(string("certificate")).raw),
    caCertificateDer: Uint8Array.from(parseCertificate(string("caCertificate")).raw),
    clusterAddress: string("clusterAddress"),
    apiAddress: string("apiAddress"),
    grpcAddress: string("grpcAddress"),
  };
}
