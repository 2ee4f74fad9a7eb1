/**
 * `sys/internal/specs/openapi`: every endpoint that whoever asks may know of, as an OpenAPI 3.0 document. It is made of the same
 * declarations that serve the requests, so it cannot say anything else than what is served.
 */
import {
  definePath,
  type FieldSchemas,
  type JsonValue,
  type LogicalResponse,
  openApiDocument,
  openApiPaths,
} from "@strongroom/logical";
import { AUTH_PREFIX, isAuthMount, type MountEntry } from "../mount-entry.ts";
import { visibleMounts } from "./internal-ui-mounts.ts";
import type { SystemBackend } from "./system-backend.ts";
import { accessOf, SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  context: { type: "string", description: "Ignored: paths are described alike for everybody.", default: "" },
  generic_mount_paths: {
    type: "bool",
    description: "Whether mounts are named by a parameter, such as {kv_mount_path}, in place of their paths.",
    default: false,
  },
} as const satisfies FieldSchemas;

export function openApiPath(services: SystemServices, systems: () => readonly SystemBackend[]): SystemPath {
  const { version } = services.dependencies;
  const handler = (context: SystemContext, generic: boolean): LogicalResponse => {
    const paths = describedPaths(services, context, { generic, systems: systems() });
    return { kind: "data", data: openApiDocument(version, paths) };
  };
  const path = definePath({
    pattern: "internal/specs/openapi",
    fields: FIELDS,
    operations: {
      read: {
        summary: "The API as an OpenAPI document.",
        handler: (context, _request, fields) => handler(SystemContext.of(context), fields.get("generic_mount_paths")),
      },
      update: {
        summary: "The API as an OpenAPI document.",
        handler: (context, _request, fields) => handler(SystemContext.of(context), fields.get("generic_mount_paths")),
      },
    },
    synopsis: "The API as an OpenAPI document.",
    description:
      "Tells of mounts that the token's policies reach, and without a token of those that everybody may see.",
  });
  return { path, access: "login", run: "transaction", reply: "plain", idempotent: true };
}

function describedPaths(
  services: SystemServices,
  context: SystemContext,
  { generic, systems }: { readonly generic: boolean; readonly systems: readonly SystemBackend[] },
): ReadonlyMap<string, JsonValue> {
  const table = services.mounts.table(context.transaction, "read");
  const seen = visibleMounts(services, context);
  const paths = new Map<string, JsonValue>();
  for (const entry of [...seen.secret, ...seen.auth]) {
    const system = systems.find(({ mount }) => mount.uuid === entry.uuid);
    const backend = system?.backend ?? table.byPath.get(entry.path)?.backend;
    if (backend === undefined) continue;
    const path = generic && system === undefined ? genericPath(entry) : entry.path;
    const described =
      system === undefined
        ? openApiPaths(backend.paths, { path })
        : openApiPaths(backend.paths, { path }, (definition) => accessOf(system.declaration(definition)));
    for (const [at, item] of described) paths.set(at, path === entry.path ? item : withMountParameter(item, entry));
  }
  return paths;
}

function genericPath(entry: MountEntry): string {
  return `${isAuthMount(entry) ? AUTH_PREFIX : ""}{${mountParameter(entry)}}/`;
}

function mountParameter({ type }: MountEntry): string {
  return `${type.replaceAll("-", "_")}_mount_path`;
}

function withMountParameter(item: ReadonlyMap<string, JsonValue>, entry: MountEntry): JsonValue {
  const own = (item.get("parameters") ?? []) as readonly JsonValue[];
  const schema = { type: "string", default: entry.path.slice(isAuthMount(entry) ? AUTH_PREFIX.length : 0, -1) };
  const parameter = {
    name: mountParameter(entry),
    in: "path",
    required: true,
    description: "Where the backend is mounted.",
    schema,
  };
  return new Map([...item, ["parameters", [...own, parameter]]]);
}
