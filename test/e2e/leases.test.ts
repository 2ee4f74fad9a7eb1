/** Leases over real processes: they end at their time and are revoked whoever leads, and whichever node is asked. */
import type { LocalCluster } from "@strongroom/cli";
import { describe, expect, it } from "vitest";
import { threeNodes } from "./three-nodes.ts";

let cluster: LocalCluster;

threeNodes((up) => {
  cluster = up;
});

const PATIENCE = { timeout: 60_000, interval: 200 };
const others = (index: number): readonly number[] => [0, 1, 2].filter((other) => other !== index);

const post = (index: number, path: string, body: object) =>
  cluster.request(index, { method: "POST", path, body: JSON.stringify(body) });

async function newToken(index: number, ttl: string): Promise<{ readonly token: string; readonly accessor: string }> {
  const { json } = await post(index, "auth/token/create", { ttl, policies: ["default"] });
  const auth = (json as unknown as { auth: { client_token: string; accessor: string } }).auth;
  return { token: auth.client_token, accessor: auth.accessor };
}

const statusOf = async (index: number, token: string): Promise<number> =>
  (await cluster.request(index, { method: "GET", path: "auth/token/lookup-self", token })).status;

const leasesAt = async (index: number): Promise<number> => {
  const { status, json } = await cluster.request(index, {
    method: "LIST",
    path: "sys/leases/lookup/auth/token/create",
  });
  const keys = (json?.data?.["keys"] ?? []) as readonly string[];
  return status === 404 ? 0 : keys.length;
};

describe("leases of a cluster", () => {
  it("end at their time on every node, though the leader that gave them is dead", async () => {
    const leader = await cluster.leader();
    const tokens: string[] = [];
    for (const index of [0, 1, 2]) tokens.push((await newToken(index, "8s")).token);
    const lasting = await newToken(others(leader)[0] ?? 0, "1h");
    await cluster.kill(leader);
    const survivors = others(leader);
    for (const index of survivors) {
      for (const token of tokens) await expect.poll(() => statusOf(index, token), PATIENCE).toBe(403);
      await expect.poll(() => leasesAt(index), PATIENCE).toBe(1);
      expect(await statusOf(index, lasting.token)).toBe(200);
    }
    await cluster.restart(leader);
    await cluster.openNode(leader);
    expect([await statusOf(leader, tokens[0] ?? ""), await statusOf(leader, lasting.token)]).toEqual([403, 200]);
  });

  it("are revoked by whoever leads, wherever it was asked, before the answer", async () => {
    const leader = await cluster.leader();
    const [first = 0, second = 0] = others(leader);
    const made = [await newToken(first, "1h"), await newToken(leader, "1h")];
    const answer = await post(second, "sys/leases/revoke-prefix/auth/token/create", {});
    expect(answer.status).toBe(204);
    for (const index of [0, 1, 2]) {
      for (const { token } of made) expect(await statusOf(index, token)).toBe(403);
      expect(await leasesAt(index)).toBe(0);
    }
  });
});
