import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import {
  CertificateError,
  caFingerprint,
  createClusterCa,
  makeServerCertificates,
  parseCertificate,
  signNodeCertificate,
  verifyNodeCertificate,
} from "./certificates.ts";

const entropy = new SeededRandom(1);
const clusterId = "0b0c5c5e-6a37-4d2a-9c39-1a2b3c4d5e6f";

function identityKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return { publicKeySpki: Uint8Array.from(publicKey.export({ format: "der", type: "spki" })), privateKey };
}

describe("cluster CA", () => {
  const ca = createClusterCa({ clusterId, entropy });

  it("signs certificates that name a node, never end and are found good", () => {
    const key = identityKey();
    const nodeId = 2 ** 53 - 3;
    const certificate = new X509Certificate(signNodeCertificate(ca, { clusterId, nodeId, ...key, entropy }));
    const authority = new X509Certificate(ca.certificateDer);
    expect(verifyNodeCertificate(certificate, authority)).toEqual({ clusterId, nodeId });
    expect(certificate.checkPrivateKey(key.privateKey)).toBe(true);
    expect(certificate.validToDate.toISOString()).toBe("9999-12-31T23:59:59.000Z");
    expect(authority.validToDate.toISOString()).toBe("9999-12-31T23:59:59.000Z");
    expect(certificate.subjectAltName).toBe(`URI:strongroom://${clusterId}/node/${nodeId}`);
    expect(authority.ca).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
  });

  it("makes serials that differ", () => {
    const serials = [1, 2, 3].map(
      (nodeId) =>
        parseCertificate(signNodeCertificate(ca, { clusterId, nodeId, ...identityKey(), entropy })).serialNumber,
    );
    expect(new Set(serials).size).toBe(3);
  });

  it("refuses keys that are not ECDSA over P-256", () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const publicKeySpki = Uint8Array.from(publicKey.export({ format: "der", type: "spki" }));
    expect(() => signNodeCertificate(ca, { clusterId, nodeId: 1, publicKeySpki, entropy })).toThrow(CertificateError);
    expect(() => signNodeCertificate(ca, { clusterId, nodeId: 1, publicKeySpki: new Uint8Array(9), entropy })).toThrow(
      "not a public key",
    );
  });
});

describe("verifyNodeCertificate", () => {
  const ca = createClusterCa({ clusterId, entropy });
  const authority = parseCertificate(ca.certificateDer);

  it("refuses what another authority of the same name signed", () => {
    const other = createClusterCa({ clusterId, entropy });
    const forged = signNodeCertificate(other, { clusterId, nodeId: 1, ...identityKey(), entropy });
    expect(() => verifyNodeCertificate(parseCertificate(forged), authority)).toThrow("not signed by this cluster");
  });

  it("refuses the authority itself as a node", () => {
    expect(() => verifyNodeCertificate(authority, authority)).toThrow("not of a node");
  });

  it("refuses a server certificate signed by the right authority", () => {
    const caPem = authority.toString();
    const caKeyPem = createPrivateKey({ key: Buffer.from(ca.privateKeyPkcs8), format: "der", type: "pkcs8" })
      .export({ format: "pem", type: "pkcs8" })
      .toString();
    const server = makeServerCertificates({ hosts: ["localhost"], nowMs: 0, entropy, ca: { caPem, caKeyPem } });
    expect(() => verifyNodeCertificate(parseCertificate(server.certPem), authority)).toThrow("names no node");
  });
});

describe("makeServerCertificates", () => {
  const nowMs = Date.UTC(2030, 0, 1);

  it("names hosts of all kinds", () => {
    const made = makeServerCertificates({
      hosts: ["vault.example", "127.0.0.1", "::1", "2001:db8::1"],
      nowMs,
      entropy,
    });
    const certificate = new X509Certificate(made.certPem);
    expect(certificate.checkHost("vault.example")).toBe("vault.example");
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(certificate.checkIP("::1")).toBe("::1");
    expect(certificate.checkIP("2001:db8::1")).toBe("2001:db8::1");
    expect(certificate.checkHost("other.example")).toBeUndefined();
    const authority = new X509Certificate(made.caPem);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(made.fingerprint).toBe(caFingerprint(authority.raw));
    expect(authority.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(made.fingerprint);
  });

  it("signs under a CA that is given", () => {
    const first = makeServerCertificates({ hosts: ["a"], nowMs, entropy });
    const second = makeServerCertificates({ hosts: ["b"], nowMs, entropy, ca: first });
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(new X509Certificate(second.certPem).verify(new X509Certificate(first.caPem).publicKey)).toBe(true);
  });

  it("refuses what is no host", () => {
    expect(() => makeServerCertificates({ hosts: ["a b"], nowMs, entropy })).toThrow(CertificateError);
  });
});
