/** `tidy/secret-id`: removes what is left of secret ids that have expired, and of roles that are gone. */
import { definePath, type LogicalStorage, type PathDefinition, type PrepareContext } from "@strongroom/logical";
import { readRow } from "../common/rows.ts";
import { readRole } from "./role-entry.ts";
import { isExpired, type SecretIdEntry } from "./secret-id-entry.ts";

/** A request removes at most so many; the next goes on. */
const AT_ONCE = 512;

interface Row {
  readonly path: string;
  /** The role's name, where it still is. */
  readonly owned: boolean;
}

export const pathTidy: PathDefinition = definePath({
  pattern: "tidy/secret-id",
  fields: {},
  operations: {
    update: {
      summary: "Remove expired secret ids.",
      prepare: (context) => findGarbage(context),
      handler: (context) => {
        const rows = context.prepared as readonly Row[];
        let removed = 0;
        for (const { path, owned } of rows) removed += removeRow(context.storage, path, owned, context.nowMs) ? 1 : 0;
        const more = rows.length === AT_ONCE ? " There may be more: tidy again." : "";
        return {
          kind: "data",
          status: 202,
          data: {},
          warnings: [`Removed ${removed} secret ids that had expired or whose role was gone.${more}`],
        };
      },
    },
  },
  synopsis: "Remove expired secret ids.",
  description: "They open nothing any more, tidied or not; this frees their room.",
});

async function findGarbage({ storage, nowMs }: PrepareContext): Promise<readonly Row[]> {
  const numbers = new Set<string>();
  for (const name of await storage.list("role/")) {
    const role = readRole(storage, name);
    if (role !== undefined) numbers.add(role.number);
  }
  const rows: Row[] = [];
  for (const directory of await storage.list("secret-id/")) {
    const owned = numbers.has(directory.slice(0, -1));
    for (const hash of await storage.list(`secret-id/${directory}`)) {
      const path = `secret-id/${directory}${hash}`;
      const entry = readRow<SecretIdEntry>(storage, path);
      if (entry !== undefined && (!owned || isExpired(entry, nowMs))) rows.push({ path, owned });
      if (rows.length === AT_ONCE) return rows;
    }
  }
  return rows;
}

/** Looks again: what was prepared may be old. Numbers of roles never come again. */
function removeRow(storage: LogicalStorage, path: string, owned: boolean, nowMs: number): boolean {
  const entry = readRow<SecretIdEntry>(storage, path);
  if (entry === undefined || (owned && !isExpired(entry, nowMs))) return false;
  const number = path.split("/")[1] ?? "";
  storage.delete(path);
  storage.delete(`accessor/${number}/${entry.accessor}`);
  return true;
}
