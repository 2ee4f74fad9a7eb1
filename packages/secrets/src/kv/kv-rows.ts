/** The rows of one mount, decoded. A version's row is its format (1) and the client's own bytes. */

import type { JsonNode } from "@strongroom/logical";
import { type LogicalStorage, parseJson, type RequestContext, STORED_JSON_LIMITS } from "@strongroom/logical";
import { assert, compareBytes, present, utf8 } from "@strongroom/runtime";
import { DEFAULT_CONFIG, decodeConfig, encodeConfig, type KvConfig } from "./config.ts";
import { decodeKeyMetadata, encodeKeyMetadata, type KeyMetadata, newKeyMetadata } from "./key-metadata.ts";
import { deletePlain, listPlain, readPlain } from "./plain-rows.ts";
import { checkSize } from "./size.ts";
import { VersionTable } from "./version-table.ts";

/** The mount's option that says so; set when its version is tuned from 1 to 2. */
export const UPGRADED = "upgraded";

const CONFIG = "config";
const VERSION_FORMAT = 1;

export class KvRows {
  readonly #storage: LogicalStorage;
  /** The mount was without versions once: what was written then is every such secret's version 1. */
  readonly #upgraded: boolean;

  private constructor(storage: LogicalStorage, upgraded: boolean) {
    this.#storage = storage;
    this.#upgraded = upgraded;
  }

  static of({ storage, mount }: Pick<RequestContext, "storage" | "mount">): KvRows {
    return new KvRows(storage, mount.options.get(UPGRADED) === "true");
  }

  config(): KvConfig {
    return this.#storage.decoded(CONFIG, decodeConfig) ?? DEFAULT_CONFIG;
  }

  putConfig(config: KvConfig): void {
    this.#storage.put(CONFIG, encodeConfig(config));
  }

  metadata(key: string): KeyMetadata | undefined {
    const metadata = this.#storage.decoded(`metadata/${key}`, decodeKeyMetadata);
    if (metadata !== undefined) return metadata;
    const plain = this.#upgraded ? readPlain(this.#storage, key) : undefined;
    return plain === undefined ? undefined : metadataOfPlain(plain.createdMs);
  }

  putMetadata(key: string, metadata: KeyMetadata): void {
    this.#storage.put(`metadata/${key}`, encodeKeyMetadata(metadata));
  }

  deleteMetadata(key: string): void {
    this.#storage.delete(`metadata/${key}`);
  }

  /** The JSON text of a version that its metadata says is there, neither deleted nor destroyed. */
  data(key: string, version: number): Uint8Array {
    const stored = this.#storage.get(`versions/${key}/${version}`);
    if (stored === undefined && this.#upgraded && version === 1) {
      return present(readPlain(this.#storage, key), "a secret's first version has metadata but no data").json;
    }
    const row = present(stored, "a secret's version has metadata but no data");
    assert(row[0] === VERSION_FORMAT, "a secret's version has an unknown format");
    return row.subarray(1);
  }

  /** The same, parsed. */
  document(key: string, version: number): JsonNode {
    return parseJson(this.data(key, version), STORED_JSON_LIMITS).root;
  }

  /** Of a version that was never written before. Copies `json`. Throws `LogicalError` value_too_large. */
  putData(key: string, version: number, json: Uint8Array): void {
    checkSize(json);
    const row = new Uint8Array(json.length + 1);
    row[0] = VERSION_FORMAT;
    row.set(json, 1);
    this.#storage.put(`versions/${key}/${version}`, row, { isNew: true });
  }

  deleteData(key: string, version: number): void {
    this.#storage.delete(`versions/${key}/${version}`);
    if (this.#upgraded && version === 1) deletePlain(this.#storage, key);
  }

  /** The children of `prefix`, which is empty or ends in a slash. */
  async list(prefix: string, options: { readonly after?: string; readonly limit?: number }): Promise<string[]> {
    if (!this.#upgraded) return this.#storage.list(`metadata/${prefix}`, options);
    const both = [await this.#storage.list(`metadata/${prefix}`), await listPlain(this.#storage, prefix)].flat();
    const names = [...new Set(both)].sort((a, b) => compareBytes(utf8(a), utf8(b)));
    const { after, limit } = options;
    const rest = after === undefined ? names : names.filter((name) => compareBytes(utf8(name), utf8(after)) > 0);
    return rest.slice(0, limit);
  }
}

function metadataOfPlain(createdMs: number): KeyMetadata {
  const versions = VersionTable.EMPTY.append({ createdMs, deletedMs: 0, destroyed: false });
  return { ...newKeyMetadata(createdMs), currentVersion: 1, versions };
}
