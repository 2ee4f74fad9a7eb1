import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planNodes, writeNodeFiles } from "./node-files.ts";

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "strongroom-files-"));
});
afterAll(() => rmSync(parent, { recursive: true }));

describe("planNodes", () => {
  it("gives each node ten ports, of which it uses three", () => {
    expect(planNodes({ directory: "/d", nodes: 2, basePort: 8200 })[1]).toEqual({
      index: 1,
      id: "node-1",
      dataDir: "/d/node-1",
      logFile: "/d/node-1.log",
      configFile: "/d/node-1.json",
      apiAddress: "https://127.0.0.1:8210",
      clusterAddress: "127.0.0.1:8211",
      grpcAddress: "127.0.0.1:8212",
    });
  });

  it.each([
    [0, 8200],
    [100, 8200],
    [1.5, 8200],
    [1, 0],
    [2, 65_524],
  ])("refuses %d nodes from port %d on", (nodes, basePort) => {
    expect(() => planNodes({ directory: "/d", nodes, basePort })).toThrow();
  });

  it("takes the last ports there are", () => {
    expect(planNodes({ directory: "/d", nodes: 2, basePort: 65_523 })[1]?.grpcAddress).toBe("127.0.0.1:65535");
  });
});

describe("writeNodeFiles", () => {
  it("writes private files: one CA, and a certificate and a configuration a node", () => {
    const directory = join(parent, "cluster");
    const nodes = planNodes({ directory, nodes: 2, basePort: 8200 });
    const { caCertificateFile, caCertificate } = writeNodeFiles(directory, nodes);
    expect(readFileSync(caCertificateFile, "utf8")).toBe(caCertificate);
    const authority = new X509Certificate(caCertificate);
    const serials = nodes.map(({ configFile, dataDir, id }) => {
      const configuration = JSON.parse(readFileSync(configFile, "utf8"));
      expect(configuration.storage.raft).toEqual({ path: dataDir, node_id: id });
      const { tls_cert_file, tls_key_file } = configuration.listener[0].tcp;
      expect(configuration.grpc_listener[0].tcp).toMatchObject({ tls_cert_file, tls_key_file });
      const certificate = new X509Certificate(readFileSync(tls_cert_file));
      expect(certificate.verify(authority.publicKey)).toBe(true);
      expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
      expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(tls_key_file)))).toBe(true);
      return certificate.serialNumber;
    });
    expect(new Set(serials).size).toBe(2);
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
      expect([entry.name, mode]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
  });

  it("does not write over a cluster", () => {
    const directory = join(parent, "again");
    const nodes = planNodes({ directory, nodes: 1, basePort: 8200 });
    writeNodeFiles(directory, nodes);
    expect(() => writeNodeFiles(directory, nodes)).toThrow("holds a cluster already");
  });
});
