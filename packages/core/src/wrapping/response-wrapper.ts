/**
 * Response wrapping: the answer is put into the cubbyhole of a new token that is good for one use, and the token is answered
 * instead. Answer and token are one command. Who unwraps deletes the token in the same command, and is answered after it has
 * committed: so of all who try on whatever nodes one gets what is inside, and a theft shows.
 */
import type { Barrier } from "@strongroom/barrier";
import { encodeJson, formatTimestamp, LogicalError, parseJson, STORED_JSON_LIMITS } from "@strongroom/logical";
import { fromUtf8, present, utf8 } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import { envelopeJson } from "../envelope.ts";
import { TOKEN_MOUNT } from "../mount-entry.ts";
import type { CoreRequest, CoreResult, WrapInfo } from "../request.ts";
import { WRAPPING_POLICY } from "../token/policy-names.ts";
import { PLAIN_TOKEN, type TokenEntry } from "../token/token-entry.ts";
import { cubbyholeScope } from "../token/token-keys.ts";
import type { TokenServices } from "../token/token-services.ts";

/** Below the token's cubbyhole, as Vault has them. */
const RESPONSE = "response";
const WRAP_INFO = "wrapinfo";
const LEASE_PATH = `${TOKEN_MOUNT.path}${WRAPPING_POLICY}`;

/** What is known of a wrapped answer without opening it. */
export interface Wrapping {
  readonly creationPath: string;
  readonly creationTimeMs: number;
  readonly ttlSeconds: number;
  /** Of the token or secret id inside; empty: there is none. */
  readonly wrappedAccessor: string;
}

/** A wrapping token that was presented. */
export interface WrappingToken extends Wrapping {
  readonly hash: Uint8Array;
  readonly entry: TokenEntry;
}

export class ResponseWrapper {
  readonly #barrier: Barrier;
  readonly #tokens: TokenServices;

  constructor(parts: { readonly barrier: Barrier; readonly tokens: TokenServices }) {
    this.#barrier = parts.barrier;
    this.#tokens = parts.tokens;
  }

  /** Whether there is something in the answer to wrap: no refusal, no "nothing there", no bare body. */
  wraps(result: CoreResult): boolean {
    if (result.kind !== "data" || result.status !== 200 || result.wrap !== undefined) return false;
    return result.data !== null || result.auth !== undefined;
  }

  /** What is answered instead of `result`, which `wraps`. */
  wrap(
    tx: Transaction,
    result: CoreResult,
    {
      request,
      nowMs,
    }: { readonly request: Pick<CoreRequest, "id" | "path" | "wrapTtlSeconds">; readonly nowMs: number },
  ): CoreResult {
    const wrapped = result as Extract<CoreResult, { readonly kind: "data" }>;
    const ttlSeconds = present(request.wrapTtlSeconds, "a wrapping was asked for");
    const envelope = envelopeJson(wrapped, request.id);
    const wrappedAccessor = wrapped.auth?.accessor ?? wrapped.wrappedAccessor ?? "";
    const creationTimeMs = Math.floor(nowMs);
    const wrap = this.#store(tx, envelope, { creationPath: request.path, creationTimeMs, ttlSeconds, wrappedAccessor });
    envelope.fill(0);
    const { mountType, warnings } = wrapped;
    return {
      kind: "data",
      status: 200,
      data: null,
      mountType,
      wrap,
      ...(warnings === undefined ? undefined : { warnings }),
    };
  }

  /**
   * The wrapping token with this id. Throws `LogicalError` for any other: unknown, used, over, or no wrapping token at all.
   * Guarded.
   */
  find(tx: Transaction, id: Uint8Array, nowMs: number): WrappingToken {
    const { store } = this.#tokens;
    const hash = store.hash(id);
    const entry = store.live(tx, hash, "write", nowMs);
    const info = entry?.policies[0] === WRAPPING_POLICY ? this.#view(tx, hash).get(WRAP_INFO) : undefined;
    if (entry === undefined || info === undefined) throw notAWrappingToken();
    return { hash, entry, ...decodeInfo(info) };
  }

  /** What is inside, whole and as it would have been answered; the token is gone with the transaction's commit. */
  unwrap(tx: Transaction, { hash, entry }: WrappingToken): Uint8Array {
    const view = this.#view(tx, hash);
    const payload = view.get(RESPONSE);
    // Its owner may have overwritten it with something else.
    if (payload === undefined) throw notAWrappingToken();
    const text = parseJson(payload, STORED_JSON_LIMITS).object()?.get("response")?.asString();
    if (text === undefined) throw notAWrappingToken();
    view.delete(RESPONSE);
    view.delete(WRAP_INFO);
    if (entry.leaseHandle !== "") this.#tokens.leases.release(tx, entry.leaseHandle);
    this.#tokens.store.remove(tx, hash, entry);
    return utf8(text);
  }

  /** A new token for what `old` holds, as long as that once had; `old` is gone. */
  rewrap(tx: Transaction, old: WrappingToken, nowMs: number): WrapInfo {
    const envelope = this.unwrap(tx, old);
    return this.#store(tx, envelope, { ...old, creationTimeMs: Math.floor(nowMs) });
  }

  #store(tx: Transaction, envelope: Uint8Array, wrapping: Wrapping): WrapInfo {
    const { issuer, store } = this.#tokens;
    const { creationPath, creationTimeMs, ttlSeconds, wrappedAccessor } = wrapping;
    const auth = issuer.issue(
      tx,
      {
        ...PLAIN_TOKEN,
        policies: [WRAPPING_POLICY],
        path: creationPath,
        displayName: "",
        numUses: 1,
        ttlSeconds,
        explicitMaxTtlSeconds: ttlSeconds,
        noDefaultPolicy: true,
        mountUuid: TOKEN_MOUNT.uuid,
        leasePath: LEASE_PATH,
        internal: {},
      },
      creationTimeMs,
    );
    const view = this.#view(tx, store.hash(auth.clientToken));
    const payload = encodeJson({ response: fromUtf8(envelope) });
    view.put(RESPONSE, payload);
    payload.fill(0);
    view.put(WRAP_INFO, encodeInfo(wrapping));
    return {
      token: auth.clientToken,
      accessor: auth.accessor,
      ttlSeconds,
      creationTimeMs,
      creationPath,
      ...(wrappedAccessor === "" ? undefined : { wrappedAccessor }),
    };
  }

  #view(tx: Transaction, hash: Uint8Array): ReturnType<Barrier["view"]> {
    return this.#barrier.view(tx, cubbyholeScope(hash));
  }
}

/** As Vault has it in the cubbyhole. */
interface StoredInfo {
  readonly creation_path: string;
  readonly creation_time: string;
  readonly creation_ttl: number;
  readonly wrapped_accessor: string;
}

function encodeInfo({ creationPath, creationTimeMs, ttlSeconds, wrappedAccessor }: Wrapping): Uint8Array {
  const stored: StoredInfo = {
    creation_path: creationPath,
    creation_time: formatTimestamp(creationTimeMs),
    creation_ttl: ttlSeconds,
    wrapped_accessor: wrappedAccessor,
  };
  return utf8(JSON.stringify(stored));
}

function decodeInfo(bytes: Uint8Array): Wrapping {
  const stored = JSON.parse(fromUtf8(bytes)) as StoredInfo;
  return {
    creationPath: stored.creation_path,
    creationTimeMs: Date.parse(stored.creation_time),
    ttlSeconds: stored.creation_ttl,
    wrappedAccessor: stored.wrapped_accessor,
  };
}

/** One answer for all that is no good, so that nobody learns which tokens there were. */
export function notAWrappingToken(): LogicalError {
  return new LogicalError("invalid_request", "wrapping token is not valid or does not exist", { fromState: true });
}
