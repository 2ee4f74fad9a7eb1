/**
 * Batch tokens: the entry itself, sealed by the barrier and written in base64url behind `hvb.`. No row holds one, so none can
 * be looked up, renewed or revoked; it ends at its time, and with its parent unless it is an orphan.
 */
import type { Barrier } from "@strongroom/barrier";
import { ByteReader, ByteWriter, ShortInputError, StrongroomError, utf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { decodeTokenEntry, encodeTokenEntry, type TokenEntry } from "./token-entry.ts";
import { BATCH_PREFIX } from "./token-id.ts";

const PURPOSE = "batch-token";
/** No row has this key: it stands for the tokens in what they are bound to. */
const BOUND_TO = makeKey(KEY_KIND.token);
/** What a header may hold. */
const MAX_BYTES = 8192;

export class BatchTokens {
  readonly #barrier: Barrier;

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** Undefined if the entry is too large to be carried around. */
  seal(entry: TokenEntry): Uint8Array | undefined {
    const { term, value } = this.#barrier.sealValue(BOUND_TO, PURPOSE, encodeTokenEntry(entry));
    const sealed = new ByteWriter(4 + value.length).u32(term).raw(value).finish();
    const id = utf8(BATCH_PREFIX + Buffer.from(sealed).toString("base64url"));
    return id.length > MAX_BYTES ? undefined : id;
  }

  /** Undefined for what no cluster with these keys has made, and for a second spelling of what it has. */
  open(id: Uint8Array): TokenEntry | undefined {
    const text = Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("latin1").slice(BATCH_PREFIX.length);
    const sealed = Buffer.from(text, "base64url");
    if (id.length > MAX_BYTES || sealed.toString("base64url") !== text) return undefined;
    try {
      const reader = new ByteReader(sealed);
      const term = reader.u32();
      const value = reader.raw(reader.remaining);
      return decodeTokenEntry(this.#barrier.openValue(BOUND_TO, PURPOSE, { term, value }));
    } catch (error) {
      if (error instanceof ShortInputError) return undefined;
      // Anybody can send such bytes: that they do not open says nothing about the storage.
      if (error instanceof StrongroomError && (error.code === "integrity" || error.code === "unknown_format")) {
        return undefined;
      }
      throw error;
    }
  }
}
