import { beforeEach, describe, expect, it } from "vitest";
import { echoEngine } from "../testing/echo-engine.ts";
import { openPair, ROLES } from "../testing/node-pair.ts";
import { bodyOf, type TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

let node: TestNode;

const SENT = {
  "x-one": ["1", "uno"],
  "x-two": ["2"],
  "x-vault-token": ["hvs.canary"],
  authorization: ["Bearer hvs.canary", "Negotiate YII"],
};
const tune = (body: object): Promise<unknown> => node.call("update", "sys/mounts/e/tune", { body });
const given = async (operation: "read" | "update" = "read"): Promise<unknown> =>
  (bodyOf(await node.call(operation, "e/echo", { headers: SENT })) as { headers: unknown }).headers;

describe.each(ROLES)("asked of the %s", (role) => {
  beforeEach(async () => {
    ({ node } = await openPair(role, [echoEngine()]));
    await node.call("update", "sys/mounts/e", { body: { type: "echo" } });
  });

  describe("a client's headers", () => {
    it("reach no engine, unless its mount was tuned to get them, by whatever case", async () => {
      expect(await given()).toEqual({});
      await tune({ passthrough_request_headers: ["X-One", "x-three"] });
      expect([await given(), await given("update")]).toEqual([{ "x-one": ["1", "uno"] }, { "x-one": ["1", "uno"] }]);
      await tune({ passthrough_request_headers: [] });
      expect(await given()).toEqual({});
    });

    it("never bring the token along, in whichever of them it came (CVE-2026-4525)", async () => {
      await tune({ passthrough_request_headers: "X-Vault-Token,Authorization,X-Two" });
      expect(await given()).toEqual({ "x-two": ["2"], authorization: ["Negotiate YII"] });
    });
  });

  describe("an engine's headers", () => {
    it("reach no client, unless the mount was tuned to let them by, and only whole", async () => {
      expect(await node.call("read", "e/echo")).not.toHaveProperty("headers");
      await tune({ allowed_response_headers: "x-nonce,X-Torn" });
      expect(await node.call("read", "e/echo")).toMatchObject({ headers: new Map([["X-Nonce", "nonce-of-echo"]]) });
    });

    it("stand in the audit as HMACs", async () => {
      await tune({ allowed_response_headers: "x-nonce" });
      await node.call("read", "e/echo");
      const hmac = expect.stringMatching(/^hmac-sha256:[0-9a-f]{64}$/) as string;
      expect(node.auditRecords().at(-1)).toMatchObject({ response: { headers: { "X-Nonce": [hmac] } } });
    });

    it("cannot be those by which the server frames its answers", async () => {
      for (const name of ["Content-Length", "transfer-encoding", "Strongroom-Request-Id", "no name"]) {
        expect(await wireCode(tune({ allowed_response_headers: [name] })), name).toMatch(/^invalid_field: /);
      }
    });
  });
});
