import { backendSuite } from "@strongroom/logical/testing";
import { describe, it } from "vitest";
import { approleFactory } from "./approle/backend.ts";
import { userpassFactory } from "./userpass/backend.ts";

const mount = { options: new Map<string, string>() };

describe("approle keeps the contract of backends", () => {
  const cases = backendSuite({
    backend: approleFactory.create({ type: "approle", ...mount }),
    samples: [
      { operation: "create", path: "role/web", body: '{"token_policies":"a,b","secret_id_ttl":"1h","role_id":"me"}' },
      { operation: "update", path: "role/web", body: '{"token_ttl":60}' },
      { operation: "read", path: "role/web" },
      { operation: "list", path: "role/" },
      { operation: "update", path: "role/web/role-id", body: '{"role_id":"other"}' },
      { operation: "read", path: "role/web/role-id" },
      { operation: "update", path: "role/web/policies", body: '{"token_policies":"c"}' },
      { operation: "delete", path: "role/web/policies" },
      { operation: "read", path: "role/web/local-secret-ids" },
      { operation: "update", path: "role/web/secret-id", body: '{"metadata":"{\\"a\\":\\"b\\"}"}' },
      { operation: "update", path: "role/web/custom-secret-id", body: '{"secret_id":"mine"}' },
      { operation: "list", path: "role/web/secret-id/" },
      { operation: "update", path: "role/web/secret-id/lookup", body: '{"secret_id":"mine"}' },
      { operation: "update", path: "login", body: '{"role_id":"other","secret_id":"mine"}' },
      { operation: "update", path: "role/web/secret-id/destroy", body: '{"secret_id":"mine"}' },
      { operation: "delete", path: "role/web" },
    ],
  });
  for (const { name, run } of cases) it(name, run);
});

describe("userpass keeps the contract of backends", () => {
  const cases = backendSuite({
    backend: userpassFactory.create({ type: "userpass", ...mount }),
    samples: [{ operation: "delete", path: "users/alice" }],
  });
  for (const { name, run } of cases) it(name, run);
});
