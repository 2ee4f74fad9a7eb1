/** `sys/unseal`: one share of the unseal key, or a fresh start. */
import { definePath, LogicalError } from "@strongroom/logical";
import { NotInitializedError } from "@strongroom/seal";
import { sealStatusBody } from "./seal-status-body.ts";
import { shareOf } from "./share-field.ts";
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
          const status = await seal.submitShare(shareOf(fields.get("key"), ", or 'reset' set to true"));
          return { kind: "data", data: sealStatusBody(status, dependencies) };
        },
      },
    },
    synopsis: "Unseal with a share of the unseal key.",
    description: "A wrong share is named at once and changes nothing; a share given twice counts once.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}
