import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, JoinRequestSchema, toBinary } from "@strongroom/proto";
import { present, StrongroomError, silentLogger, toHex } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeTimers } from "@strongroom/runtime/node";
import { SeededRandom } from "@strongroom/runtime/testing";
import type { CommandDraft, Revision } from "@strongroom/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeRecord } from "../replica/node-record.ts";
import { acquaint, TEST_CLUSTER_ID, TestNodes } from "../transport/testing/tls-nodes.ts";
import { JOIN_METHOD, PeerCallError } from "../transport/transport.ts";
import { caFingerprint, signNodeCertificate } from "./certificates.ts";
import { NodeIdentity } from "./identity.ts";
import { JoinFailedError, joinCluster } from "./join-client.ts";
import {
  type JoinAuthority,
  type JoinedMember,
  JoinRefusedError,
  JoinService,
  joinProofMessage,
} from "./join-service.ts";
import {
  decodeJoinTokenRow,
  encodeJoinToken,
  encodeJoinTokenRow,
  type JoinTokenRow,
  joinTokenKey,
  newJoinToken,
} from "./join-token.ts";

class ConflictError extends StrongroomError {
  readonly code = "membership_conflict";
}

/** The cluster as the join service sees it, with one table in memory. */
class MemoryAuthority implements JoinAuthority {
  sealed = false;
  nowMs = 1_000_000;
  readonly rows = new Map<string, { row: JoinTokenRow; revision: Revision }>();
  readonly members: JoinedMember[] = [];
  /** Runs before the next entry is applied. */
  beforeAdd: () => void = () => {};
  readonly #nodes: TestNodes;
  #index = 1;

  constructor(nodes: TestNodes) {
    this.#nodes = nodes;
  }

  logTimeMs(): number {
    return this.nowMs;
  }

  hashToken(idAndSecret: Uint8Array): Uint8Array {
    return Uint8Array.from(createHmac("sha256", "token key").update(idAndSecret).digest());
  }

  async readTokenRow(key: Uint8Array) {
    return this.rows.get(toHex(key));
  }

  async addLearner(nodeId: number, record: NodeRecord, { guards, mutations }: CommandDraft): Promise<void> {
    this.beforeAdd();
    this.beforeAdd = () => {};
    for (const guard of guards)
      if (guard.kind === "point" && this.rows.get(toHex(guard.key))?.revision.index !== guard.revision.index)
        throw new ConflictError("a guard failed");
    for (const mutation of mutations) if (mutation.kind === "put") this.put(mutation.key, mutation.value);
    this.members.push({ nodeId, ...record });
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const row = decodeJoinTokenRow(value);
    if (row !== undefined) this.rows.set(toHex(key), { row, revision: { index: this.#index++, position: 0 } });
  }

  signCertificate(nodeId: number, publicKeySpki: Uint8Array): Uint8Array {
    return signNodeCertificate(this.#nodes.ca, {
      clusterId: TEST_CLUSTER_ID,
      nodeId,
      publicKeySpki,
      entropy: nodeEntropy,
    });
  }

  async cluster() {
    return { clusterId: TEST_CLUSTER_ID, caCertificateDer: this.#nodes.ca.certificateDer, members: this.members };
  }

  /** Makes a token as an operator would. */
  token(addresses: readonly string[], terms: { name?: string; cidr?: string; open?: boolean } = {}): string {
    const given = {
      addresses,
      caFingerprint: caFingerprint(this.#nodes.ca.certificateDer),
      nowMs: this.nowMs,
      ...terms,
    };
    const { token, row } = newJoinToken(given, nodeEntropy);
    this.put(joinTokenKey(this.hashToken(Buffer.concat([token.id, token.secret]))), encodeJoinTokenRow(row));
    return encodeJoinToken(token);
  }
}

let nodes: TestNodes;
let directory: string;
let authority: MemoryAuthority;
let service: JoinService;

beforeEach(() => {
  nodes = new TestNodes();
  directory = mkdtempSync(join(tmpdir(), "strongroom-join-"));
  authority = new MemoryAuthority(nodes);
  service = new JoinService(authority, { entropy: new SeededRandom(5), logger: silentLogger });
});
afterEach(async () => {
  await nodes.close();
  rmSync(directory, { recursive: true, force: true });
});

const dependencies = () => ({
  transport: nodes.transport(),
  clock: nodeClock,
  timers: nodeTimers,
  logger: silentLogger,
});
const newcomer = (name = "n2") => ({
  identity: NodeIdentity.open(join(directory, name)),
  name,
  clusterAddress: "127.0.0.1:9201",
  apiAddress: "https://127.0.0.1:9200",
  grpcAddress: "127.0.0.1:9202",
  timeoutMs: 10_000,
});

/** A member that serves Join on a real port. */
async function member(nodeId: number, serve: JoinService = service) {
  const node = await nodes.start(nodes.identity(nodeId));
  node.transport.serve(JOIN_METHOD, (payload, caller) => serve.handle(payload, caller));
  return node;
}

describe("a join over the network", () => {
  it("makes a newcomer a node that the others let in, and is not undone by asking again", async () => {
    const first = await member(1);
    const token = authority.token([first.transport.address], { open: true });
    const options = { ...newcomer(), token };
    const result = await joinCluster(options, dependencies());
    options.identity.adopt(result.membership);
    expect(authority.members).toEqual([expect.objectContaining({ nodeId: result.membership.nodeId, name: "n2" })]);
    expect(result).toMatchObject({ open: true, members: [{ name: "n2", clusterAddress: "127.0.0.1:9201" }] });

    const second = await nodes.start(options.identity);
    acquaint([first, second]);
    first.transport.serve("hello", async (_, caller) => Buffer.from(String(caller.nodeId)));
    const answer = await second.transport.call(first.id, "hello", new Uint8Array(0), { timeoutMs: 5000 });
    expect(Number(Buffer.from(answer).toString())).toBe(result.membership.nodeId);

    const again = await joinCluster(options, dependencies());
    expect(again.membership.nodeId).toBe(result.membership.nodeId);
    expect(authority.members.length).toBe(1);
  });

  it("goes past nodes that are down or sealed", async () => {
    const sealedAuthority = new MemoryAuthority(nodes);
    sealedAuthority.sealed = true;
    const sealed = await member(1, new JoinService(sealedAuthority, { entropy: nodeEntropy, logger: silentLogger }));
    const open = await member(2);
    const token = authority.token(["127.0.0.1:1", sealed.transport.address, open.transport.address]);
    const result = await joinCluster({ ...newcomer(), token }, dependencies());
    expect(result.membership.clusterId).toBe(TEST_CLUSTER_ID);
  });

  it("waits for a sealed node to be opened, but not for ever", async () => {
    const first = await member(1);
    authority.sealed = true;
    const token = authority.token([first.transport.address]);
    await expect(joinCluster({ ...newcomer(), token, timeoutMs: 1_500 }, dependencies())).rejects.toMatchObject({
      code: "join_unavailable",
      message: expect.stringContaining("sealed"),
    });
    nodeTimers.after(100, () => {
      authority.sealed = false;
    });
    await expect(joinCluster({ ...newcomer(), token }, dependencies())).resolves.toBeDefined();
  });

  it("never sends the secret to a node of another cluster", async () => {
    const first = await member(1);
    const others = new TestNodes();
    try {
      const token = new MemoryAuthority(others).token([first.transport.address]);
      let asked = 0;
      first.transport.serve(JOIN_METHOD, async () => {
        asked++;
        return new Uint8Array(0);
      });
      await expect(joinCluster({ ...newcomer(), token }, dependencies())).rejects.toThrow("another cluster");
      expect(asked).toBe(0);
    } finally {
      await others.close();
    }
  });

  it("is refused at once where waiting does not help", async () => {
    const first = await member(1);
    const token = authority.token([first.transport.address]);
    authority.nowMs += 600_000;
    await expect(joinCluster({ ...newcomer(), token }, dependencies())).rejects.toThrow(JoinFailedError);
    await expect(joinCluster({ ...newcomer(), token: "srjoin.x" }, dependencies())).rejects.toThrow("mistyped");
  });
});

describe("JoinService", () => {
  /** Asks the service directly, through a transport that is a function call. */
  const ask = (token: string, options = newcomer(), remoteAddress = "10.1.2.3") => {
    const call = async (_to: unknown, _method: string, payload: Uint8Array) => {
      try {
        return await service.handle(payload, { remoteAddress });
      } catch (error) {
        if (!(error instanceof StrongroomError)) throw error;
        throw new PeerCallError("peer_refused", error.message, { remoteCode: error.code });
      }
    };
    return joinCluster({ ...options, token, timeoutMs: 1 }, { ...dependencies(), transport: { call } });
  };

  it("gives one token to one key", async () => {
    const token = authority.token(["a:1"]);
    const first = await ask(token);
    await expect(ask(token, newcomer("n3"))).rejects.toThrow("unknown, expired or used up");
    expect((await ask(token)).membership.nodeId).toBe(first.membership.nodeId);
  });

  it("holds a token to its name, its network and its ten minutes", async () => {
    const token = authority.token(["a:1"], { name: "n2", cidr: "10.0.0.0/8" });
    await expect(ask(token, newcomer("n3"))).rejects.toThrow('named "n2"');
    await expect(ask(token, newcomer(), "11.0.0.1")).rejects.toThrow("10.0.0.0/8");
    authority.nowMs += 599_999;
    await ask(token);
    authority.nowMs += 1;
    await expect(ask(token)).rejects.toThrow("expired");
  });

  it("refuses a name that is taken, and addresses and names that cannot be", async () => {
    await ask(authority.token(["a:1"]), newcomer("n2"));
    await expect(ask(authority.token(["a:1"]), { ...newcomer("n3"), name: "n2" })).rejects.toThrow("already");
    await expect(ask(authority.token(["a:1"]), { ...newcomer("n3"), name: "a b" })).rejects.toThrow("a node's name");
    await expect(ask(authority.token(["a:1"]), { ...newcomer("n3"), clusterAddress: "x" })).rejects.toThrow(
      "cluster_addr",
    );
  });

  it("finds out who won when two callers race for a token", async () => {
    const token = authority.token(["a:1"]);
    const [key, stored] = present([...authority.rows][0], "a token has a row");
    const winner = { nodeId: 77, publicKeySpki: newcomer().identity.publicKeySpki };
    const lose = (used: typeof winner) => {
      authority.beforeAdd = () => authority.put(Buffer.from(key, "hex"), encodeJoinTokenRow({ ...stored.row, used }));
    };
    lose(winner);
    expect((await ask(token)).membership.nodeId).toBe(77);
    const other = authority.token(["a:1"]);
    const otherKey = [...authority.rows.keys()].find((row) => row !== key) ?? "";
    authority.beforeAdd = () =>
      authority.put(Buffer.from(otherKey, "hex"), encodeJoinTokenRow({ ...stored.row, used: winner }));
    await expect(ask(other, newcomer("n3"))).rejects.toThrow("used up");
    expect(authority.members).toEqual([]);
  });

  it("refuses a key whose holder did not sign, and bytes that are no request", async () => {
    const { identity, ...fields } = newcomer();
    const { timeoutMs: _, ...names } = fields;
    const request = {
      tokenId: new Uint8Array(16),
      tokenSecret: new Uint8Array(32),
      publicKey: identity.publicKeySpki,
      ...names,
    };
    const handle = (change: object) =>
      service.handle(toBinary(JoinRequestSchema, create(JoinRequestSchema, { ...request, ...change })), {
        remoteAddress: "",
      });
    const proof = NodeIdentity.open(join(directory, "thief")).sign(
      joinProofMessage(request.tokenId, request.publicKey),
    );
    await expect(handle({ proof })).rejects.toThrow("not signed by the key");
    await expect(handle({ tokenId: new Uint8Array(3) })).rejects.toThrow(JoinRefusedError);
    await expect(handle({ publicKey: new Uint8Array(300) })).rejects.toThrow(JoinRefusedError);
    await expect(service.handle(Uint8Array.of(255, 255), { remoteAddress: "" })).rejects.toThrow("cannot be read");
  });
});
