import { utf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { afterEach, describe, expect, it } from "vitest";
import type { Authenticity } from "./authenticator.ts";
import { TestCluster, TestKeys, type TestNode } from "./testing/nodes.ts";

/** A node that was taken over: from some moment on it signs wrongly and believes everything. */
class TakenOverKeys extends TestKeys {
  takenOver = false;

  override sign(message: Uint8Array): { readonly keyId: number; readonly mac: Uint8Array } {
    return this.takenOver ? { keyId: this.keyId, mac: new Uint8Array(32) } : super.sign(message);
  }

  override verify(keyId: number, message: Uint8Array, mac: Uint8Array): Authenticity {
    return this.takenOver ? "ok" : super.verify(keyId, message, mac);
  }
}

let cluster: TestCluster | undefined;

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const row = (name: string) => makeKey(KEY_KIND.barrier, utf8(name));
const put = (node: TestNode, name: string, timeoutMs = 10_000) =>
  node.store.commit(
    { guards: [], mutations: [{ kind: "put", key: row(name), term: 1, value: utf8("v") }] },
    { deadlineMs: node.store.clock.monotonicMs() + timeoutMs },
  );

function has(node: TestNode, name: string): boolean {
  const snapshot = node.store.localSnapshot();
  const found = snapshot.get(row(name)) !== undefined;
  snapshot.release();
  return found;
}

describe("a leader that was taken over", () => {
  it("makes no open node store what it forged, and is unseated", async () => {
    cluster = new TestCluster();
    const good = cluster.keys;
    const taken = new TakenOverKeys();
    await cluster.start(1, { bootstrap: true });
    for (const id of [2, 3]) {
      Object.assign(cluster, { keys: id === 2 ? taken : good });
      await cluster.start(id);
      await cluster.join(id);
      await cluster.promote(id);
    }
    const [first, second, third] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    await put(second, "before");
    await second.client.transferLeadership(2, { timeoutMs: 5_000 });
    await cluster.until(() => second.shell.status().state === "leader");
    taken.takenOver = true;
    const forged = put(second, "forged", 500).catch((error: { code: string }) => error.code);
    const goodLeader = () => [1, 3].includes(first.shell.status().leaderId);
    await cluster.until(goodLeader, 5_000);
    expect((await put(first, "after")).outcome).toBe("applied");
    expect(await forged).toBe("outcome_unknown");
    await cluster.until(() => has(third, "after"));
    expect([first, third].map((node) => [has(node, "before"), has(node, "forged")])).toEqual([
      [true, false],
      [true, false],
    ]);
  });
});
