/** `sys/rekey/update`: a share of today's seal, to approve the rekey under way. */
import { definePath } from "@strongroom/logical";
import { toHex } from "@strongroom/runtime";
import { giveRekeyShare, newKeys, rekeyStatusBody } from "./rekey-body.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function rekeyUpdatePath({ dependencies }: SystemServices): SystemPath {
  const { seal, logger } = dependencies;
  const path = definePath({
    pattern: "rekey/update",
    fields: {
      key: { type: "json", description: "One share of today's seal, in hexadecimal or base64." },
      nonce: { type: "string", description: "The nonce of the rekey under way." },
    },
    operations: {
      update: {
        summary: "Approve the rekey with a share.",
        handler: async (_context, _request, fields) => {
          const given = { key: fields.get("key"), nonce: fields.get("nonce") };
          const progress = await giveRekeyShare(seal, "approve", given);
          const { status, outcome } = progress;
          if (outcome === "collecting") return { kind: "data", data: rekeyStatusBody(status) };
          if (outcome === "unknown") logger.error("whether the rekey is in force is not known");
          const data = {
            nonce: toHex(status.nonce),
            complete: outcome !== "unknown",
            ...newKeys(progress),
            backup: false,
            pgp_fingerprints: null,
            verification_required: status.verify,
            ...(outcome === "made" ? { verification_nonce: toHex(status.verificationNonce) } : {}),
          };
          return { kind: "data", data };
        },
      },
    },
    synopsis: "Approve a rekey with a share.",
    description:
      "With the last share that it takes come the new ones. If they are to be verified, today's shares stay the right ones " +
      'until that is done; if "complete" is false, the cluster did not say whether the new ones are in force: keep both.',
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}
