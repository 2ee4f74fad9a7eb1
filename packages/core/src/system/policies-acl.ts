/** `sys/policies/acl`: the names of all policies. */
import { definePath, listResponse } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policiesAclPath({ policies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policies/acl",
    fields: {},
    operations: {
      list: {
        summary: "The names of all policies.",
        handler: async (context) => listResponse(await policies.list(SystemContext.of(context).transaction)),
      },
    },
    synopsis: "The names of all policies.",
    description: "The root policy, which has no text, comes last.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
