import { KEY_KIND } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import type { CoreResult } from "../request.ts";
import { ROLES } from "../testing/node-pair.ts";
import { authOf, bodyOf, wrapOf } from "../testing/test-node.ts";
import { TokenWorld } from "../testing/token-world.ts";
import { wireCode } from "../testing/wire-code.ts";

const USED = "invalid_request: wrapping token is not valid or does not exist";

let world: TokenWorld;

const wrapped = async (): Promise<ReturnType<typeof wrapOf>> =>
  wrapOf(await world.call("read", "secret/data/a", { wrapTtlSeconds: 60 }));
const unwrapBody = (token: string): object => ({ token: null, body: { token } });

interface Envelope {
  readonly data: { readonly data: unknown } | null;
  readonly auth: { readonly client_token: string; readonly policies: readonly string[] } | null;
  readonly wrap_info: unknown;
  readonly request_id: string;
}

function envelopeOf(result: CoreResult): Envelope {
  if (result.kind !== "raw") throw new Error(`unwrapping answered ${result.kind}`);
  expect(result.contentType).toBe("application/json");
  return JSON.parse(Buffer.from(result.body).toString("utf8")) as Envelope;
}

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    world = await TokenWorld.open([], role);
  });

  describe("a wrapped answer", () => {
    it("is a token and says where it comes from; what it stands for is given once", async () => {
      const before = await world.census();
      const wrap = await wrapped();
      expect(wrap).toMatchObject({ ttlSeconds: 60, creationPath: "secret/data/a", creationTimeMs: 1_893_456_000_000 });
      expect(wrap.token).toMatch(/^hvs\.[0-9A-Za-z]{24}$/);
      const answer = envelopeOf(await world.nodes[1].call("update", "sys/wrapping/unwrap", unwrapBody(wrap.token)));
      expect(answer).toMatchObject({ data: { data: { n: 1 } }, auth: null, wrap_info: null });
      expect(answer.request_id).toMatch(/^[0-9a-f-]{36}$/);
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(wrap.token))).toBe(USED);
      expect(await world.census()).toEqual(before);
    });

    it("is opened by the token in the body or by the token that the request came with", async () => {
      const own = await wrapped();
      expect(envelopeOf(await world.call("update", "sys/wrapping/unwrap", { token: own.token })).data).toMatchObject({
        data: { n: 1 },
      });
      const third = await wrapped();
      const { token } = await world.create({ policies: ["reader"] });
      const options = { token, body: { token: third.token } };
      expect(envelopeOf(await world.call("update", "sys/wrapping/unwrap", options)).data).toMatchObject({
        data: { n: 1 },
      });
      expect(await world.works(token)).toBe(true);
    });

    it("is told of without being opened, to whoever has the token", async () => {
      const { token } = await wrapped();
      for (const options of [{ token }, unwrapBody(token)]) {
        expect(bodyOf(await world.call("update", "sys/wrapping/lookup", options))).toEqual({
          creation_path: "secret/data/a",
          creation_time: "2030-01-01T00:00:00Z",
          creation_ttl: 60,
        });
      }
      expect(bodyOf(await world.call("read", "sys/wrapping/lookup", { token }))).toMatchObject({ creation_ttl: 60 });
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toBe("ok");
      expect(await world.code("update", "sys/wrapping/lookup", unwrapBody(token))).toBe(USED);
    });

    it("is opened by exactly one of two hundred who try at once on all workers", async () => {
      const { token } = await wrapped();
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) => {
          const node = world.nodes[i % 2 === 0 ? 0 : 1];
          const options = i % 3 === 0 ? { token } : unwrapBody(token);
          return wireCode(node.call("update", "sys/wrapping/unwrap", options));
        }),
      );
      expect(results.filter((code) => code === "ok")).toHaveLength(1);
      expect(results.filter((code) => code === USED)).toHaveLength(199);
    });

    it("is not lost by an unwrapping that never took effect, and is gone by one of which nobody heard", async () => {
      const { token } = await wrapped();
      world.store.failCommits("not-committed");
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toMatch(/^not_committed/);
      world.store.failCommits("unknown-applied");
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toMatch(/^outcome_unknown/);
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toBe(USED);
    });

    it("ends with its time, used or not, and nothing of it stays", async () => {
      const before = await world.census();
      const { token } = await wrapped();
      world.time.advance(60_000);
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toBe(USED);
      await world.background();
      expect(await world.census()).toEqual(before);
    });

    it("of a login or a new token has the token inside, and names its accessor outside", async () => {
      const body = { policies: ["app"] };
      const wrap = wrapOf(await world.call("update", "auth/token/create", { body, wrapTtlSeconds: 60 }));
      const { auth } = envelopeOf(await world.call("update", "sys/wrapping/unwrap", unwrapBody(wrap.token)));
      expect(auth).toMatchObject({ accessor: wrap.wrappedAccessor, policies: ["app", "default"] });
      expect(await world.works(auth?.client_token ?? "")).toBe(true);
    });

    it("may be a list; refusals, nothing and bare answers are not wrapped", async () => {
      const listed = wrapOf(await world.call("list", "secret/metadata/", { wrapTtlSeconds: 60 }));
      const inside = envelopeOf(await world.call("update", "sys/wrapping/unwrap", unwrapBody(listed.token)));
      expect(inside.data).toEqual({ keys: ["a"] });
      const before = await world.census();
      const none = await world.call("read", "secret/data/none", { wrapTtlSeconds: 60 });
      expect(none).toEqual({ kind: "not-found" });
      expect(await world.call("delete", "secret/data/none", { wrapTtlSeconds: 60 })).toEqual({ kind: "empty" });
      expect(await world.code("read", "nowhere/x", { wrapTtlSeconds: 60 })).toMatch(/^unsupported_path/);
      expect(await world.census()).toEqual(before);
    });

    it("shows the newest state, also on a worker that lags behind", async () => {
      world.store.lagBehind();
      await world.call("update", "secret/data/a", { body: { data: { n: 2 } } });
      const { token } = await wrapped();
      world.store.catchUp();
      const answer = envelopeOf(await world.call("update", "sys/wrapping/unwrap", unwrapBody(token)));
      expect(answer.data).toMatchObject({ data: { n: 2 } });
    });

    it("can be wrapped anew, for as long as at first; the old token is used up", async () => {
      const first = await wrapped();
      world.time.advance(50_000);
      const second = wrapOf(await world.call("update", "sys/wrapping/rewrap", { body: { token: first.token } }));
      expect(second).toMatchObject({
        ttlSeconds: 60,
        creationPath: "secret/data/a",
        creationTimeMs: 1_893_456_050_000,
      });
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(first.token))).toBe(USED);
      world.time.advance(50_000);
      const answer = envelopeOf(await world.call("update", "sys/wrapping/unwrap", unwrapBody(second.token)));
      expect(answer.data).toMatchObject({ data: { n: 1 } });
    });

    it("of what the client sends comes back as it was sent", async () => {
      expect(await world.code("update", "sys/wrapping/wrap", { body: { a: 1 } })).toBe(
        "invalid_request: endpoint requires response wrapping to be used",
      );
      const body = { word: 'quote " back \\ slash', big: 1, "10": "a", "9": { nested: ["é", "\u2028"] } };
      const { token } = wrapOf(await world.call("update", "sys/wrapping/wrap", { body, wrapTtlSeconds: 60 }));
      const answer = await world.call("update", "sys/wrapping/unwrap", unwrapBody(token));
      expect(envelopeOf(answer).data).toEqual(body);
    });
  });

  describe("a wrapping token", () => {
    it("is no other token, nor any other token one", async () => {
      const { token, accessor } = await wrapped();
      for (const stranger of [
        world.nodes[0].rootToken,
        (await world.create({ policies: ["app"] })).token,
        accessor,
        "x",
      ]) {
        for (const path of ["unwrap", "lookup"]) {
          expect(await world.code("update", `sys/wrapping/${path}`, unwrapBody(stranger))).toBe(USED);
        }
      }
      expect(await world.code("update", "sys/wrapping/unwrap", { token: null })).toBe(USED);
      expect(await world.code("read", "secret/data/a", { token })).toMatch(/^permission_denied/);
      // That was its one use.
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toBe(USED);
    });

    it("may be revoked by its accessor, with what is inside", async () => {
      const before = await world.census();
      const { token, accessor } = await wrapped();
      await world.call("update", "auth/token/revoke-accessor", { body: { accessor } });
      expect(await world.code("update", "sys/wrapping/unwrap", unwrapBody(token))).toBe(USED);
      await world.background();
      expect(await world.census()).toEqual(before);
    });

    it("makes no children and keeps nothing else in its cubbyhole", async () => {
      const { token } = await wrapped();
      expect(await world.code("update", "cubbyhole/other", { token, body: { a: 1 } })).toMatch(/^permission_denied/);
      expect(await world.code("update", "auth/token/create", { token: (await wrapped()).token, body: {} })).toMatch(
        /^permission_denied/,
      );
    });
  });

  describe("policies of wrapping", () => {
    it("bound the time, and may demand that an answer be wrapped", async () => {
      const policy =
        'path "secret/data/a" { capabilities = ["read"] min_wrapping_ttl = "10s" max_wrapping_ttl = "90s" }';
      await world.call("update", "sys/policies/acl/wrapped", { body: { policy } });
      const { token } = await world.create({ policies: ["wrapped"] });
      const read = (wrapTtlSeconds?: number): Promise<string> =>
        world.code("read", "secret/data/a", {
          token,
          ...(wrapTtlSeconds === undefined ? undefined : { wrapTtlSeconds }),
        });
      expect(await read()).toMatch(/^permission_denied/);
      expect(await read(9)).toMatch(/^permission_denied/);
      expect(await read(10)).toBe("ok");
      expect(await read(90)).toBe("ok");
      expect(await read(91)).toMatch(/^permission_denied/);
    });
  });

  describe("a cubbyhole", () => {
    it("is one token's alone, and goes with it", async () => {
      const before = await world.census();
      const [mine, other] = await Promise.all([
        world.create({ policies: ["app"] }),
        world.create({ policies: ["app"] }),
      ]);
      await world.call("update", "cubbyhole/a/b", { token: mine.token, body: { k: "v" } });
      expect(bodyOf(await world.nodes[1].call("read", "cubbyhole/a/b", { token: mine.token }))).toEqual({ k: "v" });
      for (const body of [undefined, {}]) {
        expect(await world.code("update", "cubbyhole/a/b", { token: mine.token, ...(body && { body }) })).toBe(
          "invalid_request: missing data fields",
        );
      }
      expect(bodyOf(await world.call("list", "cubbyhole/a/", { token: mine.token }))).toEqual({ keys: ["b"] });
      expect(await world.call("read", "cubbyhole/a/b", { token: other.token })).toEqual({ kind: "not-found" });
      expect(await world.call("read", "cubbyhole/a/b")).toEqual({ kind: "not-found" });
      for (const { token } of [mine, other]) await world.call("update", "auth/token/revoke", { body: { token } });
      await world.background();
      expect(await world.census()).toEqual(before);
    });

    it("cannot be mounted elsewhere, taken away, or listed by another's path", async () => {
      expect(await world.code("update", "sys/mounts/hole", { body: { type: "cubbyhole" } })).toMatch(
        /^invalid_request: plugin not found in the catalog/,
      );
      expect(await world.code("delete", "sys/mounts/cubbyhole")).toMatch(/^invalid_request/);
      const mounts = bodyOf(await world.call("read", "sys/mounts")) as Record<string, unknown>;
      expect(mounts["cubbyhole/"]).toMatchObject({ type: "cubbyhole" });
    });
  });

  describe("a token made by a wrapped creation", () => {
    it("leaves no accessor behind when the creation is refused (T-11)", async () => {
      const before = await world.census();
      const by = { token: (await world.create({ policies: ["maker"] })).token };
      for (let i = 0; i < 10; i++) {
        const body = { policies: ["app"] };
        await world.code("update", "auth/token/create", { body, ...by, wrapTtlSeconds: 60 });
      }
      expect((await world.census()).get(KEY_KIND.accessor)).toBe((before.get(KEY_KIND.accessor) ?? 0) + 1);
      expect(authOf(await world.call("update", "auth/token/create", { body: {}, ...by })).policies).toContain("maker");
    });
  });

  describe("tools", () => {
    it("give random bytes in the asked form and number", async () => {
      const random = async (path: string, body: object = {}): Promise<string> =>
        (bodyOf(await world.call("update", `sys/tools/random${path}`, { body })) as { random_bytes: string })
          .random_bytes;
      expect(Buffer.from(await random(""), "base64")).toHaveLength(32);
      expect(await random("/16", { format: "hex" })).toMatch(/^[0-9a-f]{32}$/);
      expect(Buffer.from(await random("/platform", { bytes: 5 }), "base64")).toHaveLength(5);
      expect(Buffer.from(await random("/all/7"), "base64")).toHaveLength(7);
      for (const [path, body] of [
        ["/0", {}],
        ["", { bytes: 131_073 }],
        ["/x", {}],
        ["/nowhere/5", {}],
        ["", { format: "binary" }],
      ] as const) {
        expect(await world.code("update", `sys/tools/random${path}`, { body }), path).toMatch(/^invalid_request/);
      }
    });

    it("hash as the standards do", async () => {
      const hash = async (path: string, body: object): Promise<unknown> =>
        bodyOf(await world.call("update", `sys/tools/hash${path}`, { body }));
      const input = Buffer.from("abc").toString("base64");
      // FIPS 180-2 appendix B.1 and the SHA-3 example values.
      expect(await hash("", { input })).toEqual({
        sum: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      });
      expect(await hash("/sha3-256", { input, format: "base64" })).toEqual({
        sum: Buffer.from("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532", "hex").toString("base64"),
      });
      expect(await hash("", {})).toEqual({
        sum: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      });
      for (const body of [{ input: "%" }, { input, algorithm: "md5" }, { input, format: "x" }]) {
        expect(await world.code("update", "sys/tools/hash", { body })).toMatch(/^invalid_request/);
      }
    });
  });
});
