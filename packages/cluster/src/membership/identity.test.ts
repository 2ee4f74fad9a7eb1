import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClusterCa, signNodeCertificate } from "./certificates.ts";
import { createServerCertificates } from "./certificates-files.ts";
import { drawNodeId, IdentityError, NodeIdentity, verifyIdentitySignature } from "./identity.ts";

const entropy = new SeededRandom(7);
const clusterId = "0b0c5c5e-6a37-4d2a-9c39-1a2b3c4d5e6f";
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-identity-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function membershipFor(identity: NodeIdentity, nodeId = 5) {
  const ca = createClusterCa({ clusterId, entropy });
  const { publicKeySpki } = identity;
  return {
    clusterId,
    nodeId,
    name: "n1",
    certificateDer: signNodeCertificate(ca, { clusterId, nodeId, publicKeySpki, entropy }),
    caCertificateDer: ca.certificateDer,
    clusterAddress: "10.0.0.1:8201",
    apiAddress: "https://10.0.0.1:8200",
    grpcAddress: "10.0.0.1:8202",
  };
}

describe("NodeIdentity", () => {
  it("makes one key, keeps it, and lets only its owner read it", () => {
    const first = NodeIdentity.open(join(directory, "deep", "data"));
    const second = NodeIdentity.open(join(directory, "deep", "data"));
    expect(second.publicKeySpki).toEqual(first.publicKeySpki);
    expect(second.membership).toBeUndefined();
    expect(statSync(join(directory, "deep", "data")).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, "deep", "data", "identity.key")).mode & 0o777).toBe(0o600);
  });

  it("finds its membership again", () => {
    const identity = NodeIdentity.open(directory);
    const membership = membershipFor(identity);
    identity.adopt(membership);
    expect(NodeIdentity.open(directory).membership).toEqual(membership);
    expect(readdirSync(directory).sort()).toEqual(["identity.json", "identity.key"]);
  });

  it("refuses a certificate for another key or another id, and a change of id", () => {
    const identity = NodeIdentity.open(directory);
    const other = NodeIdentity.open(join(directory, "other"));
    expect(() => identity.adopt(membershipFor(other))).toThrow("another key");
    expect(() => identity.adopt({ ...membershipFor(identity), nodeId: 6 })).toThrow("another node");
    identity.adopt(membershipFor(identity));
    expect(() => identity.adopt(membershipFor(identity, 6))).toThrow("keeps its id");
  });

  it("refuses damaged files instead of replacing them", () => {
    NodeIdentity.open(directory).adopt(membershipFor(NodeIdentity.open(directory)));
    writeFileSync(join(directory, "identity.json"), '{"format":2}');
    expect(() => NodeIdentity.open(directory)).toThrow(IdentityError);
    writeFileSync(join(directory, "identity.json"), "{");
    expect(() => NodeIdentity.open(directory)).toThrow("not JSON");
    writeFileSync(join(directory, "identity.key"), "what");
    expect(() => NodeIdentity.open(directory)).toThrow("no ECDSA P-256 key");
    rmSync(join(directory, "identity.key"));
    expect(() => NodeIdentity.open(directory)).toThrow("no identity.key");
  });

  it("signs what only its key can sign", () => {
    const identity = NodeIdentity.open(directory);
    const bytes = Uint8Array.of(1, 2, 3);
    const signature = identity.sign(bytes);
    expect(verifyIdentitySignature(identity.publicKeySpki, bytes, signature)).toBe(true);
    expect(verifyIdentitySignature(identity.publicKeySpki, Uint8Array.of(1, 2), signature)).toBe(false);
    expect(verifyIdentitySignature(Uint8Array.of(9), bytes, signature)).toBe(false);
  });
});

describe("drawNodeId", () => {
  it("draws safe positive integers that differ", () => {
    const ids = Array.from({ length: 1000 }, () => drawNodeId(entropy));
    expect(ids.every((id) => Number.isSafeInteger(id) && id > 0)).toBe(true);
    expect(new Set(ids).size).toBe(1000);
    expect(drawNodeId({ bytes: (length) => new Uint8Array(length) })).toBe(1);
    expect(drawNodeId({ bytes: (length) => new Uint8Array(length).fill(255) })).toBe(2 ** 52);
  });
});

describe("createServerCertificates", () => {
  const clock = new VirtualTime();

  it("makes them once, and anew under the same CA for a new host", () => {
    const options = { directory, hosts: ["localhost", "127.0.0.1"], clock, entropy };
    const first = createServerCertificates(options);
    expect(createServerCertificates(options)).toEqual(first);
    expect(readFileSync(first.certFile, "utf8")).toBe(first.certPem);
    expect(statSync(first.keyFile).mode & 0o777).toBe(0o600);
    const wider = createServerCertificates({ ...options, hosts: ["localhost", "10.1.1.1"] });
    expect(wider.fingerprint).toBe(first.fingerprint);
    expect(wider.certPem).not.toBe(first.certPem);
  });

  it("uses a given CA, whose key it does not write", () => {
    const shared = createServerCertificates({ directory: join(directory, "a"), hosts: ["a"], clock, entropy });
    const options = { directory: join(directory, "b"), hosts: ["b"], clock, entropy, ca: shared };
    const other = createServerCertificates(options);
    expect(other.fingerprint).toBe(shared.fingerprint);
    expect(createServerCertificates(options).certPem).toBe(other.certPem);
    expect(readdirSync(join(directory, "b"))).not.toContain("https-ca.key");
  });

  it("renews a certificate with less than a year to live", () => {
    const later = new VirtualTime(Date.UTC(2039, 5, 1));
    const options = { directory, hosts: ["localhost"], entropy };
    const first = createServerCertificates({ ...options, clock });
    expect(createServerCertificates({ ...options, clock: later }).certPem).not.toBe(first.certPem);
  });
});
