/** `sys/mounts` and `sys/auth`: what hangs where. */
import { definePath } from "@strongroom/logical";
import { AUTH_PREFIX } from "../mount-entry.ts";
import { mountEntries } from "./mount.ts";
import { mountBodies } from "./mount-body.ts";
import type { MountCategory } from "./mount-change.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function mountsPath(services: SystemServices): SystemPath {
  return pathOf(services, "secret");
}

export function authMountsPath(services: SystemServices): SystemPath {
  return pathOf(services, "auth");
}

function pathOf({ mounts }: SystemServices, category: MountCategory): SystemPath {
  const auth = category === "auth";
  const path = definePath({
    pattern: auth ? "auth" : "mounts",
    fields: {},
    operations: {
      read: {
        summary: auth ? "All auth methods." : "All secrets engines.",
        handler: (context) => {
          const entries = mountEntries(mounts, SystemContext.of(context).transaction, category);
          return { kind: "data", data: mountBodies(entries, auth ? AUTH_PREFIX : "") };
        },
      },
    },
    synopsis: auth ? "All auth methods." : "All secrets engines.",
    description: "By path.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}
