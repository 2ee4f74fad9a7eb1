/** Every path of a mount without versions: the body of a write is the secret, and the last one written is all there is. */
import {
  definePath,
  type JsonNode,
  LogicalError,
  type LogicalRequest,
  type LogicalResponse,
  listResponse,
  type PathDefinition,
  parseDuration,
  parseJson,
  RawJson,
  type RequestContext,
  STORED_JSON_LIMITS,
} from "@strongroom/logical";
import { deletePlain, listPlain, readPlain, writePlain } from "./plain-rows.ts";
import { PATH_FIELD, secretKey } from "./secret-key.ts";

export const pathPlain: PathDefinition = definePath({
  pattern: "*path",
  fields: { path: PATH_FIELD },
  takesArbitraryInput: true,
  operations: {
    read: { summary: "Read a secret.", handler: (context, _request, fields) => read(context, secretKey(fields)) },
    list: {
      summary: "List the secrets and folders below a path.",
      handler: async ({ storage }, _request, fields) => {
        const path = fields.get("path") ?? "";
        return listResponse(await listPlain(storage, path === "" || path.endsWith("/") ? path : `${path}/`));
      },
    },
    create: { summary: "Write a secret.", handler: (c, request, fields) => write(c, request, secretKey(fields)) },
    update: { summary: "Write a secret anew.", handler: (c, request, fields) => write(c, request, secretKey(fields)) },
    delete: {
      summary: "Remove a secret for good.",
      handler: ({ storage }, _request, fields) => {
        deletePlain(storage, secretKey(fields));
        return { kind: "empty" };
      },
    },
  },
  existence: ({ storage }, _request, fields) => readPlain(storage, secretKey(fields)) !== undefined,
  synopsis:
    "Pass-through secret storage to the storage backend, allowing you to read/write arbitrary data into secret storage.",
  description: 'A member "ttl" or "lease" with a duration is shown as the lease\'s duration; nothing ends by it.',
});

function read({ storage, mount }: RequestContext, key: string): LogicalResponse {
  const plain = readPlain(storage, key);
  if (plain === undefined) return { kind: "not-found" };
  const members = parseJson(plain.json, STORED_JSON_LIMITS).object()?.members() ?? [];
  const duration = members.find(({ key: name }) => name === "ttl" || name === "lease")?.value;
  return {
    kind: "data",
    data: new RawJson(plain.json),
    ttlSeconds: secondsOf(duration) ?? mount.config.defaultLeaseTtlSeconds,
  };
}

function write({ storage, nowMs }: RequestContext, { body }: LogicalRequest, key: string): LogicalResponse {
  if (body === undefined || body.members().length === 0)
    throw new LogicalError("invalid_request", "missing data fields");
  writePlain(storage, key, body.bytes(), nowMs);
  return { kind: "empty" };
}

function secondsOf(node: JsonNode | undefined): number | undefined {
  const text = node?.asString() ?? node?.asNumberText();
  const seconds = text === undefined ? undefined : parseDuration(text);
  return seconds === undefined || seconds < 0 ? undefined : seconds;
}
