/** `sys/tools/random`: random bytes from the server's source. */
import {
  definePath,
  type FieldSchemas,
  type Fields,
  LogicalError,
  type RawJson,
  type RequestContext,
} from "@strongroom/logical";
import { base64Json, hexJson } from "../../secret-json.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

const DEFAULT_BYTES = 32;
const MAX_BYTES = 128 * 1024;
const SOURCES = ["platform", "seal", "all"];

const BODY = {
  bytes: { type: "int", description: "How many bytes.", default: DEFAULT_BYTES },
  format: { type: "string", description: "base64 or hex.", default: "base64" },
} as const satisfies FieldSchemas;

const URL_BYTES = { type: "string", description: "How many bytes, or the source." } as const;
const SOURCE = { type: "string", description: "platform, seal or all: here they are one." } as const;

export function randomPath(_services: SystemServices): SystemPath {
  return pathOf("tools/random", {}, () => undefined);
}

export function randomByLengthPath(_services: SystemServices): SystemPath {
  return pathOf("tools/random/:urlbytes", { urlbytes: URL_BYTES }, (fields) => lengthOf(fields.get("urlbytes")));
}

export function randomBySourcePath(_services: SystemServices): SystemPath {
  return pathOf("tools/random/:source/:urlbytes", { source: SOURCE, urlbytes: URL_BYTES }, (fields) => {
    const source = fields.get("source") ?? "";
    if (!SOURCES.includes(source)) throw new LogicalError("invalid_request", `unsupported entropy source "${source}"`);
    return lengthOf(fields.get("urlbytes"));
  });
}

type Captures = { readonly source?: typeof SOURCE; readonly urlbytes?: typeof URL_BYTES };

function pathOf(
  pattern: string,
  captures: Captures,
  bytesInPath: (fields: { get(name: string): string | undefined }) => number | undefined,
): SystemPath {
  const path = definePath({
    pattern,
    fields: { ...BODY, ...captures },
    operations: {
      update: {
        summary: "Random bytes.",
        handler: (context: RequestContext, _request, fields: Fields<typeof BODY & FieldSchemas>) => {
          const named = bytesInPath({ get: (name) => fields.get(name) as string | undefined });
          const bytes = named ?? fields.get("bytes");
          if (bytes < 1) throw new LogicalError("invalid_request", '"bytes" cannot be less than 1');
          if (bytes > MAX_BYTES) {
            throw new LogicalError("invalid_request", `"bytes" should be less than or equal to ${MAX_BYTES}`);
          }
          const random = SystemContext.of(context).entropy.bytes(bytes);
          return { kind: "data", data: { random_bytes: formatted(random, fields.get("format")) } };
        },
      },
    },
    synopsis: "Random bytes.",
    description: "From the operating system's source, as all that the server draws.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

/** Undefined for a name of a source, which stands where a length may. */
function lengthOf(text: string | undefined): number | undefined {
  if (text === undefined || SOURCES.includes(text)) return undefined;
  if (!/^[0-9]{1,9}$/.test(text))
    throw new LogicalError("invalid_request", `error parsing url-set byte count: ${text}`);
  return Number(text);
}

function formatted(bytes: Uint8Array, format: string): RawJson {
  if (format === "hex") return hexJson(bytes);
  if (format === "base64") return base64Json(bytes);
  throw new LogicalError("invalid_request", `unsupported encoding format "${format}"; must be "hex" or "base64"`);
}
