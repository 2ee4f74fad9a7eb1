/** The rows of one mount, decoded. A version's row is its format (1) and the client's own bytes. */

import type { JsonNode } from "@strongroom/logical";
import { LogicalError, type LogicalStorage, parseJson, STORED_JSON_LIMITS } from "@strongroom/logical";
import { assert, present } from "@strongroom/runtime";
import { LIMITS } from "@strongroom/storage";
import { DEFAULT_CONFIG, decodeConfig, encodeConfig, type KvConfig } from "./config.ts";
import { decodeKeyMetadata, encodeKeyMetadata, type KeyMetadata } from "./key-metadata.ts";

const CONFIG = "config";
const VERSION_FORMAT = 1;

/** The rest of a row is for its header, its name and the seals. */
const MAX_VERSION_BYTES = LIMITS.rowBytes - 16 * 1024;

export class KvRows {
  readonly #storage: LogicalStorage;

  constructor(storage: LogicalStorage) {
    this.#storage = storage;
  }

  config(): KvConfig {
    const row = this.#storage.get(CONFIG);
    return row === undefined ? DEFAULT_CONFIG : decodeConfig(row);
  }

  putConfig(config: KvConfig): void {
    this.#storage.put(CONFIG, encodeConfig(config));
  }

  metadata(key: string): KeyMetadata | undefined {
    const row = this.#storage.get(`metadata/${key}`);
    return row === undefined ? undefined : decodeKeyMetadata(row);
  }

  putMetadata(key: string, metadata: KeyMetadata): void {
    this.#storage.put(`metadata/${key}`, encodeKeyMetadata(metadata));
  }

  deleteMetadata(key: string): void {
    this.#storage.delete(`metadata/${key}`);
  }

  /** The JSON text of a version that its metadata says is there, neither deleted nor destroyed. */
  data(key: string, version: number): Uint8Array {
    const row = present(this.#storage.get(`versions/${key}/${version}`), "a secret's version has metadata but no data");
    assert(row[0] === VERSION_FORMAT, "a secret's version has an unknown format");
    return row.subarray(1);
  }

  /** The same, parsed. */
  document(key: string, version: number): JsonNode {
    return parseJson(this.data(key, version), STORED_JSON_LIMITS).root;
  }

  /** Copies `json`. Throws `LogicalError` value_too_large. */
  putData(key: string, version: number, json: Uint8Array): void {
    if (json.length > MAX_VERSION_BYTES) {
      throw new LogicalError(
        "value_too_large",
        `the secret has ${json.length} bytes of JSON, and a version may have at most ${MAX_VERSION_BYTES}`,
      );
    }
    const row = new Uint8Array(json.length + 1);
    row[0] = VERSION_FORMAT;
    row.set(json, 1);
    this.#storage.put(`versions/${key}/${version}`, row);
  }

  deleteData(key: string, version: number): void {
    this.#storage.delete(`versions/${key}/${version}`);
  }

  /** The children of `prefix`, which is empty or ends in a slash. */
  list(prefix: string, options: { readonly after?: string; readonly limit?: number }): Promise<string[]> {
    return this.#storage.list(`metadata/${prefix}`, options);
  }
}
