import { formatTimestamp } from "@strongroom/logical";
import { kvFactory } from "@strongroom/secrets";
import { beforeEach, describe, expect, it } from "vitest";
import { currentAutopilotSettings } from "../autopilot-settings.ts";
import { bodyOf, TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

let node: TestNode;

beforeEach(async () => {
  node = new TestNode([kvFactory]);
  await node.initialize();
});

const CONFIGURATION = "sys/storage/raft/autopilot/configuration";

describe("the endpoints of membership", () => {
  it("ask the cluster for what they say, of the node that is named", async () => {
    for (const change of ["promote", "demote"]) {
      expect(await wireCode(node.call("update", `sys/storage/raft/${change}`, { body: {} }))).toMatch(
        /^invalid_request/,
      );
      await node.call("update", `sys/storage/raft/${change}`, { body: { server_id: "node-2" } });
    }
    await node.call("update", "sys/storage/raft/transfer-leader", { body: {} });
    await node.call("update", "sys/storage/raft/transfer-leader", { body: { server_id: "3" } });
    expect(node.cluster.calls).toEqual(["promote node-2", "demote node-2", "transfer -", "transfer 3"]);
    expect(await wireCode(node.call("update", "sys/storage/raft/promote", { token: null }))).toMatch(
      /^permission_denied/,
    );
  });
});

describe("the nodes", () => {
  it("are told as the leader knows them, whichever is asked", async () => {
    const [first] = node.cluster.summary.members;
    const follower = { ...first, nodeId: 2, name: "", leader: false, lastContactMs: 1_500 };
    const members = [first, follower] as typeof node.cluster.summary.members;
    node.cluster.summary = { ...node.cluster.summary, members: [] };
    node.cluster.leaderStatus = async () => ({ ...node.cluster.summary, members });
    const wallMs = node.store.clock.wallMs();
    expect(bodyOf(await node.call("read", "sys/ha-status"))).toEqual({
      nodes: [
        {
          hostname: "node-1",
          api_address: "https://127.0.0.1:8200",
          cluster_address: "https://127.0.0.1:8201",
          active_node: true,
          last_echo: null,
        },
        {
          hostname: "2",
          api_address: "https://127.0.0.1:8200",
          cluster_address: "https://127.0.0.1:8201",
          active_node: false,
          last_echo: formatTimestamp(wallMs - 1_500),
        },
      ],
    });
    expect(await wireCode(node.call("read", "sys/ha-status", { token: null }))).toMatch(/^permission_denied/);
  });
});

describe("what Vault has of Raft and this server does otherwise", () => {
  const RESTORES = ["sys/storage/raft/snapshot", "sys/storage/raft/snapshot-force"];
  const JOIN = "sys/storage/raft/join";

  it("says how a snapshot is restored, to who has sudo there", async () => {
    const policy = 'path "sys/storage/raft/snapshot*" { capabilities = ["create", "update"] }';
    await node.call("update", "sys/policies/acl/p", { body: { policy } });
    const made = await node.call("update", "auth/token/create", { body: { policies: ["p"] } });
    const token = made.kind === "data" ? Buffer.from(made.auth?.clientToken ?? []).toString("latin1") : "";
    for (const path of RESTORES) {
      expect(await wireCode(node.call("update", path))).toMatch(
        /^invalid_request: a snapshot is restored offline: .*`strongroom operator raft snapshot restore /,
      );
      for (const other of [null, "hvs.none", token]) {
        expect(await wireCode(node.call("update", path, { token: other }))).toMatch(/^permission_denied/);
      }
      expect(node.core.bodyRule(path)).toBe("unread");
    }
    await node.call("update", "sys/seal");
    expect(await wireCode(node.call("update", "sys/storage/raft/snapshot"))).toMatch(/^sealed/);
  });

  it("says how a node joins, to anybody, sealed or not", async () => {
    const say = /^invalid_request: a node joins by token: .*-join=TOKEN/;
    const body = { leader_api_addr: "https://127.0.0.1:8200" };
    expect(await wireCode(node.call("update", JOIN, { token: null, body }))).toMatch(say);
    await node.call("update", "sys/seal");
    expect(await wireCode(node.call("update", JOIN, { token: null, body }))).toMatch(say);
    expect(await wireCode(new TestNode([kvFactory]).call("update", JOIN, { token: null, body }))).toMatch(say);
    expect(node.core.bodyRule(JOIN)).toBe("unread");
    expect(node.cluster.calls).toEqual([]);
  });

  it("is told by help and OpenAPI", async () => {
    const help = async (path: string) => JSON.stringify(bodyOf(await node.call("help", path)));
    for (const path of RESTORES)
      expect(await help(path)).toMatch(/Root-protected.*update: Refused: a restore is offline/);
    expect(await help(JOIN)).toMatch(/Open: it needs no token.*update: Refused: a node joins by token/);
    const { paths } = bodyOf(await node.call("read", "sys/internal/specs/openapi")) as { paths: object };
    for (const path of [...RESTORES, JOIN]) expect(paths).toHaveProperty([`/${path}`, "post"]);
  });
});

describe("the autopilot's settings", () => {
  it("are Vault's by name, and what is not given stays", async () => {
    expect(bodyOf(await node.call("read", CONFIGURATION))).toMatchObject({
      cleanup_dead_servers: false,
      dead_server_last_contact_threshold: "24h0m0s",
      min_quorum: 3,
    });
    await node.call("update", CONFIGURATION, {
      body: { cleanup_dead_servers: "true", dead_server_last_contact_threshold: "1h", max_trailing_logs: 50 },
    });
    await node.call("update", CONFIGURATION, { body: { last_contact_threshold: 20 } });
    expect(currentAutopilotSettings(node.store, node.barrier)).toEqual({
      cleanupDeadServers: true,
      lastContactMs: 20_000,
      deadServerMs: 3_600_000,
      maxTrailingLogs: 50,
      minQuorum: 3,
      stabilizationMs: 600,
    });
  });

  it("refuse what would remove nodes too soon or too many", async () => {
    const refused = (body: object) => wireCode(node.call("update", CONFIGURATION, { body }));
    expect(await refused({ dead_server_last_contact_threshold: "59s" })).toMatch(/^invalid_field/);
    expect(await refused({ cleanup_dead_servers: true, min_quorum: 2 })).toMatch(/^invalid_request/);
    expect(await refused({ max_trailing_logs: -1 })).toMatch(/^invalid_field/);
  });

  it("are the defaults while the node is sealed", async () => {
    await node.call("update", CONFIGURATION, { body: { min_quorum: 5 } });
    await node.call("update", "sys/seal");
    expect(currentAutopilotSettings(node.store, node.barrier).minQuorum).toBe(3);
  });
});

describe("the autopilot's state", () => {
  it("tells each member's health and how many may fail", async () => {
    const [first] = node.cluster.summary.members;
    const others = [
      { ...first, nodeId: 2, name: "node-2", leader: false, lastContactMs: 40 },
      { ...first, nodeId: 3, name: "", leader: false, online: false, lastContactMs: 60_000, match: 1 },
    ] as typeof node.cluster.summary.members;
    node.cluster.summary = { ...node.cluster.summary, members: [...node.cluster.summary.members, ...others] };
    expect(bodyOf(await node.call("read", "sys/storage/raft/autopilot/state"))).toMatchObject({
      healthy: false,
      failure_tolerance: 0,
      leader: "node-1",
      voters: ["node-1", "node-2", "3"],
      servers: {
        "node-1": { healthy: true, status: "leader", last_contact: "0ms" },
        "node-2": { healthy: true, status: "voter", last_contact: "40ms" },
        3: { healthy: false, node_status: "failed", last_contact: "1m0s", last_index: 1 },
      },
    });
  });
});
