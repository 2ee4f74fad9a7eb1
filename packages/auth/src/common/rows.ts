/** Rows of an auth method: JSON with a version. The bytes come out of the barrier, so some version of this program wrote them. */
import type { LogicalStorage } from "@strongroom/logical";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";

const VERSION = 1;

export function readRow<T extends object>(storage: Pick<LogicalStorage, "get">, path: string): T | undefined {
  const bytes = storage.get(path);
  if (bytes === undefined) return undefined;
  const { version, ...row } = JSON.parse(fromUtf8(bytes)) as T & { readonly version: number };
  assert(version === VERSION, `a row has version ${version}, this program knows ${VERSION}`);
  return row as T;
}

export function writeRow(storage: LogicalStorage, path: string, row: object): void {
  storage.put(path, utf8(JSON.stringify({ version: VERSION, ...row })));
}
