import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Barrier } from "@strongroom/barrier";
import { openTestBarrier } from "@strongroom/barrier/testing";
import {
  type ClusterClient,
  encodeJoinToken,
  encodeJoinTokenRow,
  joinTokenKey,
  NodeIdentity,
  newJoinToken,
  type ServedMethod,
  type WorkerStore,
} from "@strongroom/cluster";
import { concatBytes, silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { runTransaction } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JoinOpening } from "./join-opening.ts";
import type { KnownNode, NodeDirectory } from "./node-directory.ts";

const SEALED_MEMBER = 1;
const OPEN_MEMBER = 2;
const JOINER = 3;
const OTHER = 4;

let directory: string;
let identity: NodeIdentity;
let state: MemoryStore;
let barrier: Barrier;
let handlers: Map<number, ServedMethod>;
let asked: number[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-joiner-"));
  identity = NodeIdentity.open(directory);
  state = new MemoryStore();
  barrier = openTestBarrier().barrier;
  handlers = new Map();
  asked = [];
  member(SEALED_MEMBER, { sealed: true } as Barrier);
  member(OPEN_MEMBER, barrier);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** One node's part in it; the network hands calls over at once and says who calls. */
function member(nodeId: number, own: Barrier, opened: Uint8Array[] = []): JoinOpening {
  const store = Object.assign(Object.create(state) as WorkerStore, { nodeId });
  for (const name of [
    "localSnapshot",
    "linearizableSnapshot",
    "commit",
    "logTimeMs",
    "isLeaderNode",
    "raftTerm",
  ] as const) {
    Object.assign(store, { [name]: (state[name] as (...args: never[]) => unknown).bind(state) });
  }
  Object.assign(store, { clock: state.clock, timers: state.timers });
  const cluster: Pick<ClusterClient, "call" | "serve"> = {
    serve: (_method, handler) => void handlers.set(nodeId, handler),
    async call(to, _method, payload) {
      asked.push(Number(to));
      const handler = handlers.get(Number(to));
      if (handler === undefined) throw new Error("nobody there");
      return handler(payload, { nodeId, remoteAddress: "127.0.0.1" });
    },
  };
  const record = { name: "n", clusterAddress: "", apiAddress: "", grpcAddress: "" };
  const members = nodeId === JOINER || nodeId === OTHER ? [SEALED_MEMBER, OPEN_MEMBER] : [JOINER, OTHER];
  const nodes: readonly KnownNode[] = members.map((id) => ({
    nodeId: id,
    ...record,
    identityPublicKey: identity.publicKeySpki,
  }));
  return new JoinOpening({
    store,
    cluster: cluster as ClusterClient,
    barrier: own,
    identity,
    nodes: { nodes } as NodeDirectory,
    open: async (rootKey) => void opened.push(Uint8Array.from(rootKey)),
    clock: nodeClock,
    timers: { ...nodeTimers, after: (_delayMs, callback) => nodeTimers.after(1, callback) },
    entropy: nodeEntropy,
    logger: silentLogger,
  });
}

/** A token that `usedBy` has joined with. */
async function token(open: boolean, usedBy = JOINER): Promise<string> {
  const made = newJoinToken(
    { addresses: ["a:1"], caFingerprint: "00".repeat(32), nowMs: state.logTimeMs(), open },
    nodeEntropy,
  );
  const key = joinTokenKey(barrier.hashTokenId(concatBytes([made.token.id, made.token.secret])));
  const used = { nodeId: usedBy, publicKeySpki: identity.publicKeySpki };
  await runTransaction(state, (tx) => tx.put(key, 0, encodeJoinTokenRow({ ...made.row, used })), {
    mode: "write",
    deadlineMs: state.clock.monotonicMs() + 1_000,
  });
  return encodeJoinToken(made.token);
}

const closedBarrier = { sealed: true } as Barrier;

describe("a node that joins with a token made to open it", () => {
  it("goes past a sealed member, and gets the root key from an open one", async () => {
    const opened: Uint8Array[] = [];
    await member(JOINER, closedBarrier, opened).ask(await token(true));
    expect(asked).toEqual([SEALED_MEMBER, OPEN_MEMBER]);
    expect(opened).toEqual([barrier.rootKey().expose()]);
  });

  it("gets the key once, also when it asks twice at a time", async () => {
    const opened: Uint8Array[] = [];
    const text = await token(true);
    const joiner = member(JOINER, closedBarrier, opened);
    await Promise.all([joiner.ask(text), joiner.ask(text)]);
    await joiner.ask(text);
    expect(opened).toHaveLength(1);
  });

  it("gets nothing by a token that was not made for that, or that another node joined with", async () => {
    const opened: Uint8Array[] = [];
    await member(JOINER, closedBarrier, opened).ask(await token(false));
    await member(JOINER, closedBarrier, opened).ask(await token(true, OTHER));
    expect(opened).toEqual([]);
  });

  it("gets nothing without a certificate, without its identity key's signature, or by bytes that say nothing", async () => {
    const handler = handlers.get(OPEN_MEMBER);
    const caller = { nodeId: JOINER, remoteAddress: "127.0.0.1" };
    const unsigned = new Uint8Array(16 + 32 + 32 + 70);
    for (const payload of [new Uint8Array(0), new Uint8Array(500), unsigned]) {
      await expect(handler?.(payload, caller)).rejects.toMatchObject({ code: "not_opening" });
      await expect(handler?.(payload, { remoteAddress: "127.0.0.1" })).rejects.toMatchObject({ code: "not_opening" });
    }
  });
});
