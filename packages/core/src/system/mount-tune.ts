/** `sys/mounts/:path/tune` and `sys/auth/:path/tune`: what a mount's settings come to, and changes of them. */
import { definePath, type FieldSchemas, type Fields, LogicalError } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import type { MountEntry } from "../mount-entry.ts";
import type { Mounts, MountTable, MountView } from "../mounts.ts";
import { tuneBody } from "./mount-body.ts";
import { checkTunable, type MountCategory, mountPathOf, withMountTuned } from "./mount-change.ts";
import { CONFIG_FIELDS, withConfig } from "./mount-config.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  path: { type: "string", description: "Of the mount." },
  description: { type: "string", description: "For people." },
  options: { type: "kv-pairs", description: 'Changed one by one; "" takes one away.' },
  plugin_version: { type: "string", description: "Refused unless empty: engines are built in.", default: "" },
  ...CONFIG_FIELDS,
} as const satisfies FieldSchemas;

export function mountTunePath(services: SystemServices): SystemPath {
  return pathOf(services, "secret");
}

export function authMountTunePath(services: SystemServices): SystemPath {
  return pathOf(services, "auth");
}

function pathOf({ mounts }: SystemServices, category: MountCategory): SystemPath {
  const path = definePath({
    pattern: category === "auth" ? "auth/*path/tune" : "mounts/*path/tune",
    fields: FIELDS,
    operations: {
      read: {
        summary: "The settings in force.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const { entry, info } = findView(mounts.table(transaction, "read"), category, fields);
          return { kind: "data", data: tuneBody({ entry: mounts.shown(entry), info }) };
        },
      },
      update: {
        summary: "Change settings; what is not named stays.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const { entry } = findView(mounts.table(transaction, "write"), category, fields);
          checkTunable(entry.path);
          tune(mounts, transaction, entry, fields);
          return { kind: "empty" };
        },
      },
    },
    synopsis: "A mount's settings.",
    description: "Times are answered in seconds, the mount's own or else the system's.",
  });
  return { path, access: category === "auth" ? "sudo" : "policy", run: "transaction", reply: "top-level" };
}

function tune(mounts: Mounts, tx: Transaction, entry: MountEntry, fields: Fields<typeof FIELDS>): void {
  if (fields.get("plugin_version") !== "") {
    throw new LogicalError("invalid_request", "engines are built in and have no plugin_version");
  }
  const options = new Map(Object.entries(entry.options));
  for (const [name, value] of fields.get("options") ?? []) {
    if (value === "") options.delete(name);
    else options.set(name, value);
  }
  const described = {
    ...entry,
    options: Object.fromEntries(mounts.retuned(entry, options)),
    description: fields.get("description") ?? entry.description,
  };
  const changed = withConfig(described, fields);
  mounts.change(tx, (state) => withMountTuned(state, changed));
}

/** `sys/mounts/auth/token/tune` means the auth method too, as in Vault. Throws `LogicalError`. */
function findView(table: MountTable, category: MountCategory, fields: Fields<typeof FIELDS>): MountView {
  const at = mountPathOf(category, fields.get("path"));
  const views = [table.system, table.token, ...table.byPath.values()];
  const view = views.find(({ entry }) => entry.path === at);
  if (view === undefined) {
    throw new LogicalError("invalid_request", `tune of path "${at}" failed: no mount entry found`, { fromState: true });
  }
  return view;
}
