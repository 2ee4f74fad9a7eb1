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
import { leafSegments, MAX_PATH_BYTES } from "./path.ts";

export const NAMESPACE_ID_BYTES = 4;
export const MOUNT_ID_BYTES = 16;
export const SEGMENT_BYTES = 16;

/** Bytes before the first segment. */
export const SCOPE_BYTES: number = 1 + NAMESPACE_ID_BYTES + MOUNT_ID_BYTES;

/** Hashes kept a thread; at the next one all are forgotten, which costs less than to keep order among them. */
const CACHED_NAMES = 8192;

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

/** What is remembered of one scope, by path. */
interface ScopeNames {
  readonly root: Directory;
  readonly directories: Map<string, Directory>;
  readonly leaves: Map<string, Uint8Array>;
}

/** Hashes names, and remembers hashes until `clear`. Not shared between threads. Paths are those of `path.ts`. */
export class NameHasher {
  readonly #mac: NameMac;
  #scopes = new WeakMap<Scope, ScopeNames>();
  #last: { readonly scope: Scope; readonly names: ScopeNames } | undefined;
  #cached = 0;
  /** Tag, chain, segment: what is hashed. */
  readonly #message: Uint8Array = new Uint8Array(1 + SEGMENT_BYTES + MAX_PATH_BYTES);
  readonly #segment: Uint8Array = this.#message.subarray(1 + SEGMENT_BYTES);

  constructor(mac: NameMac) {
    this.#mac = mac;
  }

  clear(): void {
    this.#scopes = new WeakMap();
    this.#last = undefined;
    this.#cached = 0;
  }

  /** The storage key of a leaf; not to be changed. Throws `InvalidPathError`. */
  leafKey(scope: Scope, path: string): Uint8Array {
    const names = this.#names(scope);
    const cached = names.leaves.get(path);
    if (cached !== undefined) return cached;
    leafSegments(path);
    const key = this.#childKey(names, path, TAG.leaf);
    this.#countOne();
    names.leaves.set(path, key);
    return key;
  }

  /** The bytes with which all keys in the directory begin: for the root of the mount, those of its scope. */
  directoryKey(scope: Scope, segments: readonly string[]): Uint8Array {
    return this.#directory(this.#names(scope), segments.join("/")).key;
  }

  #names(scope: Scope): ScopeNames {
    if (this.#last?.scope === scope) return this.#last.names;
    let names = this.#scopes.get(scope);
    if (names === undefined) {
      names = { root: this.#root(scope), directories: new Map(), leaves: new Map() };
      this.#scopes.set(scope, names);
    }
    this.#last = { scope, names };
    return names;
  }

  #directory(names: ScopeNames, path: string): Directory {
    if (path === "") return names.root;
    const cached = names.directories.get(path);
    if (cached !== undefined) return cached;
    const key = this.#childKey(names, path, TAG.directory);
    const directory = { key, chain: key.subarray(key.length - SEGMENT_BYTES) };
    this.#countOne();
    names.directories.set(path, directory);
    return directory;
  }

  #root(scope: Scope): Directory {
    const chain = this.#mac(concatBytes([Uint8Array.of(TAG.scope), scope.namespaceId, scope.mountId]));
    return { key: scopeKey(scope), chain: chain.slice(0, SEGMENT_BYTES) };
  }

  /** The parent's key, then the last segment's hash. */
  #childKey(names: ScopeNames, path: string, tag: number): Uint8Array {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    assert(name !== "", "all but the root of a mount has a name");
    const parent = this.#directory(names, slash < 0 ? "" : path.slice(0, slash));
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

  /** Before a name is added. */
  #countOne(): void {
    if (this.#cached >= CACHED_NAMES) this.clear();
    this.#cached++;
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
