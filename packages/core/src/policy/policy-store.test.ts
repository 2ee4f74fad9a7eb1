import { runTransaction, type Transaction } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { SYSTEM_SCOPE } from "../system-scope.ts";
import { TestNode } from "../testing/test-node.ts";
import type { CompiledAcl } from "./acl.ts";
import { MixedRootPolicyError } from "./errors.ts";
import { PolicyStore } from "./policy-store.ts";
import { NO_IDENTITY, type TemplateContext } from "./template-context.ts";

let node: TestNode;
let policies: PolicyStore;

beforeEach(async () => {
  node = new TestNode([]);
  await node.initialize();
  policies = new PolicyStore(node.barrier);
  node.store.onInvalidation((event) => policies.onInvalidation(event));
});

function transact<T>(mode: "read" | "write", body: (tx: Transaction) => T | Promise<T>): Promise<T> {
  const options = { mode, deadlineMs: node.store.clock.monotonicMs() + 10_000, signal: undefined };
  return runTransaction(node.store, body, options).then(({ result }) => result);
}

const put = (name: string, text: string): Promise<void> => transact("write", (tx) => policies.put(tx, name, text));
const aclOf = (names: readonly string[], identity: TemplateContext = NO_IDENTITY): Promise<CompiledAcl> =>
  transact("read", (tx) => policies.acl(tx, names, identity, "read"));
const reads = (acl: CompiledAcl, path: string): boolean => acl.check({ path, operation: "read" }).outcome === "allowed";

const named = (name: string): TemplateContext => ({
  entity: { id: `id-${name}`, name, metadata: new Map(), aliases: new Map() },
  groups: [],
});

describe("what a set of policies adds up to", () => {
  it("is compiled once, and again when a policy has changed", async () => {
    await put("a", 'path "x" { policy = "read" }');
    const first = await aclOf(["a", "default"]);
    expect(await aclOf(["default", "a", "a"])).toBe(first);
    await put("b", "");
    const second = await aclOf(["a", "default"]);
    expect(second).not.toBe(first);
    expect(reads(second, "x")).toBe(true);
    await transact("write", (tx) => policies.delete(tx, "a"));
    expect(reads(await aclOf(["a", "default"]), "x")).toBe(false);
  });

  it("is another for each value that a template takes, and the same for equal ones", async () => {
    await put("home", 'path "home/{{identity.entity.name}}" { policy = "read" }');
    const [alice, bob, other] = [
      await aclOf(["home"], named("alice")),
      await aclOf(["home"], named("bob")),
      await aclOf(["home"], named("alice")),
    ];
    expect([reads(alice, "home/alice"), reads(alice, "home/bob"), reads(bob, "home/bob")]).toEqual([true, false, true]);
    expect(other).toBe(alice);
    expect((await aclOf(["home"])).rules).toEqual([]);
    expect((await aclOf(["home"], named("x/*"))).rules).toEqual([]);
  });

  it("is nobody else's: names that look like several are one", async () => {
    await put("admin", 'path "*" { capabilities = ["read", "sudo"] }');
    await put("a", "");
    await put("app/one", 'path "*" { capabilities = ["read"] }');
    expect(reads(await aclOf(["a", "admin"]), "x")).toBe(true);
    for (const name of [
      "a\nadmin",
      '["a","admin"]',
      "a,admin",
      "core/policies/acl/admin",
      "../acl/admin",
      "ADMIN",
      "admin/",
      "%61dmin",
      "app%one",
      "\ud800",
    ]) {
      expect(reads(await aclOf([name]), "x"), JSON.stringify(name)).toBe(false);
    }
  });

  it("leaves out policies that are not there, and keeps root alone", async () => {
    expect((await aclOf(["none"])).rules).toEqual([]);
    expect((await aclOf(["root"])).root).toBe(true);
    await expect(aclOf(["root", "default"])).rejects.toBeInstanceOf(MixedRootPolicyError);
  });

  it("is not taken from what a transaction has only written itself", async () => {
    await transact("write", async (tx) => {
      policies.put(tx, "a", 'path "x" { policy = "read" }');
      expect(reads(policies.acl(tx, ["a"], NO_IDENTITY, "write"), "x")).toBe(true);
      // Whoever asks now has the state, not the draft.
      expect(reads(await aclOf(["a"]), "x")).toBe(false);
    });
    expect(reads(await aclOf(["a"]), "x")).toBe(true);
  });

  it("CVE-2023-5954: keeps a bounded number, however many identities ask", async () => {
    await put("home", 'path "home/{{identity.entity.name}}" { policy = "read" }');
    const first = await aclOf(["home"], named("user-0"));
    await transact("read", (tx) => {
      for (let i = 1; i <= 4_000; i++) policies.acl(tx, ["home"], named(`user-${i}`), "read");
    });
    // The oldest had to go.
    expect(await aclOf(["home"], named("user-0"))).not.toBe(first);
  });
});

describe("a write under a policy that is changed meanwhile", () => {
  it("does not commit, and is decided again by the new one", async () => {
    await put("a", 'path "x" { policy = "write" }');
    const decisions: boolean[] = [];
    await transact("write", async (tx) => {
      const acl = policies.acl(tx, ["a"], NO_IDENTITY, "write");
      decisions.push(acl.check({ path: "x", operation: "update" }).outcome === "allowed");
      if (decisions.length === 1) await put("a", 'path "x" { policy = "deny" }');
      if (decisions.at(-1) === true) node.barrier.view(tx, SYSTEM_SCOPE).put("x", new Uint8Array(1));
    });
    expect(decisions).toEqual([true, false]);
    expect(await transact("read", (tx) => node.barrier.view(tx, SYSTEM_SCOPE).exists("x"))).toBe(false);
  });

  it("holds also where the ACL was compiled long before", async () => {
    await put("a", 'path "x" { policy = "write" }');
    await aclOf(["a"]);
    let runs = 0;
    await transact("write", async (tx) => {
      runs++;
      policies.acl(tx, ["a"], NO_IDENTITY, "write");
      if (runs === 1) await put("b", "");
      node.barrier.view(tx, SYSTEM_SCOPE).put("x", new Uint8Array(1));
    });
    expect(runs).toBe(2);
  });
});
