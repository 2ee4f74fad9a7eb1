import { describe, expect, it } from "vitest";
import { KvMount } from "./testing/kv-mount.ts";

describe("paths of version 1", () => {
  const advice = (command: string) =>
    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. " +
    `If using the Vault CLI, use 'vault kv ${command}' for this operation.`;

  it.each([
    ["GET foo", "get"],
    ["POST foo/bar", "put"],
    ["PATCH foo", "patch"],
    ["DELETE foo", "delete"],
    ["LIST foo/", "list"],
    ["GET configs", "get"],
  ])("%s is a 404 with advice", async (request, command) => {
    expect(await new KvMount().ask(request, { any: 1 })).toEqual({
      status: 404,
      text: "",
      warnings: [advice(command)],
    });
  });

  it.each(["GET data", "POST metadata", "DELETE destroy", "GET undelete"])("%s names no secret", async (request) => {
    expect(await new KvMount().ask(request)).toEqual({
      status: 404,
      text: "",
      warnings: ["Non-listing operations on the root of a K/V v2 mount are not supported."],
    });
  });
});
