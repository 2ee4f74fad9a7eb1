/**
 * From a request to a handler and back: finds the path, decides between create and update, coerces the declared fields and
 * says in warnings what it did not take. The core calls these two, with its policy check between them.
 */
import type { Backend, OperationDefinition, PathDefinition } from "./backend.ts";
import { coerceField, type FieldInput } from "./coerce.ts";
import { LogicalError } from "./errors.ts";
import { type FieldSchemas, Fields, type FieldType, type FieldTypes } from "./field.ts";
import type { Operation } from "./operation.ts";
import type { LogicalRequest, RequestContext } from "./request.ts";
import { type LogicalResponse, withWarnings } from "./response.ts";
import type { RouteMatch } from "./router.ts";

/**
 * An `update` of what the existence check of the path that `match` is does not find is a `create`; everything else stays what
 * it is.
 */
export function resolveOperation(
  match: RouteMatch<PathDefinition> | undefined,
  context: RequestContext,
  request: LogicalRequest,
): Operation {
  if (request.operation !== "update") return request.operation;
  // Where no path is, the policy is asked first: who may not go there is not told that nothing is there.
  if (match?.route.existence === undefined) return "update";
  const fields = new Fields(match.route.fields, match.captures, NOTHING);
  return match.route.existence(context, request, fields) ? "update" : "create";
}

/** What serves a request, and the fields that it gives it. */
export interface Call {
  readonly definition: OperationDefinition;
  readonly request: LogicalRequest;
  readonly fields: Fields;
  /** Of what was not taken. */
  readonly warnings: readonly string[];
}

/**
 * The call of `request.operation`, which the caller has resolved, on the path that `match` is. Throws `LogicalError`:
 * unsupported_path, unsupported_operation, unsupported_media_type, invalid_field.
 */
export function callOf(match: RouteMatch<PathDefinition> | undefined, request: LogicalRequest): Call {
  if (match === undefined) throw new LogicalError("unsupported_path", "unsupported path");
  const definition = match.route.operations[request.operation];
  if (definition === undefined) throw new LogicalError("unsupported_operation", "unsupported operation");
  if (request.operation === "patch") checkPatchType(request.contentType);
  return { definition, request, ...collectFields(match, request) };
}

/** Routes, and runs the handler. Throws what `Backend.route`, `callOf` and the handler throw. */
export function dispatch(
  backend: Backend,
  context: RequestContext,
  request: LogicalRequest,
): LogicalResponse | Promise<LogicalResponse> {
  return runCall(callOf(backend.route(request.path), request), context);
}

export function runCall(call: Call, context: RequestContext): LogicalResponse | Promise<LogicalResponse> {
  const { definition, request, fields, warnings } = call;
  const response = definition.handler(context, request, fields);
  if (response instanceof Promise) return response.then((settled) => withWarnings(settled, warnings));
  return withWarnings(response, warnings);
}

const NOTHING: ReadonlySet<string> = new Set();
const MAX_NAMES = 32;
const MAX_NAME_LENGTH = 128;
/** RFC 9110 §8.3.1, in lower case. */
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;
const MERGE_PATCH = "application/merge-patch+json";

/** RFC 7396 has a media type of its own, so that nobody patches by mistake. */
function checkPatchType(contentType: string | undefined): void {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === undefined || type === "") {
    throw new LogicalError("invalid_request", `PATCH requires Content-Type of ${MERGE_PATCH}, provided none`);
  }
  if (!MEDIA_TYPE.test(type)) throw new LogicalError("invalid_request", "the Content-Type is no media type");
  if (type !== MERGE_PATCH) {
    throw new LogicalError("unsupported_media_type", `PATCH requires Content-Type of ${MERGE_PATCH}, provided ${type}`);
  }
}

/** Reads, lists and deletes take the query, writes the body; a capture wins over both. */
function collectFields(
  match: RouteMatch<PathDefinition>,
  request: LogicalRequest,
): { readonly fields: Fields; readonly warnings: readonly string[] } {
  const { route, captures } = match;
  const values = new Map<string, FieldTypes[FieldType]>(captures);
  const nulls = new Set<string>();
  const unrecognized: string[] = [];
  const replaced: string[] = [];
  for (const [name, input] of inputs(request)) {
    const schema = schemaOf(route.fields, name);
    if (captures.has(name)) replaced.push(name);
    else if (schema === undefined) unrecognized.push(name);
    else if (typeof input === "object" && "isNull" in input && input.isNull()) nulls.add(name);
    else values.set(name, coerceField(schema, name, input));
  }
  const warnings: string[] = [];
  if (unrecognized.length > 0 && route.takesArbitraryInput !== true) {
    warnings.push(`Endpoint ignored these unrecognized parameters: ${nameList(unrecognized)}`);
  }
  if (replaced.length > 0) {
    warnings.push(
      "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: " +
        nameList(replaced),
    );
  }
  return { fields: new Fields(route.fields, values, nulls), warnings };
}

/** As Go prints a slice; bounded, since the names are a client's and come back to it and into the audit. */
function nameList(names: string[]): string {
  const shown = names.sort().slice(0, MAX_NAMES);
  const texts = shown.map((name) => (name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name));
  return `[${texts.join(" ")}${names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ""}]`;
}

function* inputs(request: LogicalRequest): Generator<readonly [string, FieldInput]> {
  if (request.operation === "create" || request.operation === "update" || request.operation === "patch") {
    for (const member of request.body?.members() ?? []) yield [member.key, member.value];
  } else {
    yield* request.query;
  }
}

/** The names are a client's: `constructor` must not find what every object has. */
function schemaOf(schemas: FieldSchemas, name: string): FieldType | undefined {
  return Object.hasOwn(schemas, name) ? schemas[name]?.type : undefined;
}
