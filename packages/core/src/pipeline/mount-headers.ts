/**
 * The headers that pass between a client and an engine: none but those that the engine's mount was tuned to let by, and never
 * the token that the request came with (CVE-2026-4525): it is good for whatever its owner may do, not for this engine alone.
 */
import type { MountEntry } from "../mount-entry.ts";
import type { CoreRequest } from "../request.ts";

/** What one line may hold: RFC 9110 §5.5 without the bytes above ASCII, which no two programs read alike. */
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;
const BEARER = /^bearer /i;
const TOKEN_HEADER = "x-vault-token";

/** By their names in lower case; undefined where none is to pass, or none came. */
export function givenHeaders(
  { passthroughRequestHeaders }: MountEntry,
  header: CoreRequest["header"],
): ReadonlyMap<string, readonly string[]> | undefined {
  if (passthroughRequestHeaders.length === 0 || header === undefined) return undefined;
  const given = new Map<string, readonly string[]>();
  for (const name of passthroughRequestHeaders.map((tuned) => tuned.toLowerCase())) {
    if (name === TOKEN_HEADER) continue;
    const came = header(name);
    const values = name === "authorization" ? came.filter((value) => !BEARER.test(value)) : came;
    if (values.length > 0) given.set(name, values);
  }
  return given.size === 0 ? undefined : given;
}

/** What of an engine's headers reaches the client; undefined for nothing. */
export function answeredHeaders(
  { allowedResponseHeaders }: MountEntry,
  headers: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> | undefined {
  if (headers === undefined || allowedResponseHeaders.length === 0) return undefined;
  const allowed = new Set(allowedResponseHeaders.map((name) => name.toLowerCase()));
  const kept = [...headers].filter(([name, value]) => allowed.has(name.toLowerCase()) && FIELD_VALUE.test(value));
  return kept.length === 0 ? undefined : new Map(kept);
}
