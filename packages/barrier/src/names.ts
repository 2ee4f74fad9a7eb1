/**
 * Where a path is stored: the kind byte, the namespace, the mount's uuid, then 16 bytes a segment, each HMAC-SHA-256
 * under the name key over a tag, the hash above and the segment. So equal names in two places look different, and who
 * lacks the key sees the shape of the tree and nothing else.
 *
 * The first bit of a hash says what the segment is: 0 a leaf, 1 a directory. All that lies in a directory is one range
 * of keys: first its leaves side by side, then its sub-directories, each a range in itself that one seek skips.
 */
import { assert, concatBytes, utf8 } from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";

export const NAMESPACE_ID_BYTES = 4;
export const MOUNT_ID_BYTES = 16;
export const SEGMENT_BYTES = 16;

/** Bytes before the first segment. */
export const SCOPE_BYTES: number = 1 + NAMESPACE_ID_BYTES + MOUNT_ID_BYTES;

/** Directories' hashes kept a thread. */
const CACHED_DIRECTORIES = 4096;

const TAG = { scope: 0, directory: 1, leaf: 2 } as const;

/** Whose paths they are. */
export interface Scope {
  readonly namespaceId: Uint8Array;
  readonly mountId: Uint8Array;
}

/** HMAC-SHA-256 under the name key. */
export type NameMac = (message: Uint8Array) => Uint8Array;

interface Directory {
  /** With which all keys in the directory begin. */
  readonly key: Uint8Array;
  /** What its children's hashes hang on. */
  readonly chain: Uint8Array;
}

/**
 * Hashes names, and remembers the directories' hashes until `clear`. Not shared between threads. Segments are those of
 * `path.ts`: none is empty, none has a slash.
 */
export class NameHasher {
  readonly #mac: NameMac;
  readonly #directories = new Map<string, Directory>();

  constructor(mac: NameMac) {
    this.#mac = mac;
  }

  clear(): void {
    this.#directories.clear();
  }

  /** The storage key of a leaf. */
  leafKey(scope: Scope, segments: readonly string[]): Uint8Array {
    return this.#childKey(scope, segments, TAG.leaf);
  }

  /** The bytes with which all keys in the directory begin: for the root of the mount, those of its scope. */
  directoryKey(scope: Scope, segments: readonly string[]): Uint8Array {
    return this.#directory(scope, segments).key;
  }

  #directory(scope: Scope, segments: readonly string[]): Directory {
    const cacheKey = `${latin1(scope.namespaceId)}${latin1(scope.mountId)}${segments.join("/")}`;
    const cached = this.#directories.get(cacheKey);
    if (cached !== undefined) return cached;
    const directory = segments.length === 0 ? this.#root(scope) : this.#subdirectory(scope, segments);
    const oldest = this.#directories.keys().next();
    if (this.#directories.size >= CACHED_DIRECTORIES && oldest.done !== true) this.#directories.delete(oldest.value);
    this.#directories.set(cacheKey, directory);
    return directory;
  }

  #root(scope: Scope): Directory {
    const chain = this.#mac(Uint8Array.of(TAG.scope, ...scope.namespaceId, ...scope.mountId)).slice(0, SEGMENT_BYTES);
    return { key: scopeKey(scope), chain };
  }

  #subdirectory(scope: Scope, segments: readonly string[]): Directory {
    const key = this.#childKey(scope, segments, TAG.directory);
    return { key, chain: key.subarray(key.length - SEGMENT_BYTES) };
  }

  /** The parent's key, then the last segment's hash. */
  #childKey(scope: Scope, segments: readonly string[], tag: number): Uint8Array {
    const name = segments.at(-1);
    assert(name !== undefined, "all but the root of a mount has a name");
    const parent = this.#directory(scope, segments.slice(0, -1));
    const hash = this.#mac(concatBytes([Uint8Array.of(tag), parent.chain, utf8(name)])).subarray(0, SEGMENT_BYTES);
    const first = hash[0] as number;
    hash[0] = tag === TAG.directory ? first | 0x80 : first & 0x7f;
    return concatBytes([parent.key, hash]);
  }
}

/** Whether the segment whose hash begins with `firstByte` is a directory. */
export function isDirectoryHash(firstByte: number): boolean {
  return firstByte >= 0x80;
}

/** The bytes with which all keys of a mount begin: for sweeps, which need no names. */
export function scopeKey({ namespaceId, mountId }: Scope): Uint8Array {
  assert(namespaceId.length === NAMESPACE_ID_BYTES, "a namespace id has 4 bytes");
  assert(mountId.length === MOUNT_ID_BYTES, "a mount's uuid has 16 bytes");
  return makeKey(KEY_KIND.barrier, namespaceId, mountId);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
