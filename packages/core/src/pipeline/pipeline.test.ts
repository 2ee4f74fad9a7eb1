import {
  type BackendFactory,
  defineBackend,
  definePath,
  type HeldLogin,
  LogicalError,
  PreparedStaleError,
  type TokenGrant,
} from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { KEY_KIND } from "@strongroom/storage";
import { beforeEach, describe, expect, it } from "vitest";
import { ROLES } from "../testing/node-pair.ts";
import { authOf, bodyOf, wrapOf } from "../testing/test-node.ts";
import { TokenWorld } from "../testing/token-world.ts";
import { wireCode } from "../testing/wire-code.ts";

const GRANT: TokenGrant = {
  displayName: "alice",
  policies: ["app"],
  metadata: new Map([["username", "alice"]]),
  aliasName: "alice",
  ttlSeconds: 60,
  maxTtlSeconds: 600,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  numUses: 0,
  boundCidrs: [],
  tokenType: "default",
  noDefaultPolicy: false,
  renewable: true,
  internal: { user: "alice" },
};

/** What the test's auth method does and has seen. */
class Method {
  grant: TokenGrant = GRANT;
  refusal: LogicalError | undefined;
  /** How often the state turns out to be another than the one that was prepared for. */
  stale = 0;
  onPrepare = (): void => undefined;
  prepared = 0;
  handled = 0;
  renewals: HeldLogin[] = [];
  callers: (string | undefined)[] = [];

  factory(): BackendFactory {
    const login = definePath({
      pattern: "login",
      fields: {},
      access: "login",
      operations: {
        update: {
          summary: "Log in.",
          prepare: async () => {
            this.onPrepare();
            return `prepared ${++this.prepared}`;
          },
          handler: (context, request) => {
            this.handled++;
            expect(context.prepared).toBe(`prepared ${this.prepared}`);
            if (this.stale > 0) {
              this.stale--;
              throw new PreparedStaleError();
            }
            this.callers.push(request.caller?.accessor);
            context.storage.put("seen", utf8("yes"));
            if (this.refusal !== undefined) throw this.refusal;
            return { kind: "auth", grant: this.grant };
          },
        },
      },
      synopsis: "Log in.",
      description: "For tests.",
    });
    const config = definePath({
      pattern: "config",
      fields: {},
      sudo: true,
      operations: {
        read: { summary: "Reads.", handler: () => ({ kind: "data", data: { ok: true } }) },
      },
      synopsis: "Protected.",
      description: "For tests.",
    });
    const note = definePath({
      pattern: "note",
      fields: {},
      operations: {
        read: {
          summary: "Reads.",
          handler: (context) => ({ kind: "data", data: { written: context.storage.get("note") !== undefined } }),
        },
        update: {
          summary: "Writes, and refuses.",
          handler: (context) => {
            context.storage.put("note", utf8("yes"));
            throw new LogicalError("invalid_request", "thought better of it");
          },
        },
      },
      synopsis: "Writes and refuses.",
      description: "For tests.",
    });
    const backend = defineBackend({
      type: "method",
      help: "For tests.",
      paths: [login, config, note],
      renewLogin: (_context, held) => {
        this.renewals.push(held);
        return this.grant;
      },
    });
    return { type: "method", category: "auth", create: () => backend };
  }
}

let method: Method;
let world: TokenWorld;

const login = (options: object = {}): ReturnType<TokenWorld["call"]> =>
  world.call("update", "auth/method/login", { token: null, body: {}, ...options });

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    method = new Method();
    world = await TokenWorld.open([method.factory()], role);
    await world.call("update", "sys/auth/method", { body: { type: "method" } });
  });

  describe("a login", () => {
    it("needs no token, and is one command: token, accessor, lease", async () => {
      const { commits } = world.store;
      const auth = authOf(await login());
      expect(world.store.commits).toBe(commits + 1);
      expect(auth).toMatchObject({
        policies: ["app", "default"],
        metadata: { username: "alice" },
        leaseDurationSeconds: 60,
        renewable: true,
        orphan: true,
        tokenType: "service",
      });
      expect(await wireCode(world.nodes[1].call("read", "secret/data/a", { token: auth.token }))).toBe("ok");
      world.time.advance(60_000);
      expect(await world.works(auth.token)).toBe(false);
    });

    it("does not look at a token that comes along, good or bad", async () => {
      const { token } = await world.create({ policies: ["app"], num_uses: 1 });
      for (const presented of ["hvs.bad", token])
        expect(authOf(await login({ token: presented })).accessor).not.toBe("");
      expect(method.callers).toEqual([undefined, undefined]);
      expect(await world.works(token)).toBe(true);
    });

    it("that is refused leaves neither token nor anything else behind (T-11)", async () => {
      const before = await world.census();
      method.refusal = new LogicalError("invalid_request", "invalid credentials", { fromState: true });
      for (let i = 0; i < 20; i++) expect(await wireCode(login())).toBe("invalid_request: invalid credentials");
      method.refusal = undefined;
      const refused: readonly (readonly [Partial<TokenGrant>, string])[] = [
        [{ policies: ["ROOT"] }, "invalid_request: auth methods cannot create root tokens"],
        [{ policies: [" root", "app"] }, "invalid_request: auth methods cannot create root tokens"],
        [{ policies: ["response-wrapping"] }, 'invalid_request: cannot assign policy "response-wrapping"'],
        [{ boundCidrs: ["10.0.0.0/8"] }, "permission_denied: permission denied"],
        [{ boundCidrs: ["nonsense"] }, "permission_denied: permission denied"],
        [
          { tokenType: "batch", numUses: 1 },
          "invalid_request: batch tokens have neither a period nor a number of uses",
        ],
      ];
      for (const [grant, code] of refused) {
        method.grant = { ...GRANT, ...grant };
        expect(await wireCode(login()), JSON.stringify(grant)).toBe(code);
      }
      expect(await world.census()).toEqual(before);
    });

    it("is answered wrapped, if that is asked for", async () => {
      const wrap = wrapOf(await login({ wrapTtlSeconds: 60 }));
      expect(wrap.wrappedAccessor).toMatch(/^[0-9A-Za-z]{24}$/);
      expect((await world.census()).get(KEY_KIND.token)).toBe(3);
    });

    it("makes what its mount says where the method leaves it open", async () => {
      const tune = (token_type: string): Promise<unknown> =>
        world.call("update", "sys/auth/method/tune", { body: { token_type } });
      await tune("default-batch");
      expect(authOf(await login()).tokenType).toBe("batch");
      method.grant = { ...GRANT, tokenType: "service" };
      expect(authOf(await login()).tokenType).toBe("service");
      await tune("batch");
      expect(authOf(await login()).tokenType).toBe("batch");
    });

    it("is renewed as the method would grant it today, and not at all with other policies (T-12)", async () => {
      const { token } = authOf(await login());
      const renew = (): Promise<string> => world.code("update", "auth/token/renew-self", { token });
      method.grant = { ...GRANT, ttlSeconds: 120 };
      expect(authOf(await world.call("update", "auth/token/renew-self", { token })).leaseDurationSeconds).toBe(120);
      expect(method.renewals[0]).toMatchObject({ displayName: "method-alice", internal: { user: "alice" } });
      method.grant = { ...GRANT, policies: ["reader"] };
      expect(await renew()).toBe("invalid_request: policies have changed, not renewing");
      method.grant = { ...GRANT, maxTtlSeconds: 10 };
      world.time.advance(20_000);
      expect(await renew()).toBe("invalid_request: past the max TTL, cannot renew");
    });

    it("ends with its mount", async () => {
      const { token } = authOf(await login());
      await world.call("delete", "sys/auth/method");
      await world.leader.core.background.run("mount-sweep");
      await world.background();
      expect(await world.works(token)).toBe(false);
    });
  });

  describe("a preparation", () => {
    it("runs once a try, whatever conflicts come, and again when its state has changed", async () => {
      authOf(await login());
      expect([method.prepared, method.handled]).toEqual([1, 1]);
      method.stale = 3;
      authOf(await login());
      expect(method.handled).toBeGreaterThanOrEqual(5);
      expect(method.prepared).toBeGreaterThanOrEqual(3);
    });

    it("of a state that never holds still ends at the deadline, with nothing done", async () => {
      const before = await world.census();
      method.stale = Number.POSITIVE_INFINITY;
      method.onPrepare = () => world.time.advance(1000);
      expect(await wireCode(login())).toMatch(/^prepared_stale/);
      expect(await world.census()).toEqual(before);
    });
  });

  describe("a path that is root-protected", () => {
    it("asks for sudo besides its own capability", async () => {
      const policy = (capabilities: string): Promise<unknown> =>
        world.call("update", "sys/policies/acl/protected", {
          body: { policy: `path "auth/method/config" { capabilities = [${capabilities}] }` },
        });
      const { token } = await world.create({ policies: ["protected"] });
      await policy('"read"');
      expect(await world.code("read", "auth/method/config", { token })).toMatch(/^permission_denied/);
      await policy('"read", "sudo"');
      expect(await world.code("read", "auth/method/config", { token })).toBe("ok");
      expect(await world.code("read", "auth/method/config", { token: null })).toBe(
        "permission_denied: permission denied",
      );
    });
  });

  describe("a refusal that takes a use", () => {
    it("commits the use, and nothing of what the handler had written", async () => {
      const policy = 'path "auth/method/note" { capabilities = ["read", "update"] }';
      await world.call("update", "sys/policies/acl/noter", { body: { policy } });
      const { token } = await world.create({ policies: ["noter"], num_uses: 2 });
      expect(await world.code("update", "auth/method/note", { token })).toBe("invalid_request: thought better of it");
      expect(bodyOf(await world.call("read", "auth/method/note", { token }))).toEqual({ written: false });
      expect(await world.works(token)).toBe(false);
    });
  });

  describe("a request that is meant for one kind of engine", () => {
    const versioned = (mountPath: string) => ({ engine: { mountPath, type: "kv", version: "2" } });

    it("is refused by any other before anything is written, and to who may not ask as ever", async () => {
      await world.call("update", "sys/mounts/plain", { body: { type: "kv", options: { version: "1" } } });
      const { token } = await world.create({ policies: ["default"] });
      for (const [mount, path] of [
        ["plain/", "plain/data/x"],
        ["cubbyhole/", "cubbyhole/data/x"],
        ["secret/data/", "secret/data/data/x"],
        ["sys/", "sys/policies/acl/x"],
      ] as const) {
        const options = { body: { data: { a: 1 } }, ...versioned(mount) };
        expect(await world.code("update", path, options), mount).toBe(
          `unsupported_path: there is no kv engine of version 2 at ${mount}`,
        );
        expect(await world.call("read", path), mount).toEqual({ kind: "not-found" });
      }
      const options = { body: { data: { a: 1 } }, ...versioned("plain/") };
      expect(await world.code("update", "plain/data/x", { ...options, token })).toMatch(/^permission_denied/);
      expect(await world.code("update", "secret/data/x", { ...options, ...versioned("secret/") })).toBe("ok");
    });
  });

  describe("policies on the request path", () => {
    it("speak before anything is told: of what is there, of what is sent", async () => {
      const { token } = await world.create({ policies: ["reader"] });
      const denied = "permission_denied: 1 error occurred:\n\t* permission denied\n\n";
      for (const [operation, path, body] of [
        ["read", "nowhere/x", undefined],
        ["read", "sys/nothing", undefined],
        ["update", "secret/data/a", { data: {} }],
        ["update", "secret/data/none", {}],
        ["delete", "secret/data/a", undefined],
      ] as const) {
        expect(await world.code(operation, path, { token, body }), path).toBe(denied);
      }
    });

    it("tell create from update by what is there", async () => {
      const policy = 'path "secret/data/*" { capabilities = ["create"] }';
      await world.call("update", "sys/policies/acl/creator", { body: { policy } });
      const { token } = await world.create({ policies: ["creator"] });
      const write = (): Promise<string> => world.code("update", "secret/data/new", { token, body: { data: {} } });
      expect([await write(), await write()]).toEqual(["ok", expect.stringMatching(/^permission_denied/)]);
    });

    it("bind a write to the policies that let it by: one that was taken away a moment ago lets nothing by", async () => {
      const { token } = await world.create({ policies: ["app"] });
      expect(await world.code("update", "secret/data/b", { token, body: { data: {} } })).toBe("ok");
      world.store.lagBehind();
      await world.call("delete", "sys/policies/acl/app");
      expect(await world.code("update", "secret/data/b", { token, body: { data: {} } })).toMatch(/^permission_denied/);
      expect(await world.code("read", "secret/data/b", { token })).toMatch(/^permission_denied/);
    });
  });
});
