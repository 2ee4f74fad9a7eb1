import { describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { parseServerConfig, parseServerConfigs } from "./server-config.ts";

const HCL = `
# a node of three
ui            = true
api_addr      = "https://10.0.0.1:8200/"
cluster_addr  = "https://10.0.0.1:8201"
disable_mlock = true

storage "raft" {
  path    = "/var/lib/strongroom"
  node_id = "node-1" // for people
}

listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/etc/tls/cert.pem"
  tls_key_file  = "/etc/tls/key.pem"
  tls_min_version = "tls13"
  max_request_duration = "2m30s"
  telemetry { unauthenticated_metrics_access = "true" }
}
/* and one
   for this machine */
listener "tcp" { address = "127.0.0.1:8210", tls_disable = 1 }
max_lease_ttl = "10d"
default_lease_ttl = "1.5h"
`;

const JSON_SOURCE = JSON.stringify({
  ui: true,
  api_addr: "https://10.0.0.1:8200",
  cluster_addr: "https://10.0.0.1:8201",
  disable_mlock: true,
  storage: { raft: { path: "/var/lib/strongroom", node_id: "node-1" } },
  listener: [
    {
      tcp: {
        address: "0.0.0.0:8200",
        tls_cert_file: "/etc/tls/cert.pem",
        tls_key_file: "/etc/tls/key.pem",
        tls_min_version: "tls13",
        max_request_duration: 150,
        telemetry: [{ unauthenticated_metrics_access: true }],
      },
    },
    { tcp: { address: "127.0.0.1:8210", tls_disable: "true" } },
  ],
  max_lease_ttl: "240h",
  default_lease_ttl: "5400",
});

const MINIMAL = `storage "raft" { path = "/d" }\nlistener "tcp" {}\n`;

function errorOf(source: string): string {
  try {
    parseServerConfig(source);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "no error";
}

describe("parseServerConfig", () => {
  it("reads Vault's names from HCL", () => {
    const config = parseServerConfig(HCL);
    expect(config.storage).toEqual({
      path: "/var/lib/strongroom",
      nodeName: "node-1",
      maxEntryBytes: 1048576,
      heartbeatMs: 50,
      minFreeBytes: 268_435_456,
      electionMs: 300,
    });
    expect(config.listeners.map(({ host, port }) => `${host}:${port}`)).toEqual(["0.0.0.0:8200", "127.0.0.1:8210"]);
    expect(config.listeners[0]?.tls).toEqual({
      certFile: "/etc/tls/cert.pem",
      keyFile: "/etc/tls/key.pem",
      minVersion: "TLSv1.3",
      clientCaFile: undefined,
      requireClientCert: false,
    });
    expect(config.listeners[0]?.maxRequestDurationMs).toBe(150_000);
    expect(config.listeners[0]?.unauthenticatedMetrics).toBe(true);
    expect(config.listeners[1]?.tls).toBe("disabled");
    expect(config.apiAddress).toBe("https://10.0.0.1:8200");
    expect(config.maxLeaseTtlSeconds).toBe(864_000);
    expect(config.defaultLeaseTtlSeconds).toBe(5400);
    expect(config.warnings).toEqual(["line 6: disable_mlock in the configuration has no effect here"]);
  });

  it("reads the same configuration from JSON", () => {
    const { warnings: hclWarnings, ...fromHcl } = parseServerConfig(HCL);
    const { warnings: jsonWarnings, ...fromJson } = parseServerConfig(JSON_SOURCE);
    expect(fromJson).toEqual(fromHcl);
    expect(jsonWarnings).toHaveLength(hclWarnings.length);
  });

  it("gives a listener that says nothing Vault's defaults and a generated certificate", () => {
    const [listener] = parseServerConfig(MINIMAL).listeners;
    expect(listener).toEqual({
      host: "127.0.0.1",
      port: 8200,
      tls: "generated",
      clusterAddress: undefined,
      maxRequestBytes: 33_554_432,
      maxRequestDurationMs: 90_000,
      readHeaderTimeoutMs: 10_000,
      readTimeoutMs: 30_000,
      idleTimeoutMs: 65_000,
      maxConnections: 10_000,
      unauthenticatedMetrics: false,
    });
  });

  it("names what is wrong, with line and column", () => {
    const table: readonly (readonly [string, string])[] = [
      ['storage "raft" { path = }', 'line 1, column 25: expected a value, found "}"'],
      [`${MINIMAL}listner "tcp" {}`, 'line 3, column 1: the configuration has no key "listner"'],
      [`${MINIMAL}ui = "yes"`, "line 3, column 6: ui must be true or false"],
      [`${MINIMAL}ui = true\nui = true`, "line 4, column 1: ui is given twice"],
      [`${MINIMAL}api_addr = "10.0.0.1"`, "api_addr must be a URL such as https://host:8200"],
      [
        `${MINIMAL}max_lease_ttl = "1 fortnight"`,
        'line 3, column 17: max_lease_ttl must be a duration such as "90s" or "1h"',
      ],
      ['storage "consul" {}', 'line 1, column 9: storage "consul" is not known; the only one is "raft"'],
      ['listener "tcp" {}', 'the configuration needs storage "raft" { path = "…" }'],
      ['storage "raft" { path = "/d" }', 'the configuration needs a listener "tcp" { … }'],
      ['storage "raft" { path = "/d"', "line 1, column 29: expected a name, found the end of the file"],
      ['a = "x\ny"', "line 1, column 5: the string does not end on its line"],
      ['a = "\\q"', "line 1, column 5: \\q is no escape"],
      ["a = <<E\nx", "line 1, column 5: the text that begins with <<E does not end"],
      ["/* never", "line 1, column 1: the comment does not end"],
      ["a = [1 2]", 'line 1, column 8: expected , or ], found "2"'],
      ['{"a": 1,, }', 'line 1, column 9: expected a name in quotes, found ","'],
      ['{"a": 1} x', 'line 1, column 10: expected the end of the file, found "x"'],
      [
        'storage "raft" { path = "/d" }\nlistener "tcp" { tls_cert_file = "c" }',
        'line 2, column 16: listener "tcp" needs both tls_cert_file and tls_key_file',
      ],
      [
        'storage "raft" { path = "/d" }\nlistener "tcp" { address = "::1:8200" }',
        'line 2, column 16: the address "::1:8200" is not host:port',
      ],
    ];
    for (const [source, message] of table) expect(errorOf(source), source).toBe(message);
  });

  it("adds files up and names the one that does not parse", () => {
    const config = parseServerConfigs([
      { name: "a.hcl", source: 'storage "raft" { path = "/d" }' },
      { name: "b.json", source: '{"listener": {"tcp": {"address": "[::1]:9000"}}}' },
    ]);
    expect(config.listeners[0]).toMatchObject({ host: "::1", port: 9000 });
    expect(() => parseServerConfigs([{ name: "c.hcl", source: "= 1" }])).toThrow(
      'c.hcl: line 1, column 1: expected a name, found "="',
    );
  });

  it("names the file of what it does not understand", () => {
    const good = { name: "a.hcl", source: 'storage "raft" { path = "/d" }' };
    const bad = { name: "b.hcl", source: '\nworkers = "many"\nlistener "tcp" {}' };
    expect(() => parseServerConfigs([good, bad])).toThrow("b.hcl: line 2, column 11: workers must be");
    expect(() => parseServerConfigs([bad])).toThrow("b.hcl: the configuration needs storage");
    expect(() => parseServerConfigs([good])).toThrow("a.hcl: the configuration needs a listener");
  });
});

describe("audit_stream", () => {
  it("has defaults, and takes its keys", () => {
    expect(parseServerConfig(MINIMAL).audit).toEqual({
      path: undefined,
      fsync: false,
      segmentBytes: 64 * 1024 * 1024,
      segmentAgeMs: 86_400_000,
      retentionBytes: 4096 * 1024 * 1024,
      retentionAgeMs: 30 * 86_400_000,
      fileDirectories: [],
    });
    const section = `audit_stream { path = "/a" fsync = true segment_size = 1048576 segment_age = "1h"
      retention_size = 4194304 retention_age = "2d" file_directories = ["/var/log/x"] }`;
    expect(parseServerConfig(MINIMAL + section).audit).toEqual({
      path: "/a",
      fsync: true,
      segmentBytes: 1_048_576,
      segmentAgeMs: 3_600_000,
      retentionBytes: 4_194_304,
      retentionAgeMs: 172_800_000,
      fileDirectories: ["/var/log/x"],
    });
  });

  it.each([
    ['path = "relative"', "must be absolute"],
    ['file_directories = ["relative"]', "must be absolute"],
    ['file_directories = "/a"', "list of strings"],
    ["retention_size = 67108864", "twice its segment_size"],
    ['nosuch = "x"', "nosuch"],
  ])("refuses %s", (line, problem) => {
    expect(errorOf(`${MINIMAL}audit_stream { ${line} }`)).toContain(problem);
  });
});
