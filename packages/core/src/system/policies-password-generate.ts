/** `sys/policies/password/:name/generate`: a password by a policy. */
import { definePath, encodeJson, RawJson } from "@strongroom/logical";
import { generatePassword, parsePasswordPolicy } from "../policy/password-policy.ts";
import { requirePolicyName } from "../policy/policy-name.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policiesPasswordGeneratePath({ passwordPolicies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policies/password/:name/generate",
    fields: { name: { type: "string", description: "The password policy's name." } },
    operations: {
      read: {
        summary: "A new password.",
        handler: (context, _request, fields) => {
          const { transaction, entropy } = SystemContext.of(context);
          const text = passwordPolicies.get(transaction, requirePolicyName(fields.get("name") ?? ""));
          if (text === undefined) return { kind: "not-found" };
          const characters = generatePassword(parsePasswordPolicy(text), entropy);
          return { kind: "data", data: { password: passwordJson(characters) } };
        },
      },
    },
    synopsis: "A new password.",
    description: "It is kept nowhere, and each is another.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

/** Joined as bytes: of the whole there is never a string, which nobody could wipe. */
function passwordJson(characters: readonly string[]): RawJson {
  const parts = characters.map((character) => encodeJson(character));
  // Each is a JSON string of its own; the quotes inside go.
  const bytes = Buffer.concat([Buffer.from('"'), ...parts.map((part) => part.subarray(1, -1)), Buffer.from('"')]);
  return new RawJson(bytes);
}
