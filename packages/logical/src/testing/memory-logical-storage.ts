import { assert, compareBytes, utf8 } from "@strongroom/runtime";
import type { ListOptions, LogicalStorage } from "../storage.ts";

/** A plain map behind the engines' view of storage, and every rule of that view. For tests. */
export class MemoryLogicalStorage implements LogicalStorage {
  readonly rows: Map<string, Uint8Array> = new Map();
  /** Those that were asked to be kept decoded. */
  readonly decodedPaths: Set<string> = new Set();

  get(path: string): Uint8Array | undefined {
    checkLeaf(path);
    return this.rows.get(path)?.slice();
  }

  decoded<T>(path: string, decode: (value: Uint8Array) => T): T | undefined {
    this.decodedPaths.add(path);
    const value = this.get(path);
    return value === undefined ? undefined : decode(value);
  }

  put(path: string, value: Uint8Array): void {
    checkLeaf(path);
    this.rows.set(path, value.slice());
  }

  delete(path: string): void {
    checkLeaf(path);
    this.rows.delete(path);
  }

  list(prefix: string, options: ListOptions = {}): Promise<string[]> {
    assert(prefix === "" || prefix.endsWith("/"), "a prefix is empty or ends in a slash");
    const children = new Set<string>();
    for (const path of this.rows.keys()) {
      if (!path.startsWith(prefix)) continue;
      const rest = path.slice(prefix.length);
      const slash = rest.indexOf("/");
      children.add(slash === -1 ? rest : rest.slice(0, slash + 1));
    }
    const sorted = [...children].sort((a, b) => compareBytes(utf8(a), utf8(b)));
    const { after, limit } = options;
    const later = after === undefined ? sorted : sorted.filter((name) => compareBytes(utf8(name), utf8(after)) > 0);
    return Promise.resolve(later.slice(0, limit));
  }
}

function checkLeaf(path: string): void {
  assert(path !== "" && path.split("/").every((segment) => segment !== ""), `"${path}" does not name a value`);
}
