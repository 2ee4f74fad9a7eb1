/** What a change of the mount table may do: where mounts may hang, and that none hangs above, below or on another. */
import { LogicalError } from "@strongroom/logical";
import { AUTH_PREFIX, isAuthMount, type MountEntry, type MountTableState, TOKEN_MOUNT } from "../mount-entry.ts";

export type MountCategory = "secret" | "auth";

const PATH_MAX_BYTES = 512;
/** ASCII only: a mount's name must look like itself in every policy and log. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9_.~+@-]*$/;
const RESERVED = ["sys/", "audit/", "cubbyhole/", "identity/"];
/** Ids of leases that were made at older ones are found no more; those that name a newer path are. */
const FORMER_PATHS = 16;

/** The whole path, with the slash at its end; `raw` is relative to `auth/` for an auth method. Throws `LogicalError`. */
export function mountPathOf(category: MountCategory, raw: string | undefined): string {
  const trimmed = (raw ?? "").replace(/\/$/, "");
  if (trimmed.length > PATH_MAX_BYTES || !trimmed.split("/").every((segment) => SEGMENT.test(segment))) {
    throw new LogicalError(
      "invalid_path",
      "a mount's path is made of letters, digits and _ . ~ + @ -, in segments that begin with a letter, digit or _",
    );
  }
  return `${category === "auth" ? AUTH_PREFIX : ""}${trimmed}/`;
}

/** Throws `LogicalError` for a path at which no request may do `what`. */
export function checkReserved(category: MountCategory, at: string, what: "mount" | "unmount" | "remount"): void {
  if (at === TOKEN_MOUNT.path) {
    if (what === "mount") checkFree([], at);
    throw new LogicalError("invalid_request", `token credential backend cannot be ${UNDOING[what]}`);
  }
  const strange = isAuthMount({ path: at }) ? category !== "auth" : RESERVED.some((name) => at.startsWith(name));
  if (strange) throw new LogicalError("invalid_request", `cannot ${what} "${at}"`);
}

const UNDOING = { mount: "mounted", unmount: "disabled", remount: "moved" } as const;

/** Throws `LogicalError` for what is no mount of its own: the server itself, and what lies in each token. */
export function checkTunable(at: string): void {
  if (RESERVED.some((name) => at.startsWith(name))) throw new LogicalError("invalid_request", `cannot tune "${at}"`);
}

/** Throws `LogicalError` when a mount is at the path, above it or below it. */
export function withMount(state: MountTableState, entry: MountEntry): MountTableState {
  checkFree(state.mounts, entry.path);
  return { ...state, mounts: [...state.mounts, entry] };
}

/** Moves the mount at `at`, if there is one, to those that are closing. */
export function withoutMount(state: MountTableState, at: string): MountTableState {
  const gone = state.mounts.filter(({ path }) => path === at);
  return {
    ...state,
    mounts: state.mounts.filter(({ path }) => path !== at),
    closing: [...state.closing, ...gone],
  };
}

/** Hangs a mount elsewhere. Throws `LogicalError` where it is not or where another is. */
export function withMountMoved(state: MountTableState, from: string, to: string): MountTableState {
  const moved = state.mounts.find(({ path }) => path === from);
  if (moved === undefined) {
    throw new LogicalError("invalid_request", `no matching mount at "${from}"`, { fromState: true });
  }
  const others = state.mounts.filter((entry) => entry !== moved);
  checkFree(others, to);
  const formerPaths = [from, ...moved.formerPaths.filter((path) => path !== from && path !== to)];
  const entry = { ...moved, path: to, formerPaths: formerPaths.slice(0, FORMER_PATHS) };
  return { ...state, mounts: [...others, entry] };
}

/** Replaces what is said of the mount, built in or not, that has the entry's uuid. */
export function withMountTuned(state: MountTableState, entry: MountEntry): MountTableState {
  if (state.mounts.some(({ uuid }) => uuid === entry.uuid)) {
    return { ...state, mounts: state.mounts.map((other) => (other.uuid === entry.uuid ? entry : other)) };
  }
  return { ...state, tuned: [...state.tuned.filter(({ uuid }) => uuid !== entry.uuid), entry] };
}

function checkFree(mounts: readonly MountEntry[], at: string): void {
  const conflict = [...mounts, TOKEN_MOUNT].find(({ path }) => path.startsWith(at) || at.startsWith(path));
  if (conflict !== undefined) {
    const shown = isAuthMount(conflict) ? conflict.path.slice(AUTH_PREFIX.length) : conflict.path;
    throw new LogicalError("invalid_request", `path is already in use at ${shown}`, { fromState: true });
  }
}
