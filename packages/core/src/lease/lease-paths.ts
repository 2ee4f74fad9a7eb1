/**
 * Between lease ids, which begin with the path of a mount, and where leases lie, which is under the mount's uuid. An id that was
 * made before its mount moved is still good: each mount knows where it hung.
 */
import type { MountEntry } from "../mount-entry.ts";
import type { MountTable } from "../mounts.ts";
import type { LeaseRef } from "./lease-rows.ts";

/** What a prefix of lease ids covers in one mount. */
export interface LeasePrefix {
  readonly mount: MountEntry;
  /** A directory below the mount, with a slash at its end, or "" for all of it. */
  readonly prefix: string;
}

/** The places that `leaseId` may mean, the likeliest first: mounts where they hang, where they hung, and closing ones. */
export function refsOf(table: MountTable, leaseId: string): readonly LeaseRef[] {
  const refs: LeaseRef[] = [];
  for (const { entry, path } of placesOf(table)) {
    if (leaseId.length > path.length && leaseId.startsWith(path)) {
      refs.push({ mountUuid: entry.uuid, path: leaseId.slice(path.length) });
    }
  }
  return refs;
}

/** The id by which a lease is known now. */
export function leaseIdOf(table: MountTable, ref: LeaseRef): string {
  const place = placesOf(table).find(({ entry }) => entry.uuid === ref.mountUuid);
  return `${place?.path ?? ""}${ref.path}`;
}

/** What of which mounts lies under `prefix`, closing ones included; `prefix` is "" or ends in a slash. */
export function prefixesOf(table: MountTable, prefix: string): readonly LeasePrefix[] {
  const covered = new Map<string, LeasePrefix>();
  for (const { entry, path } of placesOf(table)) {
    const below = path.startsWith(prefix) ? "" : prefix.startsWith(path) ? prefix.slice(path.length) : undefined;
    const known = covered.get(entry.uuid);
    if (below === undefined || known?.prefix === "") continue;
    covered.set(entry.uuid, { mount: entry, prefix: below });
  }
  return [...covered.values()];
}

interface Place {
  readonly entry: MountEntry;
  readonly path: string;
}

/** A table is one object until it changes. */
const remembered = new WeakMap<MountTable, readonly Place[]>();

/** Every path at which a mount hangs, hung, or hung until it was taken away. */
function placesOf(table: MountTable): readonly Place[] {
  let places = remembered.get(table);
  if (places === undefined) {
    const { mounts, closing } = table.state;
    const now = [...mounts, table.token.entry].map((entry) => ({ entry, path: entry.path }));
    const before = mounts.flatMap((entry) => entry.formerPaths.map((path) => ({ entry, path })));
    const gone = closing.flatMap((entry) => [entry.path, ...entry.formerPaths].map((path) => ({ entry, path })));
    places = [...now, ...before, ...gone].filter(({ path }) => path !== "");
    remembered.set(table, places);
  }
  return places;
}
