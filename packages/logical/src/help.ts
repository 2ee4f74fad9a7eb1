/** What `?help=1` and OpenAPI say of a backend, all of it from the declarations of its paths. */
import type { Backend, PathDefinition } from "./backend.ts";
import type { FieldSchema, FieldType } from "./field.ts";
import type { JsonValue } from "./json/value.ts";
import { OPERATIONS, type Operation } from "./operation.ts";
import type { MountInfo } from "./request.ts";
import { captureNames } from "./router.ts";

/** The answer to a request for help on `path`, not enveloped; on the mount itself for "". */
export interface Help {
  readonly [key: string]: JsonValue;
  readonly help: string;
  readonly see_also: null;
  readonly openapi: JsonValue;
}

/**
 * `undefined` when no path serves `path`. `version` is the program's. Paths in the document are relative to the mount, as
 * Vault's are.
 */
export function helpFor(
  backend: Backend,
  path: string,
  version: string,
  accessOf: AccessOf = declaredAccess,
): Help | undefined {
  const answer = (help: string, paths: readonly PathDefinition[]): Help => ({
    help,
    see_also: null,
    openapi: openApiDocument(version, openApiPaths(paths, { path: "" }, accessOf)),
  });
  if (path === "") return answer(mountHelp(backend), backend.paths);
  const route = backend.route(path)?.route;
  return route === undefined ? undefined : answer(pathHelp(route, path, accessOf(route)), [route]);
}

/** With the paths in ascending order. */
export function openApiDocument(
  version: string,
  paths: ReadonlyMap<string, JsonValue>,
): { readonly [key: string]: JsonValue } {
  return {
    openapi: "3.0.2",
    info: {
      title: "Strongroom API",
      description: "HTTP API that gives you full access to Strongroom. All API routes are prefixed with `/v1/`.",
      version,
      license: { name: "Apache 2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    paths: new Map([...paths].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Who may reach a path, where that is not said in its declaration alone. */
export interface PathAccess {
  readonly unauthenticated: boolean;
  readonly sudo: boolean;
}

export type AccessOf = (path: PathDefinition) => PathAccess;

/** The `paths` object of an OpenAPI 3.0 document: one item a path, under the mount. */
export function openApiPaths(
  paths: readonly PathDefinition[],
  mount: Pick<MountInfo, "path">,
  accessOf: AccessOf = declaredAccess,
): ReadonlyMap<string, ReadonlyMap<string, JsonValue>> {
  return new Map(
    paths.map((path) => [`/${mount.path}${openApiPattern(path.pattern)}`, openApiItem(path, accessOf(path))]),
  );
}

function declaredAccess(path: PathDefinition): PathAccess {
  return { unauthenticated: path.access === "login", sudo: path.sudo === true };
}

function mountHelp(backend: Backend): string {
  const lines = backend.paths.map((path) => `    ${path.pattern}\n        ${path.synopsis}\n`);
  return `## DESCRIPTION\n\n${backend.help}\n\n## PATHS\n\n${lines.join("\n")}`;
}

function pathHelp(path: PathDefinition, requested: string, access: PathAccess): string {
  const fields = Object.entries(path.fields).map(
    ([name, schema]) => `    ${name} (${schema.type})\n        ${schema.description}\n`,
  );
  const operations = OPERATIONS.flatMap((operation) => {
    const definition = path.operations[operation];
    return definition === undefined ? [] : [`    ${operation}: ${definition.summary}`];
  });
  const who = access.unauthenticated
    ? "Open: it needs no token.\n\n"
    : access.sudo
      ? "Root-protected: it takes the sudo capability besides the operation's own.\n\n"
      : "";
  return (
    `Request:        ${requested}\nMatching Route: ${path.pattern}\n\n${path.synopsis}\n\n${who}` +
    `## OPERATIONS\n\n${operations.join("\n")}\n\n## PARAMETERS\n\n${fields.join("\n")}\n## DESCRIPTION\n\n${path.description}\n`
  );
}

function openApiPattern(pattern: string): string {
  return pattern.replace(/[:*]([a-z_]+)/g, "{$1}");
}

function openApiItem(path: PathDefinition, access: PathAccess): ReadonlyMap<string, JsonValue> {
  const captures = captureNames(path.pattern);
  const parameters = captures.map((name) => ({
    name,
    in: "path",
    required: true,
    description: path.fields[name]?.description ?? "",
    schema: { type: "string" },
  }));
  const item = new Map<string, JsonValue>([["description", path.synopsis]]);
  if (parameters.length > 0) item.set("parameters", parameters);
  if (path.existence !== undefined) item.set("x-vault-createSupported", true);
  if (access.unauthenticated) item.set("x-vault-unauthenticated", true);
  if (access.sudo) item.set("x-vault-sudo", true);
  for (const operation of OPERATIONS) {
    const definition = path.operations[operation];
    const verb = VERBS[operation];
    // LIST shares GET's place with read, and create POST's with update: the first that is there speaks for both.
    if (definition !== undefined && !item.has(verb))
      item.set(verb, openApiOperation(path, operation, definition.summary));
  }
  return item;
}

const VERBS: Readonly<Record<Operation, string>> = {
  read: "get",
  list: "get",
  create: "post",
  update: "post",
  patch: "patch",
  delete: "delete",
};

function openApiOperation(path: PathDefinition, operation: Operation, summary: string): JsonValue {
  const captures = new Set(captureNames(path.pattern));
  const fields = Object.entries(path.fields).filter(([name]) => !captures.has(name));
  const writes = operation === "create" || operation === "update" || operation === "patch";
  const responses = { "200": { description: "OK" } };
  if (!writes) {
    const query: JsonValue[] = fields.map(([name, schema]) => ({
      name,
      in: "query",
      description: schema.description,
      schema: openApiSchema(schema),
    }));
    if (operation === "list")
      query.push({ name: "list", in: "query", required: true, schema: { type: "string", enum: ["true"] } });
    return query.length === 0 ? { summary, responses } : { summary, parameters: query, responses };
  }
  const schema = { type: "object", properties: new Map(fields.map(([name, field]) => [name, openApiSchema(field)])) };
  const mediaType = operation === "patch" ? "application/merge-patch+json" : "application/json";
  return { summary, requestBody: { content: { [mediaType]: { schema } } }, responses };
}

const SCHEMAS: Readonly<Record<FieldType, { readonly [key: string]: JsonValue }>> = {
  string: { type: "string" },
  int: { type: "integer" },
  bool: { type: "boolean" },
  duration: { type: "string", format: "duration" },
  "signed-duration": { type: "string", format: "duration" },
  "comma-string-slice": { type: "array", items: { type: "string" } },
  "comma-int-slice": { type: "array", items: { type: "integer" } },
  "kv-pairs": { type: "object" },
  object: { type: "object" },
  json: {},
};

function openApiSchema(field: FieldSchema): JsonValue {
  const schema = { ...SCHEMAS[field.type], description: field.description };
  return field.default === undefined ? schema : { ...schema, default: field.default };
}
