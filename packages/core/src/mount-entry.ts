/** One mount as it is stored, and the table of all. Stored as JSON with a version, in one sealed row. */
import type { TokenType, UserLockout } from "@strongroom/logical";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";

export interface MountEntry {
  /** With the slash at its end: `secret/`; of an auth method with `auth/` before it. */
  readonly path: string;
  readonly type: string;
  /** Names the mount's rows: 32 hexadecimal digits in five groups. The path is only where it hangs. */
  readonly uuid: string;
  readonly accessor: string;
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  /** What Vault's clients say of a mount and expect to see again; nothing follows from it here. */
  readonly local: boolean;
  readonly sealWrap: boolean;
  readonly externalEntropyAccess: boolean;
  /** 0: the system's. */
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
  readonly forceNoCache: boolean;
  readonly listingVisibility: "" | "hidden" | "unauth";
  readonly passthroughRequestHeaders: readonly string[];
  readonly allowedResponseHeaders: readonly string[];
  readonly auditNonHmacRequestKeys: readonly string[];
  readonly auditNonHmacResponseKeys: readonly string[];
  /** Of an auth method. */
  readonly tokenType: Exclude<TokenType, "default">;
  readonly userLockout: UserLockout;
  /** Where it hung before, newest first: ids of leases that were made there still name them. */
  readonly formerPaths: readonly string[];
}

export interface MountTableState {
  readonly mounts: readonly MountEntry[];
  /**
   * Mounts that are gone but have leases that are not revoked or rows that are not deleted. Nobody can reach them; their uuids
   * never come again.
   */
  readonly closing: readonly MountEntry[];
  /** What was said of mounts that every cluster has and no table lists. */
  readonly tuned: readonly MountEntry[];
}

export const EMPTY_MOUNT_TABLE: MountTableState = { mounts: [], closing: [], tuned: [] };

export const AUTH_PREFIX = "auth/";

/** What a mount has of which nothing else was said. */
export const PLAIN_MOUNT: Omit<MountEntry, "path" | "type" | "uuid" | "accessor"> = {
  description: "",
  options: {},
  local: false,
  sealWrap: false,
  externalEntropyAccess: false,
  defaultLeaseTtlSeconds: 0,
  maxLeaseTtlSeconds: 0,
  forceNoCache: false,
  listingVisibility: "",
  passthroughRequestHeaders: [],
  allowedResponseHeaders: [],
  auditNonHmacRequestKeys: [],
  auditNonHmacResponseKeys: [],
  tokenType: "default-service",
  userLockout: {},
  formerPaths: [],
};

/** The mounts that every cluster has and no table lists: core serves them itself. */
export const SYSTEM_MOUNT: MountEntry = {
  ...PLAIN_MOUNT,
  path: "sys/",
  type: "system",
  uuid: "00000000-0000-0000-0000-000000000000",
  accessor: "system_00000000",
  description: "system endpoints used for control, policy and debugging",
};

/** Each token's own, gone with it; an engine serves it, over the rows of the bearer. */
export const CUBBYHOLE_MOUNT: MountEntry = {
  ...PLAIN_MOUNT,
  path: "cubbyhole/",
  type: "cubbyhole",
  uuid: "00000000-0000-0000-0000-000000000002",
  accessor: "cubbyhole_00000000",
  description: "per-token private secret storage",
};

export const TOKEN_MOUNT: MountEntry = {
  ...PLAIN_MOUNT,
  path: "auth/token/",
  type: "token",
  uuid: "00000000-0000-0000-0000-000000000001",
  accessor: "auth_token_00000000",
  description: "token based credentials",
};

export function isAuthMount(entry: Pick<MountEntry, "path">): boolean {
  return entry.path.startsWith(AUTH_PREFIX);
}

/** With what was said of it since. */
export function builtInMount(state: MountTableState, mount: MountEntry): MountEntry {
  return state.tuned.find(({ uuid }) => uuid === mount.uuid) ?? mount;
}

const VERSION = 2;

/** Version 1 had fewer settings, and of closing mounts the uuid alone. */
interface StoredV1 {
  readonly mounts: readonly Partial<MountEntry>[];
  readonly closing: readonly string[];
}

/** What says nothing is left out: the table is one row, and shall hold many mounts. */
export function encodeMountTable({ mounts, closing, tuned }: MountTableState): Uint8Array {
  const brief = (entries: readonly MountEntry[]): readonly object[] => entries.map(withoutDefaults);
  const table = { version: VERSION, mounts: brief(mounts), closing: brief(closing), tuned: brief(tuned) };
  return utf8(JSON.stringify(table));
}

/** The bytes come out of the barrier, so they are what some version of this program wrote. */
export function decodeMountTable(bytes: Uint8Array): MountTableState {
  const { version, ...stored } = JSON.parse(fromUtf8(bytes)) as { version: number };
  if (version === 1) {
    const { mounts, closing } = stored as StoredV1;
    return { mounts: mounts.map(whole), closing: closing.map((uuid) => whole({ uuid })), tuned: [] };
  }
  assert(version === VERSION, `the mount table has version ${version}, this program knows ${VERSION}`);
  const { mounts, closing, tuned } = stored as Readonly<Record<keyof MountTableState, readonly Partial<MountEntry>[]>>;
  return { mounts: mounts.map(whole), closing: closing.map(whole), tuned: tuned.map(whole) };
}

function whole(stored: Partial<MountEntry>): MountEntry {
  return { ...PLAIN_MOUNT, path: "", type: "", accessor: "", uuid: "", ...stored };
}

function withoutDefaults(entry: MountEntry): object {
  const defaults: Readonly<Record<string, unknown>> = PLAIN_MOUNT;
  return Object.fromEntries(
    Object.entries(entry).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name])),
  );
}
