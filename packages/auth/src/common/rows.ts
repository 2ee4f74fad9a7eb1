/** Rows of an auth method: JSON with a version. The bytes come out of the barrier, so some version of this program wrote them. */
import type { LogicalStorage } from "@strongroom/logical";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";

const VERSION = 1;

export function readRow<T extends object>(storage: Pick<LogicalStorage, "get">, path: string): T | undefined {
  const bytes = storage.get(path);
  return bytes === undefined ? undefined : (decodeRow(bytes) as T);
}

/** Of a row that many logins decide by and that holds nothing secret. */
export function readSharedRow<T extends object>(storage: Pick<LogicalStorage, "decoded">, path: string): T | undefined {
  return storage.decoded(path, decodeRow) as T | undefined;
}

export function writeRow(storage: LogicalStorage, path: string, row: object): void {
  storage.put(path, utf8(JSON.stringify({ version: VERSION, ...row })));
}

function decodeRow(bytes: Uint8Array): object {
  const { version, ...row } = JSON.parse(fromUtf8(bytes)) as { readonly version: number };
  assert(version === VERSION, `a row has version ${version}, this program knows ${VERSION}`);
  return row;
}
