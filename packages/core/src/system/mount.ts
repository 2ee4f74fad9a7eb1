/** `sys/mounts/:path` and `sys/auth/:path`: hang an engine or auth method at a path, show it, take it away with all it holds. */
import { definePath, type FieldSchemas, LogicalError } from "@strongroom/logical";
import { toHex } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import { randomUuid } from "../base62.ts";
import { AUTH_PREFIX, CUBBYHOLE_MOUNT, isAuthMount, type MountEntry, PLAIN_MOUNT } from "../mount-entry.ts";
import type { Mounts } from "../mounts.ts";
import { mountBody } from "./mount-body.ts";
import { checkReserved, type MountCategory, mountPathOf, withMount, withoutMount } from "./mount-change.ts";
import { configOf, withConfig } from "./mount-config.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  path: { type: "string", description: "Where to mount, such as secret." },
  type: { type: "string", description: 'The engine or method, such as "kv" or "userpass".' },
  description: { type: "string", description: "For people.", default: "" },
  config: { type: "object", description: "What sys/mounts/:path/tune takes." },
  options: { type: "kv-pairs", description: 'The engine\'s own, such as version "2".' },
  local: { type: "bool", description: "Stored and shown: there is one cluster.", default: false },
  seal_wrap: { type: "bool", description: "Stored and shown: everything is sealed alike.", default: false },
  external_entropy_access: { type: "bool", description: "Stored and shown; there is no other source.", default: false },
  plugin_name: { type: "string", description: "Stands in for the type where that is not given." },
  plugin_version: { type: "string", description: "Refused unless empty: engines are built in.", default: "" },
} as const satisfies FieldSchemas;

export function mountPath(services: SystemServices): SystemPath {
  return pathOf(services, "secret");
}

export function authMountPath(services: SystemServices): SystemPath {
  return pathOf(services, "auth");
}

function pathOf({ mounts }: SystemServices, category: MountCategory): SystemPath {
  const auth = category === "auth";
  const path = definePath({
    pattern: auth ? "auth/*path" : "mounts/*path",
    fields: FIELDS,
    operations: {
      read: {
        summary: "One mount.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const at = mountPathOf(category, fields.get("path"));
          const entry = mountEntries(mounts, transaction, category).find(({ path }) => path === at);
          if (entry === undefined) {
            const what = auth ? `No auth engine at ${at.slice(AUTH_PREFIX.length)}` : `No secret engine mount at ${at}`;
            throw new LogicalError("invalid_request", what, { fromState: true });
          }
          return { kind: "data", data: mountBody(entry) };
        },
      },
      update: {
        summary: "Mount it.",
        handler: async (context, _request, fields) => {
          const { transaction, nowMs, entropy } = SystemContext.of(context);
          const at = mountPathOf(category, fields.get("path"));
          checkReserved(category, at, "mount");
          const type = fields.get("type") || fields.get("plugin_name") || "";
          if (type === "") throw new LogicalError("invalid_request", "backend type must be specified as a string");
          if (fields.get("plugin_version") !== "") {
            throw new LogicalError("invalid_request", "engines are built in and have no plugin_version");
          }
          const resolved = mounts.resolveType(category, type, fields.get("options") ?? new Map());
          const plain: MountEntry = {
            ...PLAIN_MOUNT,
            path: at,
            type: resolved.type,
            uuid: randomUuid(entropy),
            accessor: `${auth ? "auth_" : ""}${resolved.type}_${toHex(entropy.bytes(4))}`,
            description: fields.get("description"),
            options: Object.fromEntries(resolved.options),
            local: fields.get("local"),
            sealWrap: fields.get("seal_wrap"),
            externalEntropyAccess: fields.get("external_entropy_access"),
          };
          const entry = withConfig(plain, configOf(fields.get("config")));
          mounts.change(transaction, (state) => withMount(state, entry));
          await mounts.initialize(transaction, entry, { nowMs, entropy });
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Take it away, with all that it holds.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const at = mountPathOf(category, fields.get("path"));
          checkReserved(category, at, "unmount");
          const { state } = mounts.table(transaction, "write");
          if (state.mounts.every((entry) => entry.path !== at)) return { kind: "empty" };
          mounts.change(transaction, (current) => withoutMount(current, at));
          return { kind: "empty" };
        },
      },
    },
    synopsis: auth ? "Enable and disable auth methods." : "Mount and unmount engines.",
    description:
      "A mount that is taken away can be reached by nobody from the answer on; its leases are revoked and its rows deleted " +
      "behind the answer. The path is free at once, and what is mounted there next is a new mount.",
  });
  // Who enables auth methods decides who may log in.
  return { path, access: auth ? "sudo" : "policy", run: "transaction", reply: "top-level" };
}

/** All mounts of a category as they are shown, built-in ones among them. */
export function mountEntries(mounts: Mounts, tx: Transaction, category: MountCategory): readonly MountEntry[] {
  const auth = category === "auth";
  const table = mounts.table(tx, "read");
  const cubbyhole = table.byPath.get(CUBBYHOLE_MOUNT.path);
  const ownEntries = cubbyhole === undefined ? [] : [cubbyhole.entry];
  const builtIn = auth ? [table.token.entry] : [table.system.entry, ...ownEntries];
  const entries = table.state.mounts.filter((entry) => isAuthMount(entry) === auth);
  return [...builtIn, ...entries].map((entry) => mounts.shown(entry));
}
