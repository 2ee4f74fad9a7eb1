/**
 * Tokens over three real processes: what is revoked, used up or unwrapped on one node is so on every node by the next request,
 * whoever leads, and while leadership moves or the leader dies. Each kind of write is asked of the leader and of a follower.
 */
import type { LocalCluster } from "@strongroom/cli";
import { describe, expect, it } from "vitest";
import { threeNodes } from "./three-nodes.ts";

let cluster: LocalCluster;

threeNodes(async (up) => {
  cluster = up;
  for (const [name, policy] of Object.entries(POLICIES)) {
    await post(0, `sys/policies/acl/${name}`, { policy }, cluster.rootToken);
  }
});

const POLICIES = {
  app: 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
  maker: 'path "auth/token/*" { capabilities = ["create", "read", "update", "list"] }',
};
const NODES = [0, 1, 2];

interface Answer {
  readonly status: number;
  readonly auth: { readonly client_token: string; readonly accessor: string; readonly num_uses: number };
  readonly data: Readonly<Record<string, unknown>>;
  readonly wrap: { readonly token: string };
}

async function ask(
  index: number,
  method: "GET" | "POST" | "LIST" | "DELETE",
  path: string,
  options: { readonly token?: string; readonly body?: object; readonly wrapTtl?: string } = {},
): Promise<Answer> {
  const { token, body, wrapTtl } = options;
  const { status, json } = await cluster.request(index, {
    method,
    path,
    ...(token === undefined ? undefined : { token }),
    ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
    ...(wrapTtl === undefined ? undefined : { wrapTtl }),
  });
  const answer = json as unknown as
    | { auth: Answer["auth"]; data: Answer["data"]; wrap_info: Answer["wrap"] }
    | undefined;
  return {
    status,
    auth: answer?.auth ?? { client_token: "", accessor: "", num_uses: 0 },
    data: answer?.data ?? {},
    wrap: answer?.wrap_info ?? { token: "" },
  };
}

const post = (index: number, path: string, body: object, token?: string): Promise<Answer> =>
  ask(index, "POST", path, { body, ...(token === undefined ? undefined : { token }) });
const create = async (index: number, body: object, token?: string): Promise<Answer["auth"]> =>
  (await post(index, "auth/token/create", body, token)).auth;
const statusOf = async (index: number, token: string): Promise<number> =>
  (await ask(index, "GET", "auth/token/lookup-self", { token })).status;
const statusesOf = (token: string): Promise<readonly number[]> =>
  Promise.all(NODES.map((index) => statusOf(index, token)));
const follower = async (): Promise<number> => {
  const leader = await cluster.leader();
  return NODES.find((index) => index !== leader) ?? 0;
};
const count = (statuses: readonly number[], status: number): number =>
  statuses.filter((each) => each === status).length;

describe.each([
  ["the leader", () => cluster.leader()],
  ["a follower", follower],
] as const)("asked of %s", (_who, nodeOf) => {
  it("tokens are made, renewed, named by roles and revoked with all that descends from them", async () => {
    const node = await nodeOf();
    const parent = await create(node, { policies: ["maker", "app"], ttl: "1h" });
    const by = parent.client_token;
    expect((await post(node, "auth/token/roles/ci", { allowed_policies: "app", token_num_uses: 9 })).status).toBe(204);
    const child = (await post(node, "auth/token/create/ci", {}, by)).auth;
    const orphan = (await post(node, "auth/token/create-orphan", { policies: ["app"] }, by)).auth;
    const batch = await create(node, { policies: ["app"], type: "batch" }, by);
    expect(child.num_uses).toBe(9);
    for (const { client_token: token } of [parent, child, orphan, batch]) {
      expect(await statusesOf(token)).toEqual([200, 200, 200]);
    }
    expect((await post(node, "auth/token/renew-self", { increment: "2h" }, by)).status).toBe(200);
    expect((await post(node, "auth/token/renew-accessor", { accessor: parent.accessor })).status).toBe(200);
    expect((await post(node, "cubbyhole/mine", { k: "v" }, by)).status).toBe(204);
    expect((await ask((node + 1) % 3, "GET", "cubbyhole/mine", { token: by })).data).toEqual({ k: "v" });
    expect((await post(node, "auth/token/revoke-accessor", { accessor: parent.accessor })).status).toBe(204);
    for (const { client_token: token } of [parent, child, batch])
      expect(await statusesOf(token)).toEqual([403, 403, 403]);
    expect(await statusesOf(orphan.client_token)).toEqual([200, 200, 200]);
    expect((await post(node, "auth/token/revoke-self", {}, orphan.client_token)).status).toBe(204);
    expect(await statusesOf(orphan.client_token)).toEqual([403, 403, 403]);
    expect((await post(node, "auth/token/tidy", {})).status).toBe(202);
    expect((await ask(node, "DELETE", "auth/token/roles/ci")).status).toBe(204);
  });

  it("answers are wrapped, looked at, wrapped anew and unwrapped once", async () => {
    const node = await nodeOf();
    await post(node, "secret/data/wrapped", { data: { word: "inside" } });
    const first = (await ask(node, "GET", "secret/data/wrapped", { wrapTtl: "60s" })).wrap.token;
    const looked = await post((node + 1) % 3, "sys/wrapping/lookup", { token: first });
    expect(looked.data).toMatchObject({ creation_path: "secret/data/wrapped", creation_ttl: 60 });
    const second = (await post(node, "sys/wrapping/rewrap", { token: first })).wrap.token;
    expect((await post((node + 2) % 3, "sys/wrapping/unwrap", { token: first })).status).toBe(400);
    const unwrapped = await post(node, "sys/wrapping/unwrap", { token: second });
    expect(unwrapped.data).toMatchObject({ data: { word: "inside" } });
    expect((await post((node + 1) % 3, "sys/wrapping/unwrap", { token: second })).status).toBe(400);
  });
});

describe("on all nodes", () => {
  it("a token that was revoked on one is refused by the next request, also while leadership moves (T-09)", async () => {
    const round = async (i: number): Promise<void> => {
      const { client_token: token } = await create(i % 3, { policies: ["app"] });
      expect((await post((i + 1) % 3, "auth/token/revoke", { token })).status).toBe(204);
      const written = await post((i + 2) % 3, "secret/data/after", { data: { i } });
      expect([written.status, await statusesOf(token)]).toEqual([200, [403, 403, 403]]);
      expect((await ask(i % 3, "GET", "secret/data/after", { token })).status).toBe(403);
      expect((await post(i % 3, "secret/data/after", { data: {} }, token)).status).toBe(403);
    };
    for (let i = 0; i < 4; i++) await round(i);
    const stepDown = await post(await cluster.leader(), "sys/step-down", {});
    expect(stepDown.status).toBe(204);
    for (let i = 0; i < 4; i++) await round(i);
  });

  it("a token with 40 uses serves 40 of 200 requests at once", async () => {
    const { client_token: token } = await create(1, { policies: ["app"], num_uses: 40 });
    await post(0, "secret/data/limited", { data: { n: 0 } });
    const asked = Array.from({ length: 200 }, (_, i) =>
      i % 4 === 0
        ? post(i % 3, "secret/data/limited", { data: { n: i } }, token)
        : ask(i % 3, "GET", "secret/data/limited", { token }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect([count(statuses, 200), count(statuses, 403)]).toEqual([40, 160]);
  });

  it("a wrapping token is unwrapped by one of 200 who ask at once", async () => {
    const { wrap } = await ask(2, "GET", "secret/data/limited", { wrapTtl: "5m" });
    const asked = Array.from({ length: 200 }, (_, i) => post(i % 3, "sys/wrapping/unwrap", { token: wrap.token }));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect([count(statuses, 200), count(statuses, 400)]).toEqual([1, 199]);
  });

  it("neither is good for more than it may be when the leader dies amid the requests", async () => {
    const leader = await cluster.leader();
    const { client_token: token } = await create(leader, { policies: ["app"], num_uses: 30 });
    const { wrap } = await ask(leader, "GET", "secret/data/limited", { wrapTtl: "5m" });
    const uses: number[] = [];
    const unwrapped: number[] = [];
    const note = (into: number[], answer: Promise<Answer>): Promise<void> =>
      answer.then(({ status }) => void into.push(status)).catch(() => undefined);
    const asked: Promise<void>[] = [];
    for (let i = 0; i < 60; i++) {
      asked.push(note(uses, ask(i % 3, "GET", "secret/data/limited", { token })));
      asked.push(note(unwrapped, post(i % 3, "sys/wrapping/unwrap", { token: wrap.token })));
    }
    await cluster.kill(leader);
    await Promise.all(asked);
    const survivors = NODES.filter((index) => index !== leader);
    for (let i = 0; i < 40; i++)
      uses.push((await ask(survivors[i % 2] ?? 0, "GET", "secret/data/limited", { token })).status);
    unwrapped.push((await post(survivors[0] ?? 0, "sys/wrapping/unwrap", { token: wrap.token })).status);
    // A use or an opening that took effect and whose answer was lost counts, and was nobody's.
    expect(count(uses, 200)).toBeLessThanOrEqual(30);
    expect(count(unwrapped, 200)).toBeLessThanOrEqual(1);
    expect(await statusOf(survivors[1] ?? 0, token)).toBe(403);
    expect((await post(survivors[1] ?? 0, "sys/wrapping/unwrap", { token: wrap.token })).status).toBe(400);
    await cluster.restart(leader);
    await cluster.openNode(leader);
    expect([
      await statusOf(leader, token),
      (await post(leader, "sys/wrapping/unwrap", { token: wrap.token })).status,
    ]).toEqual([403, 400]);
  }, 180_000);
});
