/**
 * Paths as the barrier takes them: relative to a mount, segments joined by "/". `a` and `a/b` may both exist, the one a
 * leaf, the other below the directory `a`. Bytes are kept as they came: no case folding, no normalisation, and "." means
 * nothing; which paths a request may name is decided at the front doors.
 */
import { InvalidPathError } from "./errors.ts";

export const MAX_PATH_BYTES = 4096;
export const MAX_SEGMENTS = 64;

/** A leaf's segments. Throws `InvalidPathError`. */
export function leafSegments(path: string): string[] {
  if (path === "") throw new InvalidPathError("the path is empty");
  return checkedSegments(path, path);
}

/** A directory's segments, none for the root: `""`, `"a/b/"` and `"a/b"` are all understood. */
export function directorySegments(prefix: string): string[] {
  if (prefix === "") return [];
  return checkedSegments(prefix, prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
}

function checkedSegments(path: string, trimmed: string): string[] {
  // A UTF-16 unit takes at most three bytes.
  if (path.length > MAX_PATH_BYTES || (path.length * 3 > MAX_PATH_BYTES && Buffer.byteLength(path) > MAX_PATH_BYTES)) {
    throw new InvalidPathError(`the path is longer than ${MAX_PATH_BYTES} bytes`);
  }
  // A lone surrogate has no UTF-8: two such paths would be stored as one.
  if (!path.isWellFormed()) throw new InvalidPathError("the path is not valid Unicode");
  const segments = trimmed.split("/");
  if (segments.length > MAX_SEGMENTS) throw new InvalidPathError(`the path has more than ${MAX_SEGMENTS} segments`);
  if (segments.includes(""))
    throw new InvalidPathError(
      "the path has an empty segment: it may not begin or end with a slash or have two in a row",
    );
  return segments;
}

/** By code points, which is the order of the UTF-8 bytes and Vault's; JavaScript's own `<` compares UTF-16 units. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // Surrogates (of code points past U+FFFF) come after U+E000 to U+FFFF.
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? rotated(x) - rotated(y) : x - y;
  }
  return a.length - b.length;
}

function rotated(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
