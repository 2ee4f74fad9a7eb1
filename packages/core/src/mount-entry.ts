/** One mount as it is stored, and the table of all. Stored as JSON with a version, in one sealed row. */
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";

export interface MountEntry {
  /** With the slash at its end: `secret/`. */
  readonly path: string;
  readonly type: string;
  /** Names the mount's rows: 32 hexadecimal digits in five groups. The path is only where it hangs. */
  readonly uuid: string;
  readonly accessor: string;
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
  readonly forceNoCache: boolean;
  readonly listingVisibility: string;
}

export interface MountTableState {
  readonly mounts: readonly MountEntry[];
  /** Mounts that are gone but whose rows are still being deleted. Nobody can reach them; their uuids never come again. */
  readonly closing: readonly string[];
}

export const EMPTY_MOUNT_TABLE: MountTableState = { mounts: [], closing: [] };

const VERSION = 1;

export function encodeMountTable(table: MountTableState): Uint8Array {
  return utf8(JSON.stringify({ version: VERSION, ...table }));
}

/** The bytes come out of the barrier, so they are what some version of this program wrote. */
export function decodeMountTable(bytes: Uint8Array): MountTableState {
  const { version, mounts, closing } = JSON.parse(fromUtf8(bytes)) as MountTableState & { version: number };
  assert(version === VERSION, `the mount table has version ${version}, this program knows ${VERSION}`);
  return { mounts, closing };
}
