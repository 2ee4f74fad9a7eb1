/** `sys/seal-status`: how far an unseal has come. */
import { definePath } from "@strongroom/logical";
import { sealStatusBody } from "./seal-status-body.ts";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function sealStatusPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "seal-status",
    fields: {},
    operations: {
      read: {
        summary: "Whether this node is sealed.",
        handler: async () => ({
          kind: "data",
          data: sealStatusBody(await dependencies.seal.status(), dependencies),
        }),
      },
    },
    synopsis: "The state of this node's seal.",
    description: "The name and the id of the cluster are shown by an open node only.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}
