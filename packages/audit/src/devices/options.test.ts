import { describe, expect, it } from "vitest";
import { checkFilePath, isForbiddenAddress, parseDevice } from "./options.ts";

describe("an audit device", () => {
  it("has Vault's options and defaults", () => {
    expect(parseDevice("file", { file_path: "/var/log/a.log" })).toEqual({
      target: { type: "file", path: "/var/log/a.log", mode: 0o600 },
      hmacAccessor: true,
      elideListResponses: false,
    });
    expect(parseDevice("file", { path: "stdout" }).target).toEqual({ type: "stdout" });
    expect(parseDevice("file", { file_path: "discard" }).target).toEqual({ type: "discard" });
    expect(parseDevice("file", { file_path: "/a", mode: "0000" }).target).toMatchObject({ mode: undefined });
    expect(parseDevice("socket", { address: "10.0.0.1:9000" }).target).toEqual({
      type: "socket",
      socketType: "tcp",
      address: "10.0.0.1:9000",
      writeTimeoutMs: 2000,
    });
    expect(parseDevice("syslog", {}).target).toEqual({
      type: "syslog",
      server: { socketType: "local", address: "" },
      facility: 4,
      facilityName: "auth",
      tag: "vault",
      writeTimeoutMs: 2000,
    });
    expect(parseDevice("http", { uri: "https://log.example/x", headers: '{"A":["b"]}' }).target).toEqual({
      type: "http",
      uri: "https://log.example/x",
      headers: { A: "b" },
    });
    expect(
      parseDevice("file", { file_path: "/a", hmac_accessor: "false", elide_list_responses: "true" }),
    ).toMatchObject({
      hmacAccessor: false,
      elideListResponses: true,
    });
  });

  it.each([
    ["nosuch", {}],
    ["file", {}],
    ["file", { file_path: "relative.log" }],
    ["file", { file_path: "/var/log/../../etc/x" }],
    ["file", { file_path: "/var/log/" }],
    ["file", { file_path: "/a", path: "/b" }],
    ["file", { file_path: "/a", mode: "0777" }],
    ["file", { file_path: "/a", mode: "04755" }],
    ["file", { file_path: "/a", mode: "0755" }],
    ["file", { file_path: "/a", mode: "0602" }],
    ["file", { file_path: "/a", mode: "0400" }],
    ["file", { file_path: "/a", mode: "rw" }],
    ["file", { file_path: "/a", prefix: "#!/bin/sh\n" }],
    ["file", { file_path: "/a", log_raw: "true" }],
    ["file", { file_path: "/a", format: "jsonx" }],
    ["file", { file_path: "/a", address: "x:1" }],
    ["file", { file_path: "/a", hmac_accessor: "perhaps" }],
    ["socket", { address: "nowhere" }],
    ["socket", { address: "169.254.169.254:80" }],
    ["socket", { address: "[fe80::1]:80" }],
    ["socket", { address: "relative.sock", socket_type: "unix" }],
    ["socket", { address: "h:1", socket_type: "sctp" }],
    ["socket", { address: "h:1", write_timeout: "soon" }],
    ["syslog", { facility: "NOSUCH" }],
    ["syslog", { tag: "a b" }],
    ["http", { uri: "ftp://x" }],
    ["http", { uri: "http://169.254.169.254/latest/meta-data" }],
    ["http", { uri: "http://[::ffff:169.254.169.254]/latest/meta-data" }],
    ["http", { uri: "http://user:pw@host/" }],
    ["http", { uri: "https://x", headers: "not json" }],
    ["http", { uri: "https://x", headers: '{"A":"b\\r\\nC: d"}' }],
  ] as const)("of the type %s is refused with %j", (type, options) => {
    expect(() => parseDevice(type, options)).toThrow(
      expect.objectContaining({ code: "invalid_audit_device" }) as Error,
    );
  });

  it("writes files where the node allows it", () => {
    const anywhere = { directories: [], own: ["/srv/data", "/var/log/strongroom/streams"] };
    expect(() => checkFilePath("/var/log/a.log", anywhere)).not.toThrow();
    for (const path of [
      "/var/log/strongroom/streams/1.jsonl",
      "/etc/cron.d/x",
      "/usr/bin/x",
      "/srv/data/wal/1",
      "/proc/self/mem",
      "/run/x",
    ]) {
      expect(() => checkFilePath(path, anywhere)).toThrow("may not lie");
    }
    const named = { directories: ["/var/log/strongroom", "/srv/data"], own: anywhere.own };
    expect(() => checkFilePath("/var/log/strongroom/a", named)).not.toThrow();
    expect(() => checkFilePath("/var/log/strongroom-other/a", named)).toThrow("file_directories");
    for (const path of ["/var/log/strongroom/streams/1.jsonl", "/srv/data/x"]) {
      expect(() => checkFilePath(path, named)).toThrow("may not lie");
    }
  });

  it("reaches no address that only a machine's own services have", () => {
    const bad = ["169.254.169.254", "fe80::1", "FE80::1", "febf::1", "::ffff:169.254.1.1", "0.0.0.0", "::"];
    const written = [
      "::ffff:a9fe:a9fe",
      "0:0:0:0:0:FFFF:A9FE:A9FE",
      "fd00:0ec2::0:254",
      "fe80::1%eth0",
      "64:ff9b::169.254.169.254",
    ];
    for (const address of [...bad, ...written]) expect(isForbiddenAddress(address), address).toBe(true);
    const good = ["10.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1", "fec0::1", "fd00:ec2::253", "log.example"];
    for (const address of good) expect(isForbiddenAddress(address), address).toBe(false);
  });
});
