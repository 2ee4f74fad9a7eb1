/** What the endpoints around policies take in common: texts, paths, and the token that is asked about. */

import { type Fields, LogicalError } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import type { TokenEntry } from "../token/token-entry.ts";
import type { TokenServices } from "../token/token-services.ts";

/**
 * The text in `policy`, plain or in base64, as Vault takes it: what decodes is decoded, and no policy's text happens to.
 * Throws `LogicalError`.
 */
export function policyTextOf(raw: string): string {
  if (raw === "") throw new LogicalError("invalid_request", "'policy' parameter not supplied or empty");
  const compact = raw.replaceAll(/[\r\n]/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return raw;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(compact, "base64"));
  } catch {
    throw new LogicalError("invalid_request", "the policy is given in base64, and is not UTF-8");
  }
}

/** The paths that are asked about. */
export const PATHS_FIELDS: {
  readonly paths: { readonly type: "comma-string-slice"; readonly description: string };
  readonly path: { readonly type: "comma-string-slice"; readonly description: string };
} = {
  paths: { type: "comma-string-slice", description: "Paths, as policies name them." },
  path: { type: "comma-string-slice", description: "The old name of paths." },
};

const MAX_PATHS = 1_000;
const MAX_PATH_LENGTH = 4_096;

/** Throws `LogicalError`. */
export function pathsOf(fields: Fields<typeof PATHS_FIELDS>): readonly string[] {
  const given = fields.get("paths") ?? [];
  const paths = given.length > 0 ? given : (fields.get("path") ?? []);
  if (paths.length === 0) throw new LogicalError("invalid_request", "paths must be supplied");
  if (paths.length > MAX_PATHS || paths.some((path) => path.length > MAX_PATH_LENGTH)) {
    throw new LogicalError(
      "invalid_request",
      `at most ${MAX_PATHS} paths of ${MAX_PATH_LENGTH} characters can be asked for`,
    );
  }
  return paths;
}

/** Throws `LogicalError` for a token that is not good. */
export function tokenOfId(tokens: TokenServices, tx: Transaction, id: string, nowMs: number): TokenEntry {
  const entry = tokens.authenticator.find(tx, tokens.authenticator.present(utf8(id)), "read", nowMs);
  if (entry === undefined) throw new LogicalError("invalid_request", "invalid token", { fromState: true });
  return entry;
}

/** Throws `LogicalError` for an accessor of no token, or of one that is not good. */
export function tokenOfAccessor(tokens: TokenServices, tx: Transaction, accessor: string, nowMs: number): TokenEntry {
  if (accessor === "") throw new LogicalError("invalid_request", "accessor must be supplied");
  const hash = tokens.store.byAccessor(tx, accessor, "read");
  const entry = hash === undefined ? undefined : tokens.store.live(tx, hash, "read", nowMs);
  if (entry === undefined) throw new LogicalError("invalid_request", "invalid accessor", { fromState: true });
  return entry;
}
