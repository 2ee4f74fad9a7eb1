/** Changes some versions of a secret by number: what `delete/`, `undelete/` and `destroy/` have in common. */
import type { KeyMetadata } from "./key-metadata.ts";
import type { KvRows } from "./kv-rows.ts";
import type { VersionMetadata } from "./version-table.ts";

/**
 * Gives each version that is there to `change`, which answers with what becomes of it, or nothing to leave it. A secret or
 * version that is not there is no error. Returns the versions that changed.
 */
export function changeVersions(
  rows: KvRows,
  key: string,
  numbers: ReadonlySet<number>,
  change: (version: VersionMetadata, metadata: KeyMetadata) => VersionMetadata | undefined,
): readonly number[] {
  const metadata = rows.metadata(key);
  if (metadata === undefined) return [];
  const changed = new Map<number, VersionMetadata>();
  for (const number of numbers) {
    const old = metadata.versions.get(number);
    const version = old === undefined ? undefined : change(old, metadata);
    if (version !== undefined) changed.set(number, version);
  }
  if (changed.size > 0) rows.putMetadata(key, { ...metadata, versions: metadata.versions.with(changed) });
  return [...changed.keys()];
}
