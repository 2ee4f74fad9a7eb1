/** Any path below the mount: a JSON object, kept byte for byte, without versions. */
import {
  definePath,
  type FieldSchemas,
  LogicalError,
  type LogicalRequest,
  type LogicalResponse,
  listResponse,
  type PathDefinition,
  RawJson,
  type RequestContext,
} from "@strongroom/logical";

const fields = {
  path: { type: "string", description: "The path of the value, or of the directory to list." },
} as const satisfies FieldSchemas;

export const pathValue: PathDefinition = definePath({
  pattern: "*path",
  fields,
  takesArbitraryInput: true,
  existence: (context, _request, given) => context.storage.get(named(given.get("path"))) !== undefined,
  operations: {
    read: {
      summary: "Read the value.",
      handler: (context, _request, given) => {
        const value = context.storage.get(named(given.get("path")));
        return value === undefined ? { kind: "not-found" } : { kind: "data", data: new RawJson(value) };
      },
    },
    list: {
      summary: "List the values below the path.",
      handler: async (context, _request, given) => listResponse(await context.storage.list(given.get("path") ?? "")),
    },
    create: { summary: "Write the value.", handler: (c, r, given) => write(c, r, given.get("path")) },
    update: { summary: "Write the value.", handler: (c, r, given) => write(c, r, given.get("path")) },
    delete: {
      summary: "Delete the value.",
      handler: (context, _request, given) => {
        context.storage.delete(named(given.get("path")));
        return { kind: "empty" };
      },
    },
  },
  synopsis: "Keep something for the time of a token.",
  description: "Only the token that wrote a value can read it. Values are not versioned, and go with the token.",
});

function write(context: RequestContext, { body }: LogicalRequest, path: string | undefined): LogicalResponse {
  if (body === undefined || body.members().length === 0)
    throw new LogicalError("invalid_request", "missing data fields");
  context.storage.put(named(path), body.bytes());
  return { kind: "empty" };
}

/** Throws `LogicalError` for what names no value. */
function named(path: string | undefined): string {
  if (path === undefined || path === "" || path.endsWith("/")) {
    throw new LogicalError("invalid_path", "a value's path is not empty and does not end in '/'");
  }
  return path;
}
