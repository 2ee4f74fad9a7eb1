/** `auth/token/tidy`: has the tokens' indexes looked through. */
import { definePath } from "@strongroom/logical";
import { TokenTidier } from "../../token/token-tidier.ts";
import { SystemContext, type SystemPath, type SystemServices } from "../system-path.ts";

export function tokenTidyPath(_services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "tidy",
    fields: {},
    operations: {
      update: {
        summary: "Begin to look through the tokens' indexes.",
        handler: (context) => {
          TokenTidier.ask(SystemContext.of(context).transaction);
          const begun =
            "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.";
          return { kind: "empty", status: 202, warnings: [begun] };
        },
      },
    },
    synopsis: "Look through the tokens' indexes for what leads nowhere.",
    description:
      "Runs on the leader, in the background. Nothing should be found: rows and indexes are written together.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}
