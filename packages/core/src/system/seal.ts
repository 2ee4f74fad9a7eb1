/** `sys/seal`: takes the keys away from this node. */
import { definePath } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

export function sealPath({ dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "seal",
    fields: {},
    operations: {
      update: {
        summary: "Seal this node.",
        handler: async () => {
          await dependencies.seal.seal();
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Seal this node.",
    description: "The node asked forgets its keys; it still votes and replicates. The other nodes stay open.",
  });
  return { path, access: "sudo", run: "effect", reply: "envelope" };
}
