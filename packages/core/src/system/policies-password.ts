/** `sys/policies/password`: the names of all password policies. */
import { definePath, listResponse } from "@strongroom/logical";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function policiesPasswordPath({ passwordPolicies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "policies/password",
    fields: {},
    operations: {
      list: {
        summary: "The names of all password policies.",
        handler: async (context) => listResponse(await passwordPolicies.list(SystemContext.of(context).transaction)),
      },
    },
    synopsis: "The names of all password policies.",
    description: "Engines that make passwords are told one of these.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
