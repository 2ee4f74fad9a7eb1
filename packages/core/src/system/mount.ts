/** `sys/mounts/:path`: hangs an engine at a path, shows it, takes it away with all that it holds. */
import {
  definePath,
  type FieldSchemas,
  type Fields,
  type JsonNode,
  LogicalError,
  parseDuration,
} from "@strongroom/logical";
import { toHex } from "@strongroom/runtime";
import { randomUuid } from "../base62.ts";
import type { MountEntry, MountTableState } from "../mount-entry.ts";
import { mountBody, SYSTEM_MOUNT } from "./mount-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const PATH_MAX_BYTES = 512;
/** ASCII only: a mount's name must look like itself in every policy and log. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9_.~+@-]*$/;
const RESERVED = ["sys/", "auth/", "audit/", "cubbyhole/", "identity/"];

const FIELDS = {
  path: { type: "string", description: "Where to mount, such as secret." },
  type: { type: "string", description: 'The engine, such as "kv".' },
  description: { type: "string", description: "For people.", default: "" },
  config: { type: "object", description: "default_lease_ttl, max_lease_ttl, force_no_cache, listing_visibility." },
  options: { type: "kv-pairs", description: 'The engine\'s own, such as version "2".' },
  local: { type: "bool", description: "Ignored: there is one cluster.", default: false },
  seal_wrap: { type: "bool", description: "Ignored.", default: false },
  external_entropy_access: { type: "bool", description: "Ignored.", default: false },
  plugin_version: { type: "string", description: "Refused unless empty: engines are built in.", default: "" },
} as const satisfies FieldSchemas;

export function mountPath({ mounts }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "mounts/*path",
    fields: FIELDS,
    operations: {
      read: {
        summary: "One mount.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const at = mountPathOf(fields.get("path"));
          const entries = [SYSTEM_MOUNT, ...mounts.table(transaction, "read").state.mounts];
          const entry = entries.find((candidate) => candidate.path === at);
          if (entry === undefined) {
            throw new LogicalError("invalid_request", `No secret engine mount at ${at}`, { fromState: true });
          }
          return { kind: "data", data: mountBody(entry) };
        },
      },
      update: {
        summary: "Mount an engine.",
        handler: async (context, _request, fields) => {
          const { transaction, nowMs, entropy } = SystemContext.of(context);
          const at = mountPathOf(fields.get("path"));
          const type = fields.get("type") ?? "";
          if (type === "") throw new LogicalError("invalid_request", "backend type must be specified as a string");
          if (fields.get("plugin_version") !== "") {
            throw new LogicalError("invalid_request", "engines are built in and have no plugin_version");
          }
          const resolved = mounts.resolveType(type, fields.get("options") ?? new Map());
          const entry: MountEntry = {
            path: at,
            type: resolved.type,
            uuid: randomUuid(entropy),
            accessor: `${resolved.type}_${toHex(entropy.bytes(4))}`,
            description: fields.get("description"),
            options: Object.fromEntries(resolved.options),
            ...readConfig(fields),
          };
          mounts.change(transaction, (state) => withMount(state, entry));
          await mounts.initialize(transaction, entry, { nowMs, entropy });
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Take a mount away, with all that it holds.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const at = mountPathOf(fields.get("path"));
          checkReserved(at);
          const { state } = mounts.table(transaction, "write");
          if (state.mounts.every((entry) => entry.path !== at)) return { kind: "empty" };
          mounts.change(transaction, (current) => withoutMount(current, at));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Mount and unmount engines.",
    description:
      "A mount that is taken away can be reached by nobody from the answer on; its rows are deleted behind the answer. " +
      "The path is free at once, and what is mounted there next is a new mount.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

/** With the slash at its end. Throws `LogicalError`. */
function mountPathOf(raw: string | undefined): string {
  const trimmed = (raw ?? "").replace(/\/$/, "");
  if (trimmed.length > PATH_MAX_BYTES || !trimmed.split("/").every((segment) => SEGMENT.test(segment))) {
    throw new LogicalError(
      "invalid_path",
      "a mount's path is made of letters, digits and _ . ~ + @ -, in segments that begin with a letter, digit or _",
    );
  }
  return `${trimmed}/`;
}

function checkReserved(at: string): void {
  if (RESERVED.some((reserved) => at.startsWith(reserved))) {
    throw new LogicalError("invalid_request", `cannot mount or unmount "${at}"`);
  }
}

/** Throws `LogicalError` when a mount is at the path, above it or below it. */
function withMount(state: MountTableState, entry: MountEntry): MountTableState {
  checkReserved(entry.path);
  const conflict = state.mounts.find(({ path }) => path.startsWith(entry.path) || entry.path.startsWith(path));
  if (conflict !== undefined) {
    throw new LogicalError("invalid_request", `path is already in use at ${conflict.path}`, { fromState: true });
  }
  return { ...state, mounts: [...state.mounts, entry] };
}

function withoutMount(state: MountTableState, at: string): MountTableState {
  const gone = state.mounts.filter(({ path }) => path === at).map(({ uuid }) => uuid);
  return { mounts: state.mounts.filter(({ path }) => path !== at), closing: [...state.closing, ...gone] };
}

type MountConfigFields = Pick<
  MountEntry,
  "defaultLeaseTtlSeconds" | "maxLeaseTtlSeconds" | "forceNoCache" | "listingVisibility"
>;

function readConfig(fields: Fields<typeof FIELDS>): MountConfigFields {
  const config = fields.get("config");
  const defaultLeaseTtlSeconds = leaseTtl(config?.get("default_lease_ttl"), "default_lease_ttl");
  const maxLeaseTtlSeconds = leaseTtl(config?.get("max_lease_ttl"), "max_lease_ttl");
  if (maxLeaseTtlSeconds !== 0 && defaultLeaseTtlSeconds > maxLeaseTtlSeconds) {
    throw new LogicalError("invalid_field", "given default lease TTL greater than given max lease TTL");
  }
  const visibility = config?.get("listing_visibility")?.asString() ?? "";
  if (!["", "hidden", "unauth"].includes(visibility)) {
    throw new LogicalError("invalid_field", 'listing_visibility must be "hidden" or "unauth"');
  }
  return {
    defaultLeaseTtlSeconds,
    maxLeaseTtlSeconds,
    forceNoCache: config?.get("force_no_cache")?.asBoolean() ?? false,
    listingVisibility: visibility,
  };
}

/** Seconds, 0 for the system's own: Vault takes a number, a duration, "system" and "". */
function leaseTtl(node: JsonNode | undefined, name: string): number {
  if (node === undefined || node.isNull()) return 0;
  const text = node.asString() ?? node.asNumberText() ?? "?";
  if (text === "" || text === "system") return 0;
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 0) throw new LogicalError("invalid_field", `${name} must be a duration`);
  return seconds;
}
