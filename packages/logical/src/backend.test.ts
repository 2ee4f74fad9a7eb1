import { AssertionError } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { type Backend, defineBackend, type PathDefinition } from "./backend.ts";
import { helpFor, openApiPaths } from "./help.ts";

const path: PathDefinition = {
  pattern: "keys/:name",
  fields: {
    name: { type: "string", description: "The key's name." },
    size: { type: "int", description: "Bits.", default: 256 },
  },
  operations: {
    read: { summary: "Read a key.", handler: () => ({ kind: "empty" }) },
    update: { summary: "Change a key.", handler: () => ({ kind: "empty" }) },
  },
  synopsis: "Named keys.",
  description: "Keys have names.",
};

function backend(...paths: readonly PathDefinition[]): Backend {
  return defineBackend({ type: "test", help: "Holds keys.", paths });
}

describe("defineBackend", () => {
  it.each<[string, PathDefinition]>([
    ["a capture without a field", { ...path, pattern: "keys/:other" }],
    [
      "a create without an existence check",
      { ...path, operations: { ...path.operations, create: { summary: "s", handler: () => ({ kind: "empty" }) } } },
    ],
    ["an existence check without a create", { ...path, existence: () => true }],
  ])("asserts against %s", (_name, bad) => {
    expect(() => backend(bad)).toThrow(AssertionError);
  });

  it("asserts against a pattern declared twice", () => {
    expect(() => backend(path, path)).toThrow(AssertionError);
  });
});

describe("help", () => {
  const mount = { path: "kms/" };

  it("of a path tells its route, operations and parameters", () => {
    const help = helpFor(backend(path), "keys/mine", "1.0.0")?.help;
    for (const text of ["keys/mine", "keys/:name", "read: Read a key.", "size (int)", "Bits.", "Keys have names."]) {
      expect(help).toContain(text);
    }
  });

  it("of the mount lists the paths; of a stranger there is none", () => {
    expect(helpFor(backend(path), "", "1.0.0")?.help).toContain("Named keys.");
    expect(helpFor(backend(path), "locks/mine", "1.0.0")).toBeUndefined();
  });

  it("as OpenAPI has an item a path", () => {
    const schema = { type: "integer", description: "Bits.", default: 256 };
    expect(openApiPaths([path], mount)).toEqual(
      new Map([
        [
          "/kms/keys/{name}",
          new Map<string, unknown>([
            ["description", "Named keys."],
            [
              "parameters",
              [
                {
                  name: "name",
                  in: "path",
                  required: true,
                  description: "The key's name.",
                  schema: { type: "string" },
                },
              ],
            ],
            [
              "get",
              {
                summary: "Read a key.",
                parameters: [{ name: "size", in: "query", description: "Bits.", schema }],
                responses: { "200": { description: "OK" } },
              },
            ],
            [
              "post",
              {
                summary: "Change a key.",
                requestBody: {
                  content: {
                    "application/json": { schema: { type: "object", properties: new Map([["size", schema]]) } },
                  },
                },
                responses: { "200": { description: "OK" } },
              },
            ],
          ]),
        ],
      ]),
    );
  });
});
