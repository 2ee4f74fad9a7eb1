import { backendSuite } from "@strongroom/logical/testing";
import { describe, it } from "vitest";
import { cubbyholeFactory } from "./backend.ts";

describe("the cubbyhole keeps the contract of backends", () => {
  const cases = backendSuite({
    backend: cubbyholeFactory.create({ type: "cubbyhole", options: new Map() }),
    samples: [
      { operation: "create", path: "a/b", body: '{"k":"v","n":1.10}' },
      { operation: "update", path: "a/b", body: '{"k":"w"}' },
      { operation: "read", path: "a/b" },
      { operation: "list", path: "a/" },
      { operation: "list", path: "" },
      { operation: "delete", path: "a/b" },
      { operation: "read", path: "a/b" },
    ],
  });
  for (const { name, run } of cases) it(name, run);
});
