/** Ceremony services joined in memory, over one virtual clock: a cluster as the ceremony sees it. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { concatBytes, equalBytes, fromHex, silentLogger } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { CeremonyService } from "../ceremony-service.ts";
import type { CeremonyMember } from "../member-proof.ts";
import { createShamirSeal } from "../shamir-seal.ts";
import { createTestKeyWrap } from "./test-key-wrap.ts";

export interface TestNode {
  readonly service: CeremonyService;
  readonly nodeId: number;
  open: boolean;
  /** The root key that a rekey was about to bring. */
  staged: Uint8Array | undefined;
}

export interface CallRecord {
  readonly from: number;
  readonly to: number;
  readonly payload: Uint8Array;
}

/** Nodes 1 to `size`, sealed, initialised with five shares of which three open. Node 1 leads. */
export class TestCluster {
  readonly time: VirtualTime = new VirtualTime();
  readonly entropy: SeededRandom;
  readonly nodes: Map<number, TestNode> = new Map();
  /** Who cannot be called. */
  readonly unreachable: Set<number> = new Set();
  /** All that went over the wire, requests only. */
  readonly calls: CallRecord[] = [];
  rootKey: Uint8Array;
  /** No rekey is committed. */
  commitFails = false;
  leader: number | undefined = 1;
  record: Uint8Array | undefined;
  shares: readonly Uint8Array[] = [];
  #members: CeremonyMember[] = [];

  private constructor(seed: number) {
    this.entropy = new SeededRandom(seed);
    this.rootKey = this.entropy.bytes(32);
  }

  static async start(size: number, seed = 1): Promise<TestCluster> {
    const cluster = new TestCluster(seed);
    await cluster.seal(1);
    cluster.#members = Array.from({ length: size }, (_, i) => ({
      nodeId: i + 1,
      identityPublicKey: new Uint8Array(createPublicKey(identityOf(i + 1)).export({ format: "der", type: "spki" })),
    }));
    for (const { nodeId } of cluster.#members) cluster.nodes.set(nodeId, cluster.startNode(nodeId, 1));
    return cluster;
  }

  /** Why a node does not open though the root key is right. */
  refuseToOpen: (nodeId: number) => Error | undefined = () => undefined;

  /** A seal with new shares, as a rekey makes it. */
  async seal(generation: number): Promise<void> {
    const parts = { keyWrap: createTestKeyWrap(this.entropy), entropy: this.entropy };
    const barrierId = new Uint8Array(16).fill(7);
    const seal = await createShamirSeal(
      { shares: 5, threshold: 3, barrierId, generation, rootKey: this.rootKey },
      parts,
    );
    this.record = seal.record;
    this.shares = seal.shares.map((share) => share.expose());
  }

  /** A process that runs as node `nodeId`; it is at the node's address once it is put into `nodes`. */
  startNode(nodeId: number, bootCounter: number): TestNode {
    const node: TestNode = {
      nodeId,
      open: false,
      staged: undefined,
      service: new CeremonyService({
        nodeId,
        bootCounter,
        peers: { call: (to, _method, payload) => this.#call(nodeId, to, payload) },
        collector: () => this.leader,
        members: () => this.#members,
        sealRecord: () => this.record,
        isOpen: () => node.open,
        onOpened: async (rootKey) => {
          if (!equalBytes(rootKey, this.rootKey)) throw new Error("not the root key");
          const refusal = this.refuseToOpen(nodeId);
          if (refusal !== undefined) throw refusal;
          node.open = true;
        },
        stageRootKey: (rootKey) => {
          node.staged = rootKey.slice();
        },
        commitRekey: async ({ rootKey, record, previous }) => {
          if (this.commitFails) throw new Error("not committed");
          if (this.record === undefined || !equalBytes(previous, this.record)) throw new Error("another seal");
          this.record = record.slice();
          this.rootKey = rootKey.slice();
          return "committed";
        },
        sign: (message) => new Uint8Array(sign(null, message, identityOf(nodeId))),
        keyWrap: createTestKeyWrap(this.entropy),
        clock: this.time,
        timers: this.time,
        entropy: this.entropy,
        logger: silentLogger,
      }),
    };
    return node;
  }

  node(nodeId: number): TestNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`there is no node ${nodeId}`);
    return node;
  }

  share(index: number): Uint8Array {
    return (this.shares[index] ?? new Uint8Array(0)).slice();
  }

  get open(): readonly boolean[] {
    return [...this.nodes.values()].map((node) => node.open);
  }

  async #call(from: number, to: number, payload: Uint8Array): Promise<Uint8Array> {
    this.calls.push({ from, to, payload: payload.slice() });
    if (this.unreachable.has(to)) throw new Error(`node ${to} is unreachable`);
    return this.node(to).service.handle(payload, from);
  }
}

/** The identity key of a node: an Ed25519 key whose seed is its id. */
function identityOf(nodeId: number): ReturnType<typeof createPrivateKey> {
  const seed = new Uint8Array(32).fill(nodeId);
  const der = concatBytes([fromHex("302e020100300506032b657004220420"), seed]);
  return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
}
