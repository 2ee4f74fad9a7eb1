/**
 * An ordered map of bytes of which every version stays readable: a treap whose changes copy the path from the root
 * (Seidel, Aragon: Randomized Search Trees, 1996). A version costs its root; put, remove and seek are O(log n) expected.
 * Priorities are a hash of the key, so a map's shape depends on its content alone.
 */
import { compareBytes } from "@strongroom/runtime";

interface MapNode {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly priority: number;
  readonly left: MapNode | undefined;
  readonly right: MapNode | undefined;
}

export type PersistentMap = MapNode | undefined;

export const EMPTY_MAP: PersistentMap = undefined;

export function mapGet(map: PersistentMap, key: Uint8Array): Uint8Array | undefined {
  let node = map;
  while (node !== undefined) {
    const order = compareBytes(key, node.key);
    if (order === 0) return node.value;
    node = order < 0 ? node.left : node.right;
  }
  return undefined;
}

/** The version with `value` at `key`. Keeps both arrays: the caller hands them over. */
export function mapPut(map: PersistentMap, key: Uint8Array, value: Uint8Array): PersistentMap {
  return put(map, { key, value, priority: priorityOf(key), left: undefined, right: undefined });
}

/** The version without `key`; the same one where it was not there. */
export function mapRemove(map: PersistentMap, key: Uint8Array): PersistentMap {
  if (map === undefined) return undefined;
  const order = compareBytes(key, map.key);
  if (order === 0) return merge(map.left, map.right);
  if (order < 0) {
    const left = mapRemove(map.left, key);
    return left === map.left ? map : { ...map, left };
  }
  const right = mapRemove(map.right, key);
  return right === map.right ? map : { ...map, right };
}

/** The entries `e` with `gte <= e.key < lt` in order, at most `count`, up to the one that reaches `bytes`. */
export function mapSlice(
  map: PersistentMap,
  range: { readonly gte: Uint8Array; readonly lt: Uint8Array },
  limit: { readonly count: number; readonly bytes: number },
): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  const found: { key: Uint8Array; value: Uint8Array }[] = [];
  const path: MapNode[] = [];
  let node = map;
  let bytes = 0;
  while (found.length < limit.count && bytes < limit.bytes) {
    while (node !== undefined) {
      if (compareBytes(node.key, range.gte) >= 0) {
        path.push(node);
        node = node.left;
      } else {
        node = node.right;
      }
    }
    const next = path.pop();
    if (next === undefined || compareBytes(next.key, range.lt) >= 0) break;
    found.push({ key: next.key, value: next.value });
    bytes += next.key.length + next.value.length;
    node = next.right;
  }
  return found;
}

function put(map: PersistentMap, entry: MapNode): MapNode {
  if (map === undefined) return entry;
  const order = compareBytes(entry.key, map.key);
  if (order === 0) return { ...map, value: entry.value };
  if (order < 0) {
    const left = put(map.left, entry);
    if (left.priority <= map.priority) return { ...map, left };
    return { ...left, right: { ...map, left: left.right } };
  }
  const right = put(map.right, entry);
  if (right.priority <= map.priority) return { ...map, right };
  return { ...right, left: { ...map, right: right.left } };
}

/** Both maps in one; every key of `low` is below every key of `high`. */
function merge(low: PersistentMap, high: PersistentMap): PersistentMap {
  if (low === undefined) return high;
  if (high === undefined) return low;
  if (low.priority >= high.priority) return { ...low, right: merge(low.right, high) };
  return { ...high, left: merge(low, high.left) };
}

/** FNV-1a, finished as MurmurHash3 is, since FNV's high bits change little with the last byte. */
function priorityOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
