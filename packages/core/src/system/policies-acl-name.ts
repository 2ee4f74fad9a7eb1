/** `sys/policies/acl/:name`: one policy. */
import { definePath } from "@strongroom/logical";
import { requirePolicyName } from "../policy/policy-name.ts";
import { policyTextOf } from "./policy-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policiesAclNamePath({ policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policies/acl/*name",
    fields: {
      name: { type: "string", description: "The policy's name; letters of either case are the same." },
      policy: { type: "string", description: "Its text in HCL or JSON, plain or in base64.", default: "" },
    },
    operations: {
      read: {
        summary: "A policy's text.",
        handler: (context, _request, fields) => {
          const name = requirePolicyName(fields.get("name") ?? "");
          const policy = policies.get(SystemContext.of(context).transaction, name);
          if (policy === undefined) return { kind: "not-found" };
          return { kind: "data", data: { name: policy.name, policy: policy.text } };
        },
      },
      update: {
        summary: "Write a policy.",
        handler: (context, _request, fields) => {
          const name = requirePolicyName(fields.get("name") ?? "");
          policies.put(SystemContext.of(context).transaction, name, policyTextOf(fields.get("policy")));
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Delete a policy.",
        handler: (context, _request, fields) => {
          policies.delete(SystemContext.of(context).transaction, requirePolicyName(fields.get("name") ?? ""));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Read, write and delete policies.",
    description:
      "A change counts for every request that comes after its answer, on every node. A policy that is written with an error " +
      "is refused with the line and column, and the old one stays.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
