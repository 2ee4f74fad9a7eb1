/**
 * Every unsealed node serves everything: each kind of write of mounts, policies, logins, secrets, cubbyholes and audit devices
 * is asked of the leader and of a follower, over real processes, and what it did is seen on all nodes by the next request.
 * Tokens and wrapping are in tokens.test.ts, leases in leases.test.ts.
 */
import type { LocalCluster } from "@strongroom/cli";
import { describe, expect, it } from "vitest";
import { threeNodes } from "./three-nodes.ts";

let cluster: LocalCluster;

threeNodes((up) => {
  cluster = up;
});

type Method = "GET" | "LIST" | "POST" | "PATCH" | "DELETE";
type Body = { readonly [name: string]: unknown };

interface Answer {
  readonly status: number;
  readonly data: Body;
  readonly token: string;
}

const NODES = [0, 1, 2];

async function send(node: number, line: string, body?: object, token?: string): Promise<Answer> {
  const [method, path] = line.split(" ") as [Method, string];
  const { status, json } = await cluster.request(node, {
    method,
    path,
    ...(token === undefined ? undefined : { token }),
    ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
  });
  const auth = json?.auth as { readonly client_token?: string } | null | undefined;
  return { status, data: json?.data ?? {}, token: auth?.client_token ?? "" };
}

describe.each(["the leader", "a follower"] as const)("asked of %s", (who) => {
  const own = who === "the leader" ? "l" : "f";
  const asked = async (): Promise<number> => {
    const leader = await cluster.leader();
    return who === "the leader" ? leader : (leader + 1) % 3;
  };
  /** Asks that node. Expects a success. */
  const ask = async (line: string, body?: object, token?: string): Promise<Answer> => {
    const answer = await send(await asked(), line, body, token);
    expect([line, answer.status]).toEqual([line, answer.status < 300 ? answer.status : "a success"]);
    return answer;
  };
  /** What every node answers, by status and data. */
  const seen = async (line: string, token?: string): Promise<readonly (readonly [number, Body])[]> => {
    const answers = await Promise.all(NODES.map((node) => send(node, line, undefined, token)));
    return answers.map(({ status, data }) => [status, data] as const);
  };
  const everywhere = (status: number, data: object = {}): readonly unknown[] =>
    NODES.map(() => [status, expect.objectContaining(data)]);

  it("mounts are made, tuned, moved and taken away, and their secrets written", async () => {
    await ask(`POST sys/mounts/${own}1`, { type: "kv", description: "plain" });
    await ask(`POST ${own}1/a/b`, { word: "one" });
    expect(await seen(`GET ${own}1/a/b`)).toEqual(everywhere(200, { word: "one" }));
    await ask(`DELETE ${own}1/a/b`);
    expect(await seen(`GET ${own}1/a/b`)).toEqual(everywhere(404));
    await ask(`POST ${own}1/c`, { word: "two" });
    await ask(`POST sys/mounts/${own}1/tune`, { options: { version: "2" }, max_lease_ttl: "2h" });
    expect(await seen(`GET sys/mounts/${own}1/tune`)).toEqual(everywhere(200, { max_lease_ttl: 7200 }));
    await ask("POST sys/remount", { from: `${own}1`, to: `${own}2` });
    expect(await seen(`GET ${own}2/data/c`)).toEqual(everywhere(200, { data: { word: "two" } }));
    expect(await seen(`GET ${own}1/data/c`)).toEqual(everywhere(404));
    await ask(`DELETE sys/mounts/${own}2`);
    expect(await seen(`GET ${own}2/data/c`)).toEqual(everywhere(404));
  });

  it("secrets get versions, which are patched, deleted, brought back and destroyed", async () => {
    const metadata = { custom_metadata: { owner: own }, max_versions: 5 };
    await ask(`POST secret/metadata/${own}`, metadata);
    await ask(`PATCH secret/metadata/${own}`, { custom_metadata: { more: "x" } });
    expect(await seen(`GET secret/metadata/${own}`)).toEqual(
      everywhere(200, { max_versions: 5, custom_metadata: { owner: own, more: "x" } }),
    );
    await ask(`POST secret/data/${own}`, { data: { n: 1 }, options: { cas: 0 } });
    await ask(`PATCH secret/data/${own}`, { data: { m: 2 }, options: { cas: 1 } });
    expect(await seen(`GET secret/data/${own}`)).toEqual(everywhere(200, { data: { n: 1, m: 2 } }));
    await ask(`DELETE secret/data/${own}`);
    expect(await seen(`GET secret/data/${own}`)).toEqual(everywhere(404, { data: null }));
    await ask(`POST secret/undelete/${own}`, { versions: [2] });
    expect(await seen(`GET secret/subkeys/${own}`)).toEqual(everywhere(200, { subkeys: { n: null, m: null } }));
    await ask(`POST secret/delete/${own}`, { versions: [2] });
    await ask(`POST secret/destroy/${own}`, { versions: [1] });
    expect(await seen(`GET secret/data/${own}`)).toEqual(everywhere(404, { data: null }));
    await ask(`DELETE secret/metadata/${own}`);
    expect(await seen(`GET secret/metadata/${own}`)).toEqual(everywhere(404));
    await ask("POST secret/config", { max_versions: own === "l" ? 11 : 12 });
    expect(await seen("GET secret/config")).toEqual(everywhere(200, { max_versions: own === "l" ? 11 : 12 }));
  });

  it("policies are written and changed, and decide on every node from the answer on", async () => {
    const rule = (capability: string): object => ({
      policy: `path "secret/data/${own}-p" { capabilities = ["${capability}"] }`,
    });
    await ask(`POST secret/data/${own}-p`, { data: {} });
    await ask(`POST sys/policies/acl/${own}`, rule("read"));
    const { token } = await ask("POST auth/token/create", { policies: [own] });
    expect(await seen(`GET secret/data/${own}-p`, token)).toEqual(everywhere(200));
    await ask(`POST sys/policy/${own}`, rule("deny"));
    expect(await seen(`GET secret/data/${own}-p`, token)).toEqual(everywhere(403));
    await ask(`POST sys/policies/acl/${own}`, rule("read"));
    await ask(`DELETE sys/policies/acl/${own}`);
    expect(await seen(`GET secret/data/${own}-p`, token)).toEqual(everywhere(403));
    await ask(`POST sys/policies/password/${own}`, { policy: 'length = 20\nrule "charset" { charset = "ab" }' });
    const password = expect.stringMatching(/^[ab]{20}$/) as string;
    expect(await seen(`GET sys/policies/password/${own}/generate`)).toEqual(everywhere(200, { password }));
    await ask(`DELETE sys/policies/password/${own}`);
    expect(await seen(`GET sys/policies/password/${own}`)).toEqual(everywhere(404));
  });

  it("users log in by password, are locked out and let in again, and go with their method", async () => {
    const method = `auth/${own}-people`;
    await ask(`POST sys/${method}`, { type: "userpass" });
    await ask(`POST sys/${method}/tune`, { user_lockout_config: { lockout_threshold: 2, lockout_duration: "10m" } });
    await ask(`POST ${method}/users/ann`, { password: "first" });
    await ask(`POST ${method}/users/ann/password`, { password: "second" });
    await ask(`POST ${method}/users/ann/policies`, { token_policies: ["default"] });
    const login = (node: number, password: string): Promise<Answer> =>
      send(node, `POST ${method}/login/ann`, { password }, "");
    const node = await asked();
    const { token } = await login(node, "second");
    expect(await seen("GET auth/token/lookup-self", token)).toEqual(
      everywhere(200, { display_name: `${own}-people-ann` }),
    );
    for (let i = 0; i < 2; i++) expect((await login(node, "first")).status).toBe(400);
    for (const at of NODES) expect((await login(at, "second")).status).toBe(403);
    const mounts = await ask("GET sys/auth");
    const { accessor } = mounts.data[`${own}-people/`] as { readonly accessor: string };
    await ask(`POST sys/locked-users/${accessor}/unlock/ann`, {});
    expect((await login((node + 1) % 3, "second")).status).toBe(200);
    await ask(`DELETE ${method}/users/ann`);
    expect((await login((node + 1) % 3, "second")).status).toBe(400);
    await ask(`DELETE sys/${method}`);
    expect(await seen("GET auth/token/lookup-self", token)).toEqual(everywhere(403));
  });

  it("roles log in by secret ids, which are used up, looked up and destroyed", async () => {
    const method = `auth/${own}-roles`;
    const role = `${method}/role/app`;
    await ask(`POST sys/${method}`, { type: "approle" });
    await ask(`POST ${role}`, { token_policies: "default", secret_id_num_uses: 2 });
    await ask(`POST ${role}/role-id`, { role_id: `${own}-app` });
    await ask(`POST ${role}/secret-id-ttl`, { secret_id_ttl: "10m" });
    const made = (await ask(`POST ${role}/secret-id`, {})).data;
    await ask(`POST ${role}/custom-secret-id`, { secret_id: "chosen" });
    const login = (node: number, secretId: unknown): Promise<Answer> =>
      send(node, `POST ${method}/login`, { role_id: `${own}-app`, secret_id: secretId }, "");
    const node = await asked();
    const statuses = [];
    for (const at of [node, node + 1, node + 2]) statuses.push((await login(at % 3, made["secret_id"])).status);
    expect(statuses).toEqual([200, 200, 400]);
    expect((await ask(`POST ${role}/secret-id/lookup`, { secret_id: "chosen" })).data).toMatchObject({
      secret_id_ttl: 600,
    });
    const accessors = (await ask(`LIST ${role}/secret-id`)).data["keys"] as readonly string[];
    expect(accessors.length).toBe(1);
    await ask(`POST ${role}/secret-id-accessor/destroy`, { secret_id_accessor: accessors[0] });
    for (const at of NODES) expect((await login(at, "chosen")).status).toBe(400);
    await ask(`POST ${method}/tidy/secret-id`, {});
    await ask(`DELETE ${role}`);
    expect(await seen(`GET ${role}`)).toEqual(everywhere(404));
    await ask(`DELETE sys/${method}`);
  });

  it("audit devices and headers are named for all nodes, and a token's cubbyhole is filled", async () => {
    await ask(`POST sys/audit/${own}`, { type: "file", options: { file_path: "discard" } });
    expect(await seen("GET sys/audit")).toEqual(everywhere(200, { [`${own}/`]: expect.anything() as unknown }));
    const hashes = [];
    for (const node of NODES)
      hashes.push((await send(node, `POST sys/audit-hash/${own}`, { input: "x" })).data["hash"]);
    expect(new Set(hashes).size).toBe(1);
    await ask(`POST sys/config/auditing/request-headers/X-${own}`, { hmac: true });
    expect(await seen(`GET sys/config/auditing/request-headers/x-${own}`)).toEqual(
      everywhere(200, { [`x-${own}`]: { hmac: true } }),
    );
    await ask(`DELETE sys/config/auditing/request-headers/X-${own}`);
    await ask(`DELETE sys/audit/${own}`);
    expect((await seen("GET sys/audit")).some(([, data]) => `${own}/` in data)).toBe(false);
    const { token } = await ask("POST auth/token/create", { policies: ["default"] });
    await ask("POST cubbyhole/mine", { k: own }, token);
    expect(await seen("GET cubbyhole/mine", token)).toEqual(everywhere(200, { k: own }));
    await ask("DELETE cubbyhole/mine", undefined, token);
    expect(await seen("GET cubbyhole/mine", token)).toEqual(everywhere(404));
  });
});

describe("over all nodes", () => {
  it("the nodes, the one that leads, and the versions that led are told alike, also when another leads", async () => {
    const told = async (): Promise<readonly unknown[]> => {
      const leader = await cluster.leader();
      const histories = await Promise.all(NODES.map((node) => send(node, "LIST sys/version-history")));
      for (const node of NODES) {
        const { nodes } = (await send(node, "GET sys/ha-status")).data as { readonly nodes: readonly Body[] };
        expect(nodes.filter((each) => each["active_node"]).map((each) => each["hostname"])).toEqual([`node-${leader}`]);
        expect(nodes.map((each) => each["last_echo"] === null)).toEqual(nodes.map((each) => each["active_node"]));
        expect(new Set(nodes.map((each) => each["hostname"]))).toEqual(new Set(NODES.map((each) => `node-${each}`)));
      }
      return histories.map(({ data }) => data);
    };
    const before = await told();
    expect(before[0]).toMatchObject({ keys: [expect.stringMatching(/^\d+\.\d+\.\d+$/)] });
    expect(before).toEqual(NODES.map(() => before[0]));
    const leader = await cluster.leader();
    const next = (leader + 1) % 3;
    await send(next, "POST sys/storage/raft/transfer-leader", { server_id: `node-${next}` });
    await expect.poll(() => cluster.leader(), { timeout: 20_000 }).toBe(next);
    expect(await told()).toEqual(before);
  });

  it("a read that races ten writes and the pruning of its version shows a whole version, none older than the request", async () => {
    expect((await send(0, "POST secret/metadata/raced", { max_versions: 2 })).status).toBe(204);
    expect((await send(0, "POST secret/data/raced", { data: { n: 1 } })).status).toBe(200);
    let acknowledged = 1;
    let over = false;
    const writing = (async () => {
      for (let n = 2; n <= 101; n++) {
        expect((await send(n % 3, "POST secret/data/raced", { data: { n } })).status).toBe(200);
        acknowledged = n;
      }
    })().finally(() => {
      over = true;
    });
    const reading = NODES.map(async (node) => {
      let reads = 0;
      while (!over) {
        const least = acknowledged;
        const { status, data } = await send(node, "GET secret/data/raced");
        const { data: value, metadata } = data as {
          readonly data: { readonly n: number };
          readonly metadata: { readonly version: number };
        };
        expect([status, value.n]).toEqual([200, metadata.version]);
        expect(value.n).toBeGreaterThanOrEqual(least);
        reads++;
      }
      return reads;
    });
    const [, ...reads] = await Promise.all([writing, ...reading]);
    expect(Math.min(...reads)).toBeGreaterThan(0);
  });
});
