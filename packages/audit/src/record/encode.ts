/**
 * Records in Vault's shape: its members, in its order, and nothing where Vault leaves an empty member out. Written by
 * concatenation, since a request's record and its response's share most of their text.
 */
import { createHash } from "node:crypto";
import { encodeJson, formatTimestamp, type JsonValue, RawJson } from "@strongroom/logical";
import type { AuditSalt } from "../salt.ts";
import { hashedData } from "./leaf-hasher.ts";
import { quote, quoteAll } from "./quote.ts";
import type { AuditAuth, AuditDecision, AuditMount, AuditRequest, AuditResponse, AuditWrap } from "./types.ts";

/** Of longer lists only the lengths are recorded, whatever a device asks for. */
const MAX_LIST_KEYS = 1000;

export interface EncodeOptions {
  readonly salt: AuditSalt;
  /** Accessors stand in the clear. */
  readonly clearAccessors: boolean;
}

/** A caller's `auth` member, split where what is decided about each request goes. */
export interface EncodedAuth {
  readonly before: string;
  readonly after: string;
  readonly clientToken: string;
  readonly accessor: string;
  /** Of `request`, whose member it is. */
  readonly clientId: string;
}

export function encodeAuth(auth: AuditAuth, options: EncodeOptions): EncodedAuth {
  const token = auth.clientToken === undefined ? "" : options.salt.hash(auth.clientToken);
  const accessor = hashedAccessor(auth.accessor, options);
  const before = new Members()
    .text("client_token", token)
    .text("accessor", accessor)
    .text("display_name", auth.displayName)
    .texts("policies", auth.policies)
    .texts("token_policies", auth.tokenPolicies)
    .texts("identity_policies", auth.identityPolicies)
    .flag("no_default_policy", auth.noDefaultPolicy);
  const after = new Members()
    .json("metadata", metadataJson(auth.metadata))
    .number("num_uses", auth.numUses)
    .number("remaining_uses", auth.remainingUses)
    .text("entity_id", auth.entityId)
    .text("token_type", auth.tokenType)
    .number("token_ttl", auth.tokenTtlSeconds)
    .text("token_issue_time", auth.tokenIssueTimeMs === undefined ? "" : formatTimestamp(auth.tokenIssueTimeMs));
  return { before: before.inner, after: after.inner, clientToken: token, accessor, clientId: clientIdOf(auth) };
}

/**
 * Vault's name of who counts as one client: the entity, or without one all tokens with the same policies, by
 * SHA-256(policies in order, joined by 0x7f ‖ 0x00 ‖ namespace).
 */
function clientIdOf({ entityId, policies = [] }: AuditAuth): string {
  if (entityId !== undefined && entityId !== "") return entityId;
  const named = `${[...policies].sort().join("\u007f")}\u0000root`;
  return createHash("sha256").update(named).digest("base64");
}

/** The value of `auth`; empty where there is nothing to say. */
export function authJson(auth: EncodedAuth | undefined, decision: AuditDecision | undefined): string {
  const members = new Members();
  if (auth !== undefined) members.splice(auth.before);
  if (decision !== undefined) members.json("policy_results", decisionJson(decision));
  if (auth !== undefined) members.splice(auth.after);
  return members.object();
}

/** The value of `request`. */
export function requestJson(request: AuditRequest, auth: EncodedAuth | undefined, options: EncodeOptions): string {
  const { salt } = options;
  const { mount } = request;
  const token = auth?.clientToken ?? (request.clientToken === undefined ? "" : salt.hash(request.clientToken));
  const members = new Members()
    .plain("id", request.id)
    .plain("client_id", auth?.clientId ?? "")
    .plain("operation", request.operation);
  if (mount !== undefined) members.splice(mountJson(mount).request);
  return members
    .plain("client_token", token)
    .text("client_token_accessor", auth?.accessor ?? hashedAccessor(request.clientTokenAccessor, options))
    .json("namespace", namespaceJson(request.namespace))
    .text("path", request.path)
    .json("data", requestData(request, salt))
    .text("remote_address", request.remoteAddress)
    .number("remote_port", request.remotePort)
    .number("wrap_ttl", request.wrapTtlSeconds)
    .json("headers", headersJson(request.headers))
    .object();
}

/** The value of `response`; empty where there is nothing to say. `granted`: its `auth`, as `authJson` has it. */
export function responseJson(
  response: AuditResponse,
  mount: AuditMount | undefined,
  isList: boolean,
  options: EncodeOptions,
  granted: string = "",
): string {
  const { salt } = options;
  const members = new Members().json("auth", granted);
  if (mount !== undefined) members.splice(mountJson(mount).response);
  if (response.leaseId !== undefined && response.leaseId !== "")
    members.json("secret", `{"lease_id":${quote(response.leaseId)}}`);
  return members
    .json("data", responseData(response, mount, isList, salt))
    .texts("warnings", response.warnings)
    .text("redirect", response.redirect)
    .json("wrap_info", response.wrap === undefined ? "" : wrapJson(response.wrap, options))
    .json("headers", headersJson(hashedHeaders(response.headers, salt)))
    .object();
}

/** Of what both a device with `elide_list_responses` and a very long list come to: Vault's counts in the lists' places. */
export function elidedList(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { keys, key_info: info } = data;
  return {
    ...data,
    ...(Array.isArray(keys) ? { keys: keys.length } : {}),
    ...(typeof info === "object" && info !== null ? { key_info: Object.keys(info).length } : {}),
  };
}

function responseData(
  { data, raw }: AuditResponse,
  mount: AuditMount | undefined,
  isList: boolean,
  salt: AuditSalt,
): string {
  if (raw !== undefined) {
    const body = salt.hash(raw.body);
    return `{"http_content_type":${quote(salt.hash(raw.contentType))},"http_raw_body":${quote(body)},"http_status_code":${raw.status}}`;
  }
  if (data === undefined || data === null) return "";
  const value = isList && isLongList(data) ? (elidedList(data) as JsonValue) : data;
  return hashedData(value, salt, mount?.clearResponseKeys);
}

function isLongList(data: JsonValue): data is { readonly [key: string]: JsonValue } {
  if (typeof data !== "object" || data === null || !("keys" in data)) return false;
  return Array.isArray(data["keys"]) && data["keys"].length > MAX_LIST_KEYS;
}

function requestData({ body, query, mount }: AuditRequest, salt: AuditSalt): string {
  const { clearRequestKeys } = mount ?? {};
  if (body !== undefined && body.length > 0) return hashedData(new RawJson(body), salt, clearRequestKeys);
  if (query === undefined || query.size === 0) return "";
  const members = new Map([...query].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? "") : values]));
  // A client's own text, like a body: what looks like a time in it may be anything.
  return hashedData(new RawJson(encodeJson(members)), salt, clearRequestKeys);
}

function decisionJson({ allowed, grantingPolicies }: AuditDecision): string {
  if (grantingPolicies.length === 0) return `{"allowed":${allowed}}`;
  const granting = grantingPolicies.map((name) => `{"name":${quote(name)},"namespace_id":"root","type":"acl"}`);
  return `{"allowed":${allowed},"granting_policies":[${granting.join(",")}]}`;
}

function hashedAccessor(accessor: string | undefined, { salt, clearAccessors }: EncodeOptions): string {
  if (accessor === undefined || accessor === "") return "";
  return clearAccessors ? accessor : salt.hash(accessor);
}

function metadataJson(metadata: ReadonlyMap<string, string> | undefined): string {
  if (metadata === undefined || metadata.size === 0) return "";
  return `{${[...metadata].map(([name, value]) => `${quote(name)}:${quote(value)}`).join(",")}}`;
}

function headersJson(headers: AuditRequest["headers"]): string {
  if (headers === undefined || headers.size === 0) return "";
  return `{${[...headers].map(([name, values]) => `${quote(name)}:${quoteAll(values)}`).join(",")}}`;
}

function hashedHeaders(headers: AuditResponse["headers"], salt: AuditSalt): AuditRequest["headers"] {
  return headers && new Map([...headers].map(([name, value]) => [name, [salt.hash(value)]]));
}

function namespaceJson(namespace: string): string {
  return namespace === "" ? '{"id":"root"}' : `{"path":${quote(`${namespace}/`)}}`;
}

function wrapJson(wrap: AuditWrap, options: EncodeOptions): string {
  return new Members()
    .number("ttl", wrap.ttlSeconds)
    .text("token", options.salt.hash(wrap.token))
    .text("accessor", hashedAccessor(wrap.accessor, options))
    .text("creation_time", formatTimestamp(wrap.creationTimeMs))
    .text("creation_path", wrap.creationPath)
    .text("wrapped_accessor", hashedAccessor(wrap.wrappedAccessor, options))
    .object();
}

interface MountText {
  readonly request: string;
  readonly response: string;
}

const mountTexts = new WeakMap<AuditMount, MountText>();

/** Requests of one mount say the same of it. Vault's two names for the running version differ. */
function mountJson(mount: AuditMount): MountText {
  let text = mountTexts.get(mount);
  if (text === undefined) {
    const encode = (version: string): string =>
      new Members()
        .text("mount_point", mount.point)
        .text("mount_type", mount.type)
        .text("mount_accessor", mount.accessor)
        .text(version, mount.runningVersion)
        .text("mount_class", mount.class).inner;
    text = { request: encode("mount_running_version"), response: encode("mount_running_plugin_version") };
    mountTexts.set(mount, text);
  }
  return text;
}

/** Members of an object, without those that are empty. */
class Members {
  inner = "";

  /** `json` is the value's own text; an empty one is left out. */
  json(name: string, json: string): this {
    if (json !== "" && json !== "{}") this.splice(`"${name}":${json}`);
    return this;
  }

  text(name: string, text: string | undefined): this {
    return text === undefined || text === "" ? this : this.splice(`"${name}":${quote(text)}`);
  }

  texts(name: string, texts: readonly string[] | undefined): this {
    return texts === undefined || texts.length === 0 ? this : this.splice(`"${name}":${quoteAll(texts)}`);
  }

  number(name: string, value: number | undefined): this {
    return value === undefined || value === 0 ? this : this.splice(`"${name}":${value}`);
  }

  flag(name: string, value: boolean | undefined): this {
    return value === true ? this.splice(`"${name}":true`) : this;
  }

  /** What JSON quotes as it is, and is known to: an id, an HMAC. */
  plain(name: string, text: string): this {
    return text === "" ? this : this.splice(`"${name}":"${text}"`);
  }

  splice(members: string): this {
    if (members !== "") this.inner += this.inner === "" ? members : `,${members}`;
    return this;
  }

  /** Empty for no members. */
  object(): string {
    return this.inner === "" ? "" : `{${this.inner}}`;
  }
}
