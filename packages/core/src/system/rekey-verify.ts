/** `sys/rekey/verify`: a share of the new seal is given back, to prove that its custodian has it. */
import { definePath } from "@strongroom/logical";
import { toHex } from "@strongroom/runtime";
import { giveRekeyShare, verificationBody } from "./rekey-body.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function rekeyVerifyPath({ dependencies }: SystemServices): SystemPath {
  const { seal } = dependencies;
  const path = definePath({
    pattern: "rekey/verify",
    fields: {
      key: { type: "json", description: "One share of the new seal, in hexadecimal or base64." },
      nonce: { type: "string", description: "The verification nonce." },
    },
    operations: {
      update: {
        summary: "Give a new share back.",
        handler: async (_context, _request, fields) => {
          const given = { key: fields.get("key"), nonce: fields.get("nonce") };
          const { status, outcome } = await giveRekeyShare(seal, "verify", given);
          if (outcome === "collecting") return { kind: "data", data: verificationBody(status) };
          return { kind: "data", data: { nonce: toHex(status.verificationNonce), complete: outcome === "committed" } };
        },
      },
    },
    synopsis: "Verify a rekey with a new share.",
    description:
      "When as many new shares as the threshold says were given back, they are in force and the old ones are void.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}
