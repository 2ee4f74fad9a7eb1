/** Everything else: where a client of version 1 of this engine would look, told what to do. */
import { definePath, type LogicalResponse, type Operation, type PathDefinition } from "@strongroom/logical";

const COMMANDS: Readonly<Record<Operation, string>> = {
  read: "get",
  list: "list",
  create: "put",
  update: "put",
  patch: "patch",
  delete: "delete",
};

const ROOTS: ReadonlySet<string> = new Set(["data", "delete", "destroy", "metadata", "subkeys", "undelete"]);

export const pathUnversioned: PathDefinition = definePath({
  pattern: "*path",
  fields: { path: { type: "string", description: "Any path that is none of the others." } },
  operations: {
    read: { summary: "Not found.", handler: (_c, request) => advise(request.path, "read") },
    list: { summary: "Not found.", handler: (_c, request) => advise(request.path, "list") },
    update: { summary: "Not found.", handler: (_c, request) => advise(request.path, "update") },
    patch: { summary: "Not found.", handler: (_c, request) => advise(request.path, "patch") },
    delete: { summary: "Not found.", handler: (_c, request) => advise(request.path, "delete") },
  },
  takesArbitraryInput: true,
  synopsis: "Answers requests that are not for a versioned key-value store.",
  description: "Secrets of this store lie below data/, and everything about them below metadata/.",
});

function advise(path: string, operation: Operation): LogicalResponse {
  if (ROOTS.has(path)) {
    return {
      kind: "not-found",
      warnings: ["Non-listing operations on the root of a K/V v2 mount are not supported."],
    };
  }
  return {
    kind: "not-found",
    warnings: [
      "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. " +
        `If using the Vault CLI, use 'vault kv ${COMMANDS[operation]}' for this operation.`,
    ],
  };
}
