/** `sys/rekey/init`: starts a rekey, shows it, ends it. */
import { definePath, type JsonNode, LogicalError } from "@strongroom/logical";
import { rekeyStatusBody } from "./rekey-body.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function rekeyInitPath({ dependencies }: SystemServices): SystemPath {
  const { seal } = dependencies;
  const path = definePath({
    pattern: "rekey/init",
    fields: {
      secret_shares: { type: "int", description: "Shares of the new unseal key, 1 to 255." },
      secret_threshold: { type: "int", description: "Shares that open; more than one of several." },
      require_verification: {
        type: "bool",
        description: "The new shares are valid only after as many of them as the threshold says were given back.",
        default: true,
      },
      pgp_keys: { type: "json", description: "Refused unless empty: shares are not encrypted with PGP." },
      backup: { type: "bool", description: "Refused: the new shares are shown once and kept nowhere.", default: false },
    },
    operations: {
      read: {
        summary: "The rekey under way.",
        handler: async () => ({ kind: "data", data: rekeyStatusBody(await seal.rekeyStatus()) }),
      },
      update: {
        summary: "Start a rekey.",
        handler: async (_context, request, fields) => {
          if (fields.get("backup") || namesKeys(request.body?.get("pgp_keys"))) {
            throw new LogicalError("invalid_request", "pgp_keys and backup are not supported");
          }
          const shares = fields.get("secret_shares");
          const threshold = fields.get("secret_threshold");
          if (shares === undefined || threshold === undefined) {
            throw new LogicalError("invalid_request", "secret_shares and secret_threshold must be given");
          }
          const status = await seal.beginRekey({ shares, threshold }, fields.get("require_verification"));
          return { kind: "data", data: rekeyStatusBody(status) };
        },
      },
      delete: {
        summary: "End the rekey under way; nothing has changed then.",
        handler: async () => {
          if ((await seal.rekeyStatus()).nonce.length > 0) await seal.cancelRekey();
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Start, show or end a rekey.",
    description:
      "A rekey makes a new unseal key with new shares, a new root key and a new data key, in one step: old shares do not " +
      "open the cluster any more, nor does an old copy of its files with new ones. Today's shares approve it.",
  });
  return { path, access: "sudo", run: "effect", reply: "plain" };
}

/** Clients send null or an empty list where they mean none. */
function namesKeys(pgpKeys: JsonNode | undefined): boolean {
  if (pgpKeys === undefined || pgpKeys.isNull()) return false;
  return pgpKeys.kind !== "array" || pgpKeys.elements().length > 0;
}
