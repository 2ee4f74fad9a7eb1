/**
 * Where a path is stored: the kind byte, the namespace, the mount's uuid, then 16 bytes a segment, each HMAC-SHA-256
 * under the name key over a tag, the hash above and the segment. So equal names in two places look different, and who
 * lacks the key sees the shape of the tree and nothing else.
 *
 * The first bit of a hash says what the segment is: 0 a leaf, 1 a directory. All that lies in a directory is one range
 * of keys: first its leaves side by side, then its sub-directories, each a range in itself that one seek skips.
 */
import { assert, concatBytes } from "@strongroom/runtime";
import { KEY_KIND, makeKey } from "@strongroom/storage";
import { MAX_PATH_BYTES } from "./path.ts";

export const NAMESPACE_ID_BYTES = 4;
export const MOUNT_ID_BYTES = 16;
export const SEGMENT_BYTES = 16;

/** Bytes before the first segment. */
export const SCOPE_BYTES: number = 1 + NAMESPACE_ID_BYTES + MOUNT_ID_BYTES;

/** Directories' hashes kept a thread. */
const CACHED_DIRECTORIES = 4096;

const encoder = new TextEncoder();

const TAG = { scope: 0, directory: 1, leaf: 2 } as const;

/** Whose paths they are. Never changed once made. */
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
  readonly #scopes = new WeakMap<Scope, string>();
  /** Tag, chain, segment: what is hashed. */
  readonly #message: Uint8Array = new Uint8Array(1 + SEGMENT_BYTES + MAX_PATH_BYTES);
  readonly #segment: Uint8Array = this.#message.subarray(1 + SEGMENT_BYTES);

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
    const cacheKey = `${this.#scopeText(scope)}${segments.join("/")}`;
    const cached = this.#directories.get(cacheKey);
    if (cached !== undefined) return cached;
    const directory = segments.length === 0 ? this.#root(scope) : this.#subdirectory(scope, segments);
    const oldest = this.#directories.keys().next();
    if (this.#directories.size >= CACHED_DIRECTORIES && oldest.done !== true) this.#directories.delete(oldest.value);
    this.#directories.set(cacheKey, directory);
    return directory;
  }

  #root(scope: Scope): Directory {
    const chain = this.#mac(concatBytes([Uint8Array.of(TAG.scope), scope.namespaceId, scope.mountId]));
    return { key: scopeKey(scope), chain: chain.slice(0, SEGMENT_BYTES) };
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
    const message = this.#message;
    message[0] = tag;
    message.set(parent.chain, 1);
    const { read, written } = encoder.encodeInto(name, this.#segment);
    assert(read === name.length, "a segment is no longer than a path");
    const hash = this.#mac(message.subarray(0, 1 + SEGMENT_BYTES + written));
    const at = parent.key.length;
    const key = new Uint8Array(at + SEGMENT_BYTES);
    key.set(parent.key);
    for (let i = 0; i < SEGMENT_BYTES; i++) key[at + i] = hash[i] as number;
    key[at] = tag === TAG.directory ? (hash[0] as number) | 0x80 : (hash[0] as number) & 0x7f;
    return key;
  }

  /** Made once for each object that names a scope. */
  #scopeText(scope: Scope): string {
    let text = this.#scopes.get(scope);
    if (text === undefined) {
      text = latin1(scope.namespaceId) + latin1(scope.mountId);
      this.#scopes.set(scope, text);
    }
    return text;
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
