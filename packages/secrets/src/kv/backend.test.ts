import { helpFor, LogicalError } from "@strongroom/logical";
import { backendSuite } from "@strongroom/logical/testing";
import { describe, expect, it } from "vitest";
import { kvFactory } from "./backend.ts";
import { KvMount, PUT_ONE, PUT_TWO } from "./testing/kv-mount.ts";

const versionTwo = new Map([["version", "2"]]);
const backend = kvFactory.create({ type: "kv", options: versionTwo });

describe("the kv backend keeps the contract of backends", () => {
  const cases = backendSuite({
    backend,
    samples: [
      { operation: "update", path: "config", body: '{"max_versions":5}' },
      { operation: "read", path: "config" },
      { operation: "create", path: "data/a/b", body: '{"options":{"cas":0},"data":{"k":"v","o":{"p":1}}}' },
      { operation: "update", path: "data/a/b", body: '{"data":{"k":"w","o":{"p":1}}}' },
      { operation: "patch", path: "data/a/b", body: '{"data":{"k":null}}' },
      { operation: "read", path: "data/a/b", query: { version: "1" } },
      { operation: "read", path: "subkeys/a/b", query: { depth: "1" } },
      { operation: "delete", path: "data/a/b" },
      { operation: "update", path: "undelete/a/b", body: '{"versions":[3]}' },
      { operation: "update", path: "delete/a/b", body: '{"versions":"1,2"}' },
      { operation: "update", path: "destroy/a/b", body: '{"versions":["1"]}' },
      { operation: "update", path: "metadata/a/b", body: '{"custom_metadata":{"owner":"me"}}' },
      { operation: "patch", path: "metadata/a/b", body: '{"custom_metadata":{"owner":null}}' },
      { operation: "read", path: "metadata/a/b" },
      { operation: "list", path: "metadata/a/" },
      { operation: "delete", path: "metadata/a/b" },
      { operation: "read", path: "a/b" },
    ],
  });
  for (const { name, run } of cases) it(name, run);
});

describe("the kv backend without versions keeps the contract of backends", () => {
  const cases = backendSuite({
    backend: kvFactory.create({ type: "kv", options: new Map() }),
    samples: [
      { operation: "create", path: "a/b", body: '{"k":"v","ttl":"1h"}' },
      { operation: "update", path: "a/b", body: '{"k":"w"}' },
      { operation: "read", path: "a/b" },
      { operation: "list", path: "a/" },
      { operation: "delete", path: "a/b" },
    ],
  });
  for (const { name, run } of cases) it(name, run);
});

describe("kvFactory", () => {
  it("knows kv-v2 as kv with version 2", () => {
    expect(kvFactory.aliases?.get("kv-v2")).toEqual(versionTwo);
  });

  it.each(["3", "0", ""])("refuses version %j with a way out", (version) => {
    const options = new Map([["version", version]]);
    expect(() => kvFactory.create({ type: "kv", options })).toThrow(LogicalError);
    expect(() => kvFactory.create({ type: "kv", options })).toThrow(/version=2/);
  });

  it("keeps a mount upgraded, whatever is tuned later", () => {
    const upgraded = kvFactory.retune?.(new Map([["version", "1"]]), versionTwo);
    expect(upgraded?.get("upgraded")).toBe("true");
    expect(kvFactory.retune?.(upgraded ?? new Map(), versionTwo).get("upgraded")).toBe("true");
    expect(() => kvFactory.retune?.(versionTwo, new Map())).toThrow(/downgrade/);
  });

  it("lists its paths in the mount's help", () => {
    expect(helpFor(backend, "", "1.0.0")?.help).toContain("data/*path");
  });
});

describe("a kv mount", () => {
  it.each(["1", "2"] as const)(
    "asks to keep metadata and settings decoded, and no secret (version %s)",
    async (version) => {
      const mount = new KvMount(version);
      for (const [request, body] of [PUT_ONE, PUT_TWO]) await mount.ask(request, body);
      for (const request of ["GET data/foo", "GET metadata/foo", "GET subkeys/foo", "GET foo", "DELETE data/foo"])
        await mount.ask(request);
      expect([...mount.storage.decodedPaths]).toEqual(version === "2" ? ["metadata/foo", "config"] : []);
    },
  );
});
