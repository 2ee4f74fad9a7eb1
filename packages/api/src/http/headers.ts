/**
 * The few headers that mean something here, read from the raw list in one pass. A header that decides who is asking or what
 * is asked may stand once: two of them would be joined or dropped differently by each proxy on the way.
 */
import { parseDuration } from "@strongroom/logical";
import { StrongroomError } from "@strongroom/runtime";
import { namespacePath } from "../namespace.ts";

export class BadHeaderError extends StrongroomError {
  readonly code = "bad_header";
}

export interface RequestHeaders {
  /** From `X-Vault-Token` or `Authorization: Bearer`. */
  token: string | undefined;
  /** Without surrounding slashes; empty: the root namespace. */
  namespace: string;
  /** As it came, for the echo; undefined when there was none. */
  namespaceHeader: string | undefined;
  /** From `X-Vault-Wrap-TTL`: 1 or more; undefined where no wrapping is asked for. */
  wrapTtlSeconds: number | undefined;
  contentType: string | undefined;
  contentEncoding: string | undefined;
  /** Without the quotes that draft-ietf-httpapi-idempotency-key-header §2.1 puts around it; clients do and do not. */
  idempotencyKey: string | undefined;
  /** A valid length; undefined when there was none. */
  contentLength: number | undefined;
  chunked: boolean;
  host: string | undefined;
  /** 100-continue was asked for. */
  expectContinue: boolean;
}

const WRAP_TTL = "error parsing X-Vault-Wrap-TTL header:";
const TOKEN_MAX_BYTES = 8192;
const QUOTED = /^"([^"]*)"$/;

/** Reads `rawHeaders` (name, value, name, value …). Throws `BadHeaderError`. */
export function parseHeaders(rawHeaders: readonly string[]): RequestHeaders {
  const headers: RequestHeaders = {
    token: undefined,
    namespace: "",
    namespaceHeader: undefined,
    wrapTtlSeconds: undefined,
    contentType: undefined,
    contentEncoding: undefined,
    idempotencyKey: undefined,
    contentLength: undefined,
    chunked: false,
    host: undefined,
    expectContinue: false,
  };
  let bearer: string | undefined;
  let wrapTtl: string | undefined;
  let wrapFormat: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    // Header names are ASCII tokens: the parser has seen to it.
    switch (name.toLowerCase()) {
      case "x-vault-token":
        headers.token = once(headers.token, value, name);
        break;
      case "authorization":
        bearer = once(bearer, value, name);
        break;
      case "x-vault-namespace":
        headers.namespaceHeader = once(headers.namespaceHeader, value, name);
        break;
      case "x-vault-wrap-ttl":
        wrapTtl = once(wrapTtl, value, name);
        break;
      case "x-vault-wrap-format":
        wrapFormat = once(wrapFormat, value, name);
        break;
      case "content-type":
        headers.contentType = once(headers.contentType, value, name);
        break;
      case "content-encoding":
        headers.contentEncoding = once(headers.contentEncoding, value, name);
        break;
      case "idempotency-key":
        headers.idempotencyKey = once(headers.idempotencyKey, value, name);
        break;
      case "host":
        headers.host = once(headers.host, value, name);
        break;
      case "content-length":
        headers.contentLength = Number(value);
        break;
      case "transfer-encoding":
        // What would have to be undone besides the chunks is not, and must not be taken for the body.
        if (value.toLowerCase() !== "chunked") throw new BadHeaderError("Transfer-Encoding may only be chunked");
        headers.chunked = true;
        break;
      case "expect":
        headers.expectContinue = true;
        break;
    }
  }
  headers.token = tokenOf(headers.token, bearer);
  headers.wrapTtlSeconds = wrapTtlOf(wrapTtl, wrapFormat);
  headers.idempotencyKey = headers.idempotencyKey?.replace(QUOTED, "$1");
  headers.namespace = namespaceOf(headers.namespaceHeader);
  return headers;
}

/** All values of the header `name`, which is in lower case. */
export function headerValues(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] as string);
  }
  return values;
}

function once(present: string | undefined, value: string, name: string): string {
  if (present !== undefined) throw new BadHeaderError(`the header ${name} may be sent only once`);
  return value;
}

/** The one token that was presented. Clients that send both headers must mean the same by them. */
function tokenOf(token: string | undefined, authorization: string | undefined): string | undefined {
  let bearer: string | undefined;
  if (authorization !== undefined && /^bearer /i.test(authorization)) bearer = authorization.slice(7).trim();
  if (token !== undefined && bearer !== undefined && token !== bearer) {
    throw new BadHeaderError("X-Vault-Token and Authorization carry different tokens");
  }
  const presented = token ?? bearer;
  if (presented === undefined || presented === "") return undefined;
  if (presented.length > TOKEN_MAX_BYTES) throw new BadHeaderError("the token is too long");
  return presented;
}

/** Who asks for a wrapping that cannot be must not get the secret unwrapped. */
function wrapTtlOf(ttl: string | undefined, format: string | undefined): number | undefined {
  if (ttl === undefined || ttl === "" || ttl === "0") return undefined;
  if (format !== undefined && format !== "") {
    throw new BadHeaderError("X-Vault-Wrap-Format is not supported; send the request without it");
  }
  const seconds = parseDuration(ttl);
  if (seconds === undefined) throw new BadHeaderError(`${WRAP_TTL} no duration, as 120 or 5m`);
  if (seconds < 0) throw new BadHeaderError(`${WRAP_TTL} requested wrap ttl cannot be negative`);
  if (seconds === 0) throw new BadHeaderError(`${WRAP_TTL} less than a second`);
  return seconds;
}

function namespaceOf(header: string | undefined): string {
  const path = namespacePath(header ?? "");
  if (path === undefined) throw new BadHeaderError("X-Vault-Namespace is not the path of a namespace");
  return path;
}
