/**
 * The certificates of a node's HTTPS and gRPC doors, when its configuration names no files: made at the first start and
 * kept in the data directory, 0600. The CA stays; the server's certificate is made anew, under the same CA, when it no
 * longer covers the node's hosts or has less than a year to live.
 */
import { createPrivateKey } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Clock, Entropy } from "@strongroom/runtime";
import { caFingerprint, makeServerCertificates, parseCertificate, type ServerCertificates } from "./certificates.ts";
import { makePrivateDirectory, readTextIfPresent, writeFileDurably } from "./identity-files.ts";

const FILES = { certPem: "https.crt", keyPem: "https.key", caPem: "https-ca.crt", caKeyPem: "https-ca.key" } as const;
const RENEW_BEFORE_MS = 365 * 86_400_000;

/** What `makeServerCertificates` makes, and where it lies. */
export interface StoredServerCertificates extends ServerCertificates {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface ServerCertificateOptions {
  /** Made when it is not there. */
  readonly directory: string;
  /** DNS names and IP addresses that clients may use. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** An existing CA instead of one of the directory's own; its key is then not written there. */
  readonly ca?: { readonly caPem: string; readonly caKeyPem: string } | undefined;
}

/** Reads the certificates in `directory`, or makes what is missing or worn out. Throws `CertificateError`. */
export function createServerCertificates(options: ServerCertificateOptions): StoredServerCertificates {
  const { directory, hosts, clock, entropy } = options;
  makePrivateDirectory(directory);
  const stored = readStored(directory);
  const nowMs = clock.wallMs();
  const ca = options.ca ?? stored.ca;
  const paths = {
    certFile: join(directory, FILES.certPem),
    keyFile: join(directory, FILES.keyPem),
    caFile: join(directory, FILES.caPem),
  };
  if (ca !== undefined && stored.server !== undefined && isUsable(stored.server, { hosts, nowMs, caPem: ca.caPem }))
    return { ...ca, ...stored.server, ...paths, fingerprint: caFingerprint(parseCertificate(ca.caPem).raw) };
  const made = makeServerCertificates({ hosts, nowMs, entropy, ca });
  if (options.ca === undefined) writeFileDurably(join(directory, FILES.caKeyPem), made.caKeyPem);
  writeFileDurably(paths.caFile, made.caPem);
  writeFileDurably(paths.keyFile, made.keyPem);
  writeFileDurably(paths.certFile, made.certPem);
  return { ...made, ...paths };
}

interface StoredFiles {
  readonly ca: { readonly caPem: string; readonly caKeyPem: string } | undefined;
  readonly server: { readonly certPem: string; readonly keyPem: string } | undefined;
}

function readStored(directory: string): StoredFiles {
  const caPem = readTextIfPresent(directory, FILES.caPem);
  const caKeyPem = readTextIfPresent(directory, FILES.caKeyPem);
  const certPem = readTextIfPresent(directory, FILES.certPem);
  const keyPem = readTextIfPresent(directory, FILES.keyPem);
  return {
    ca: caPem === undefined || caKeyPem === undefined ? undefined : { caPem, caKeyPem },
    server: certPem === undefined || keyPem === undefined ? undefined : { certPem, keyPem },
  };
}

function isUsable(
  server: { readonly certPem: string; readonly keyPem: string },
  wanted: { readonly hosts: readonly string[]; readonly nowMs: number; readonly caPem: string },
): boolean {
  const certificate = parseCertificate(server.certPem);
  return (
    certificate.verify(parseCertificate(wanted.caPem).publicKey) &&
    certificate.validToDate.getTime() - wanted.nowMs > RENEW_BEFORE_MS &&
    certificate.checkPrivateKey(createPrivateKey(server.keyPem)) &&
    wanted.hosts.every(
      (host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
    )
  );
}
