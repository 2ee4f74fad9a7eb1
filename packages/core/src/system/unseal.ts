/** `sys/unseal`: one share of the unseal key, or a fresh start. */
import { definePath, type JsonNode, LogicalError } from "@strongroom/logical";
import { InvalidShareError, NotInitializedError, parseShare } from "@strongroom/seal";
import { sealStatusBody } from "./seal-status-body.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function unsealPath({ dependencies }: SystemServices): SystemPath {
  const { seal } = dependencies;
  const path = definePath({
    pattern: "unseal",
    fields: {
      key: { type: "json", description: "One share, in hexadecimal or base64." },
      reset: { type: "bool", description: "Forget the shares given so far.", default: false },
      migrate: { type: "bool", description: "Refused: seals are not migrated here.", default: false },
    },
    operations: {
      update: {
        summary: "Give a share.",
        handler: async (_context, _request, fields) => {
          if (!(await seal.status()).initialized) throw new NotInitializedError();
          if (fields.get("migrate")) throw new LogicalError("invalid_request", "seal migration is not supported");
          if (fields.get("reset")) {
            return { kind: "data", data: sealStatusBody(await seal.reset(), dependencies) };
          }
          const status = await seal.submitShare(shareOf(fields.get("key")));
          return { kind: "data", data: sealStatusBody(status, dependencies) };
        },
      },
    },
    synopsis: "Unseal with a share of the unseal key.",
    description: "A wrong share is named at once and changes nothing; a share given twice counts once.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}

/** Parsed from the body's bytes into bytes, and wiped in the body: a share never becomes a string. */
function shareOf(node: JsonNode | undefined): Uint8Array {
  if (node === undefined || (node.kind === "string" && node.end - node.start === 2)) {
    throw new LogicalError(
      "invalid_request",
      "'key' must be specified in request body as JSON, or 'reset' set to true",
    );
  }
  if (node.kind !== "string") throw new InvalidShareError("'key' must be a valid hex or base64 string");
  const text = node.bytes().subarray(1, -1);
  try {
    return parseShare(text);
  } finally {
    text.fill(0);
  }
}
