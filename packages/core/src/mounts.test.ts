import { kvFactory } from "@strongroom/secrets";
import { runTransaction } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { type MountEntry, PLAIN_MOUNT } from "./mount-entry.ts";
import { findMount, Mounts } from "./mounts.ts";
import { TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";

let made = 0;
const entry = (path: string, type = "kv"): MountEntry => ({
  ...PLAIN_MOUNT,
  path,
  type,
  uuid: `00000000-0000-4000-8000-${String(++made).padStart(12, "0")}`,
  accessor: `${type}_1`,
  options: { version: "2" },
});

describe("Mounts", () => {
  it("finds a mount at its path's segments only", async () => {
    const node = new TestNode([kvFactory]);
    await node.initialize();
    const mounts = new Mounts(node.barrier, [kvFactory]);
    const options = { mode: "write", deadlineMs: 1000 } as const;
    await runTransaction(
      node.store,
      (tx) => mounts.change(tx, (state) => ({ ...state, mounts: [entry("a/b/"), entry("secret/")] })),
      options,
    );
    const { result: table } = await runTransaction(node.store, (tx) => mounts.table(tx, "read"), options);
    const found = ["a/b/c", "a/b/", "a/b", "a/bc/d", "secret/x", "secrets/x", "x/secret/y", "", "a/"];
    expect(found.map((path) => findMount(table, path)?.entry.path)).toEqual([
      "a/b/",
      "a/b/",
      undefined,
      undefined,
      "secret/",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("serves all others when one is of a type or has options that this program does not know", async () => {
    const node = new TestNode([kvFactory]);
    await node.initialize();
    const mounts = new Mounts(node.barrier, [kvFactory]);
    const strange = { ...entry("future/"), options: { version: "9" } };
    await runTransaction(
      node.store,
      (tx) => mounts.change(tx, (state) => ({ ...state, mounts: [entry("new/", "new"), strange, entry("secret/")] })),
      { mode: "write", deadlineMs: 1000 },
    );
    expect(await wireCode(node.call("read", "new/x"))).toMatch(/^unsupported_path/);
    expect(await wireCode(node.call("read", "future/data/x"))).toMatch(/^unsupported_path/);
    expect(await node.call("read", "secret/data/x")).toEqual({ kind: "not-found" });
  });
});
