/** `sys/policies/password/:name`: one password policy. */
import { definePath } from "@strongroom/logical";
import { requirePolicyName } from "../policy/policy-name.ts";
import { policyTextOf } from "./policy-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policiesPasswordNamePath({ passwordPolicies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policies/password/:name",
    fields: {
      name: { type: "string", description: "The policy's name; letters of either case are the same." },
      policy: { type: "string", description: "Its text in HCL or JSON, plain or in base64.", default: "" },
    },
    operations: {
      read: {
        summary: "A password policy's text.",
        handler: (context, _request, fields) => {
          const name = requirePolicyName(fields.get("name") ?? "");
          const policy = passwordPolicies.get(SystemContext.of(context).transaction, name);
          return policy === undefined ? { kind: "not-found" } : { kind: "data", data: { policy } };
        },
      },
      update: {
        summary: "Write a password policy.",
        handler: (context, _request, fields) => {
          const name = requirePolicyName(fields.get("name") ?? "");
          passwordPolicies.put(SystemContext.of(context).transaction, name, policyTextOf(fields.get("policy")));
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Delete a password policy.",
        handler: (context, _request, fields) => {
          passwordPolicies.delete(SystemContext.of(context).transaction, requirePolicyName(fields.get("name") ?? ""));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Read, write and delete password policies.",
    description: "A policy that no password can meet is refused.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
