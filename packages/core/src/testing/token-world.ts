/** Two workers of one cluster in memory, over one store and one virtual clock, with the policies that tests of tokens need. */
import type { BackendFactory, Operation } from "@strongroom/logical";
import { present } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import { cubbyholeFactory, kvFactory } from "@strongroom/secrets";
import { MemoryStore } from "@strongroom/storage/testing";
import type { CoreResult } from "../request.ts";
import type { Role } from "./node-pair.ts";
import { authOf, type CallOptions, TestNode } from "./test-node.ts";
import { wireCode } from "./wire-code.ts";

const POLICIES: Readonly<Record<string, string>> = {
  app: 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
  reader: 'path "secret/*" { capabilities = ["read"] }',
  maker:
    'path "auth/token/*" { capabilities = ["create", "read", "update", "list"] } path "sys/wrapping/*" { capabilities = ["update"] }',
  operator: 'path "auth/token/*" { capabilities = ["create", "read", "update", "list", "sudo"] }',
};

export class TokenWorld {
  readonly time: VirtualTime;
  readonly store: MemoryStore;
  /** The one that is asked, and the other. */
  readonly nodes: readonly [TestNode, TestNode];
  readonly leader: TestNode;

  private constructor(time: VirtualTime, store: MemoryStore, nodes: readonly [TestNode, TestNode], leader: TestNode) {
    this.time = time;
    this.store = store;
    this.nodes = nodes;
    this.leader = leader;
  }

  /** The node that is asked has the role `asked`. */
  static async open(backends: readonly BackendFactory[], asked: Role): Promise<TokenWorld> {
    const time = new VirtualTime();
    const store = new MemoryStore({ clock: time, timers: time });
    const all = [kvFactory, cubbyholeFactory, ...backends];
    const first = new TestNode(all, { store, seed: 1, background: false });
    const second = new TestNode(all, { store, seed: 2, background: false });
    await first.initialize();
    second.rootToken = first.rootToken;
    second.unsealKeys = first.unsealKeys;
    await second.unseal();
    const world = new TokenWorld(time, store, asked === "leader" ? [first, second] : [second, first], first);
    await world.call("update", "sys/mounts/secret", { body: { type: "kv-v2" } });
    await world.call("update", "secret/data/a", { body: { data: { n: 1 } } });
    for (const [name, policy] of Object.entries(POLICIES)) {
      await world.call("update", `sys/policies/acl/${name}`, { body: { policy } });
    }
    return world;
  }

  call(operation: Operation | "help", path: string, options?: CallOptions): Promise<CoreResult> {
    return this.nodes[0].call(operation, path, options);
  }

  /** What became of a request, in one line. */
  code(operation: Operation | "help", path: string, options?: CallOptions): Promise<string> {
    return wireCode(this.call(operation, path, options));
  }

  /** Made with the root token unless `by` says otherwise. */
  async create(body: Readonly<Record<string, unknown>>, by: CallOptions = {}): Promise<ReturnType<typeof authOf>> {
    return authOf(await this.call("update", "auth/token/create", { body, ...by }));
  }

  /** Whether the token may look itself up, on the second worker. */
  async works(token: string): Promise<boolean> {
    const code = await wireCode(this.nodes[1].call("read", "auth/token/lookup-self", { token }));
    if (code !== "ok" && code !== "permission_denied: permission denied") throw new Error(code);
    return code === "ok";
  }

  /** Everything that is due by now, until nothing is left to do. */
  async background(): Promise<void> {
    const { background } = this.leader.core;
    for (let round = 0; round < 4; round++) {
      for (const task of ["lease-expiry", "token-sweep", "token-tidy"]) await background.run(task);
    }
  }

  /** How many rows there are of each kind. */
  async census(): Promise<ReadonlyMap<number, number>> {
    const census = new Map<number, number>();
    for (const { key } of await this.store.rows()) {
      const kind = present(key[0], "a key has a kind");
      census.set(kind, (census.get(kind) ?? 0) + 1);
    }
    return census;
  }
}
