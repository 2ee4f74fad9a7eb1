/** `sys/init`: whether the cluster exists, and its birth. */
import { definePath, type JsonObject, type JsonValue, LogicalError, type LogicalRequest } from "@strongroom/logical";
import { present, type SecretBytes } from "@strongroom/runtime";
import { AlreadyInitializedError } from "../errors.ts";
import { createMountTable } from "../mounts.ts";
import { base64Json, hexJson, textJson } from "../secret-json.ts";
import { createRootToken } from "../token/root-token.ts";
import { recordVersion } from "../version-history.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const MAX_SHARES = 255;
const DEFAULT_SHARES = 5;
const DEFAULT_THRESHOLD = 3;

export function initPath({ dependencies }: SystemServices): SystemPath {
  const { seal, store, entropy, logger, clock } = dependencies;
  const path = definePath({
    pattern: "init",
    fields: {
      secret_shares: { type: "json", description: "Shares to split the unseal key into, 1 to 255." },
      secret_threshold: { type: "json", description: "Shares needed to unseal; more than one of several." },
      recovery_shares: { type: "json", description: "Refused: for seals that open by themselves." },
      recovery_threshold: { type: "json", description: "Refused: for seals that open by themselves." },
      stored_shares: { type: "json", description: "Ignored." },
      pgp_keys: { type: "json", description: "Refused unless empty: shares are not encrypted with PGP." },
      root_token_pgp_key: { type: "string", description: "Refused unless empty." },
    },
    operations: {
      read: {
        summary: "Whether the cluster is initialised.",
        handler: async () => ({ kind: "data", data: { initialized: (await seal.status()).initialized } }),
      },
      update: {
        summary: "Initialise the cluster: makes its keys, its unseal shares and the root token.",
        handler: async (context, request) => {
          const options = readOptions(request);
          if ((await seal.status()).initialized) throw new AlreadyInitializedError();
          let rootToken: SecretBytes | undefined;
          const { keys } = await seal.initialize({
            ...options,
            deadlineMs: SystemContext.of(context).request.deadlineMs,
            prepare: (tx, barrier) => {
              // A log without an entry has no time yet.
              const nowMs = Math.max(store.logTimeMs(), clock.wallMs());
              createMountTable(tx, barrier);
              recordVersion(tx, barrier, dependencies, nowMs);
              rootToken = createRootToken(tx, barrier, { entropy, nowMs, given: dependencies.firstRootToken });
            },
          });
          logger.info("the cluster is initialised", { shares: options.shares, threshold: options.threshold });
          return { kind: "data", data: reply(keys, present(rootToken, "init prepared its rows")) };
        },
      },
    },
    synopsis: "Initialise the cluster.",
    description: "Can be done once. Of many at a time one wins; the others get 400.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}

/** Everything secret is turned into JSON as bytes and wiped behind it. */
function reply(keys: readonly SecretBytes[], rootToken: SecretBytes): { readonly [key: string]: JsonValue } {
  const data = {
    keys: keys.map((key) => hexJson(key.expose())),
    keys_base64: keys.map((key) => base64Json(key.expose())),
    root_token: textJson(rootToken.expose()),
  };
  for (const key of keys) key.wipe();
  rootToken.wipe();
  return data;
}

function readOptions(request: LogicalRequest): { readonly shares: number; readonly threshold: number } {
  const { body } = request;
  if (has(body, "recovery_shares") || has(body, "recovery_threshold")) {
    throw new LogicalError(
      "invalid_request",
      "parameters recovery_shares,recovery_threshold not applicable to seal type shamir",
    );
  }
  if (has(body, "pgp_keys") || has(body, "root_token_pgp_key")) {
    throw new LogicalError("invalid_request", "pgp_keys and root_token_pgp_key are not supported");
  }
  const given = body?.get("secret_shares") !== undefined || body?.get("secret_threshold") !== undefined;
  const shares = given ? integer(body, "secret_shares") : DEFAULT_SHARES;
  const threshold = given ? integer(body, "secret_threshold") : DEFAULT_THRESHOLD;
  checkSplit(shares, threshold);
  return { shares, threshold };
}

/** Vault's limits, in its words. */
function checkSplit(shares: number, threshold: number): void {
  const wrong =
    shares < 1
      ? "shares must be at least one"
      : threshold < 1
        ? "threshold must be at least one"
        : shares > 1 && threshold === 1
          ? "threshold must be greater than one for multiple shares"
          : shares > MAX_SHARES
            ? `shares must be less than ${MAX_SHARES + 1}`
            : threshold > MAX_SHARES
              ? `threshold must be less than ${MAX_SHARES + 1}`
              : threshold > shares
                ? "threshold cannot be larger than shares"
                : undefined;
  if (wrong !== undefined) throw new LogicalError("invalid_request", `invalid seal configuration: ${wrong}`);
}

/** Whether a parameter says anything: Vault's client sends every field, empty ones as 0, null, "" or []. */
function has(body: JsonObject | undefined, name: string): boolean {
  const node = body?.get(name);
  if (node === undefined || node.isNull()) return false;
  if (node.kind === "array") return node.elements().length > 0;
  return node.asString() !== "" && node.asInteger() !== 0;
}

/** A JSON number, and nothing that only looks like one. Missing counts as 0, as in Vault. */
function integer(body: JsonObject | undefined, name: string): number {
  const node = body?.get(name);
  if (node === undefined || node.isNull()) return 0;
  const value = node.asInteger();
  if (value === undefined) throw new LogicalError("invalid_field", `${name} must be a whole number`);
  return value;
}
