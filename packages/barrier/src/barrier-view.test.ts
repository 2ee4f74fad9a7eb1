import { fromUtf8, utf8 } from "@strongroom/runtime";
import { KEY_KIND, runTransaction, Transaction } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BarrierView } from "./barrier-view.ts";
import { type DecodedRow, type DecodedRows, MAX_DECODED_BYTES } from "./decoded-rows.ts";
import { IntegrityError, InvalidPathError, ListTooLargeError, UnknownFormatError } from "./errors.ts";
import { comparePaths } from "./path.ts";
import { openTestBarrier, TEST_SCOPE } from "./testing/test-barrier.ts";

const value = utf8("value");
const { barrier } = openTestBarrier();

function begin(store: MemoryStore = new MemoryStore()): { tx: Transaction; view: BarrierView } {
  const tx = new Transaction(store.localSnapshot());
  return { tx, view: barrier.view(tx, TEST_SCOPE) };
}

/** A store that holds `paths`, each with its path as its value. */
async function storeOf(paths: readonly string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const put = (tx: Transaction): void => {
    for (const path of paths) barrier.view(tx, TEST_SCOPE).put(path, utf8(path));
  };
  await runTransaction(store, put, { mode: "write", deadlineMs: 1000 });
  return store;
}

/** What LIST should answer. */
function childrenOf(paths: Iterable<string>, prefix: string): string[] {
  const names = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name = "", ...below] = path.slice(prefix.length).split("/");
    names.add(below.length === 0 ? name : `${name}/`);
  }
  return [...names].sort(comparePaths);
}

describe("BarrierView", () => {
  it("keeps a leaf and a directory of one name apart", async () => {
    const { view } = begin();
    view.put("a", utf8("leaf"));
    view.put("a/b", utf8("below"));
    expect(fromUtf8(view.get("a") ?? value)).toBe("leaf");
    expect(fromUtf8(view.get("a/b") ?? value)).toBe("below");
    view.delete("a");
    expect(view.exists("a")).toBe(false);
    expect(view.exists("a/b")).toBe(true);
  });

  it("behaves as a map of paths, and lists as one", async () => {
    const segment = fc.constantFrom("a", "b", "é", "😀", "\uffff", "a b");
    const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const step = fc.record({ path, remove: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(path, { maxLength: 12 }),
        fc.array(step, { maxLength: 8 }),
        path,
        async (stored, steps, directory) => {
          const model = new Map(stored.map((each) => [each, each]));
          const { tx, view } = begin(await storeOf(stored));
          const fence = Uint8Array.of(KEY_KIND.index);
          tx.put(fence, 0, value);
          steps.forEach(({ path: at, remove }, i) => {
            if (remove) view.delete(at);
            else view.put(at, utf8(`${i}`));
            if (remove) model.delete(at);
            else model.set(at, `${i}`);
          });
          for (const at of [...model.keys(), directory]) {
            const found = view.get(at);
            expect(found === undefined ? undefined : fromUtf8(found)).toBe(model.get(at));
          }
          for (const prefix of ["", `${directory}/`]) {
            expect(await view.list(prefix, { fence })).toEqual(childrenOf(model.keys(), prefix));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("lists from a name on, and no more than asked for", async () => {
    const { view } = begin(await storeOf(["d/b", "d/a/x", "d/a", "d/c", "e"]));
    expect(await view.list("d/")).toEqual(["a", "a/", "b", "c"]);
    expect(await view.list("d")).toEqual(["a", "a/", "b", "c"]);
    expect(await view.list("d/", { after: "a", limit: 2 })).toEqual(["a/", "b"]);
    for (const limit of [0, -1]) expect(await view.list("d/", { limit })).toEqual([]);
    expect(await view.list("nowhere/")).toEqual([]);
    expect(await view.list("")).toEqual(["d/", "e"]);
  });

  it("walks all that lies below a directory, in pages", async () => {
    const paths = ["a", "a/b", "a/b/c", "a/é/d/e", "b/a", "b", ...Array.from({ length: 40 }, (_, i) => `a/n${i}/x`)];
    const { view } = begin(await storeOf(paths));
    for (const prefix of ["", "a/", "a", "a/b/", "none/"]) {
      const found: string[] = [];
      let after: Uint8Array | undefined;
      for (;;) {
        const page = await view.walk(prefix, { after, limit: 7 });
        expect(page.length).toBeLessThanOrEqual(7);
        if (page.length === 0) break;
        found.push(...page.map(({ path }) => path));
        after = page.at(-1)?.storageKey;
      }
      const directory = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
      expect(found.sort(), prefix).toEqual(paths.filter((path) => path.startsWith(directory)).sort());
    }
  });

  it("reads one row of each sub-directory, however many it has", async () => {
    const paths = Array.from({ length: 40 }, (_, i) => `d${i % 4}/deep/${i}`);
    const { tx, view } = begin(await storeOf(paths));
    let rows = 0;
    const iterate = tx.iterate.bind(tx);
    tx.iterate = (range) => {
      const iterator = iterate(range);
      const next = iterator.next.bind(iterator);
      iterator.next = async (count) => {
        rows += Math.min(count, 2);
        return next(count);
      };
      return iterator;
    };
    expect(await view.list("")).toEqual(["d0/", "d1/", "d2/", "d3/"]);
    expect(rows).toBeLessThanOrEqual(6);
  });

  it("bounds how many entries one list walks", async () => {
    const small = openTestBarrier(1, { maxListEntries: 3 }).barrier;
    const list = async (paths: readonly string[]): Promise<string[]> =>
      small.view(new Transaction((await storeOf(paths)).localSnapshot()), TEST_SCOPE).list("");
    await expect(list(["a", "b", "c/1", "c/2"])).resolves.toEqual(["a", "b", "c/"]);
    await expect(list(["a", "b", "c", "d"])).rejects.toThrow(ListTooLargeError);
    await expect(list(["a/1", "b/1", "c/1", "d/1"])).rejects.toThrow(ListTooLargeError);
  });

  it("lists more leaves than one read gives", async () => {
    const names = Array.from({ length: 300 }, (_, i) => `leaf-${i}`);
    const { view } = begin(await storeOf(["dir/x", ...names]));
    expect(await view.list("")).toEqual(["dir/", ...names].sort(comparePaths));
  });

  it("shows nobody another mount's rows", async () => {
    const tx = new Transaction((await storeOf(["a", "b/c"])).localSnapshot());
    const other = barrier.view(tx, { ...TEST_SCOPE, mountId: new Uint8Array(16) });
    expect(other.get("a")).toBeUndefined();
    expect(await other.list("")).toEqual([]);
  });

  it("refuses paths that it does not store", async () => {
    const { view } = begin();
    for (const path of ["", "/a", "a/", "a//b"]) {
      expect(() => view.get(path)).toThrow(InvalidPathError);
      expect(() => view.put(path, value)).toThrow(InvalidPathError);
      expect(() => view.delete(path)).toThrow(InvalidPathError);
    }
    await expect(view.list("a//")).rejects.toThrow(InvalidPathError);
  });

  it("leaves neither name nor value in what is stored", () => {
    const { tx, view } = begin();
    view.put("canary-directory/canary-name", utf8("canary-value"));
    const { guards, mutations } = tx.draft();
    const stored = Buffer.concat(
      [...guards, ...mutations]
        .flatMap((part) => ("key" in part ? [part.key] : []))
        .concat(mutations.map((each) => (each.kind === "put" ? each.value : value))),
    );
    expect(stored.includes("canary")).toBe(false);
  });
});

describe("hidden rows", () => {
  const stored = (tx: Transaction, view: BarrierView, path: string): Uint8Array =>
    tx.peek(view.storageKey(path))?.value ?? new Uint8Array(0);
  const boxOf = (row: Uint8Array): Uint8Array => row.slice(0, 3 + (((row[1] as number) << 8) | (row[2] as number)));

  it("keep the box's bytes when written over under one term, and never the value's", () => {
    const { barrier: own, initialized } = openTestBarrier(3);
    const tx = new Transaction(new MemoryStore().localSnapshot());
    const view = own.view(tx, TEST_SCOPE);
    view.put("a/b", value);
    const first = stored(tx, view, "a/b");
    view.put("a/b", value);
    const second = stored(tx, view, "a/b");
    expect(boxOf(second)).toEqual(boxOf(first));
    expect(second).not.toEqual(first);
    own.refresh(own.rotate({ keyringRecord: initialized.keyringRecord, nowMs: 0 }));
    view.put("a/b", value);
    expect(boxOf(stored(tx, view, "a/b"))).not.toEqual(boxOf(first));
    expect(view.get("a/b")).toEqual(value);
  });

  it("are read without opening the box, and listed without opening the value", async () => {
    const { tx, view } = begin();
    view.put("name", value);
    const key = view.storageKey("name");
    const row = stored(tx, view, "name");
    const boxBytes = boxOf(row).length;
    tx.put(
      key,
      1,
      row.map((byte, at) => (at >= 3 && at < boxBytes ? byte ^ 1 : byte)),
    );
    expect(view.get("name")).toEqual(value);
    const fence = Uint8Array.of(KEY_KIND.index);
    tx.put(fence, 0, value);
    await expect(view.list("", { fence })).rejects.toThrow(IntegrityError);
    tx.put(
      key,
      1,
      row.map((byte, at) => (at >= boxBytes ? byte ^ 1 : byte)),
    );
    expect(await view.list("", { fence })).toEqual(["name"]);
    expect(() => view.get("name")).toThrow(IntegrityError);
  });

  it("open at no other key, under no other name and in no other mount", () => {
    const { tx, view } = begin();
    view.put("a", utf8("1"));
    view.put("b", utf8("2"));
    const [a, b] = [view.storageKey("a"), view.storageKey("b")];
    const rowOfA = stored(tx, view, "a");
    tx.put(a, 1, stored(tx, view, "b"));
    tx.put(b, 1, rowOfA);
    expect(() => view.get("a")).toThrow(IntegrityError);
    expect(() => view.get("b")).toThrow(IntegrityError);
    const other = barrier.view(tx, { ...TEST_SCOPE, mountId: new Uint8Array(16) });
    tx.put(other.storageKey("a"), 1, rowOfA);
    expect(() => other.get("a")).toThrow(IntegrityError);
  });

  it("of impossible shape are refused, never misread", async () => {
    const { tx, view } = begin();
    view.put("a", value);
    const row = stored(tx, view, "a");
    const key = view.storageKey("a");
    for (let length = 0; length < row.length; length++) {
      tx.put(key, 1, row.subarray(0, length));
      expect(() => view.get("a")).toThrow(IntegrityError);
    }
    tx.put(key, 1, Uint8Array.from([7, ...row.subarray(1)]));
    expect(() => view.get("a")).toThrow(UnknownFormatError);
    tx.put(key, 0, row);
    expect(() => view.get("a")).toThrow(IntegrityError);
  });
});

describe("fences", () => {
  const fence = Uint8Array.of(KEY_KIND.index, 1);

  it("let it write what does not hang on what it listed, once that is said", async () => {
    const { tx, view } = begin(await storeOf(["a"]));
    const names = await view.list("");
    barrier.answeredList(tx);
    view.put("b", value);
    expect(names).toEqual(["a"]);
    expect(tx.dirty).toBe(true);
  });

  it("keep a transaction that listed from writing", async () => {
    const { tx, view } = begin(await storeOf(["a"]));
    await view.list("");
    expect(() => view.put("b", value)).toThrow("does not write");
    expect(() => view.delete("a")).toThrow("does not write");
    expect(() => barrier.rows(tx, "x").put(fence, value)).toThrow("does not write");
  });

  it("keep a transaction that wrote from listing", async () => {
    const { view } = begin();
    view.put("a", value);
    await expect(view.list("")).rejects.toThrow("only behind a fence");
  });

  it("let it list and write when the owner's row is there, and guard that row", async () => {
    const store = await storeOf(["a", "b"]);
    await runTransaction(store, (tx) => barrier.rows(tx, "owner").put(fence, value), {
      mode: "write",
      deadlineMs: 1000,
    });
    const { tx, view } = begin(store);
    for (const name of await view.list("", { fence })) view.delete(name);
    const { guards, mutations } = tx.draft();
    expect(guards).toEqual([{ kind: "point", key: fence, revision: expect.objectContaining({ position: 0 }) }]);
    expect(mutations.map(({ kind }) => kind)).toEqual(["delete", "delete"]);
  });

  it("are refused when the owner's row is missing", async () => {
    await expect(begin().view.list("", { fence })).rejects.toThrow("fences");
  });
});

describe("decoded rows", () => {
  /** Keeps what it is given, and shows it to everybody. */
  function rows(): DecodedRows & { readonly kept: Map<string, DecodedRow> } {
    const kept = new Map<string, DecodedRow>();
    return { kept, get: (key) => kept.get(key), fill: (key, _, row) => void kept.set(key, row) };
  }

  function decoding() {
    const seen: string[] = [];
    const decode = (bytes: Uint8Array): { readonly text: string } => {
      seen.push(fromUtf8(bytes));
      return { text: fromUtf8(bytes) };
    };
    return { seen, decode };
  }

  it("are opened once, and guarded each time", async () => {
    const store = await storeOf(["a"]);
    const cache = rows();
    const { seen, decode } = decoding();
    const drafts = [1, 2].map(() => {
      const tx = new Transaction(store.localSnapshot());
      const view = barrier.view(tx, TEST_SCOPE, cache);
      expect(view.decoded("a", decode)).toEqual({ text: "a" });
      expect(view.decoded("none", decode)).toBeUndefined();
      view.put("a", value);
      return tx.draft();
    });
    expect(seen).toEqual(["a"]);
    expect(cache.kept.size).toBe(2);
    expect(drafts[1]?.guards).toEqual(drafts[0]?.guards);
    expect(drafts[1]?.guards.map(({ kind }) => kind).toSorted()).toEqual(["absent", "point"]);
  });

  it("are not those that the transaction wrote itself", async () => {
    const cache = rows();
    const { decode } = decoding();
    const view = barrier.view(new Transaction((await storeOf(["a"])).localSnapshot()), TEST_SCOPE, cache);
    view.put("a", utf8("mine"));
    expect(view.decoded("a", decode)).toEqual({ text: "mine" });
    expect(cache.kept.size).toBe(0);
  });

  it("are not kept when they are large", async () => {
    const store = new MemoryStore();
    const large = new Uint8Array(MAX_DECODED_BYTES);
    const put = (tx: Transaction): void => barrier.view(tx, TEST_SCOPE).put("large", large);
    await runTransaction(store, put, { mode: "write", deadlineMs: 1000 });
    const cache = rows();
    const view = barrier.view(new Transaction(store.localSnapshot()), TEST_SCOPE, cache);
    expect(view.decoded("large", (bytes) => bytes.length)).toBe(large.length);
    expect(cache.kept.size).toBe(0);
  });

  it("are shown to nobody once the barrier is sealed", async () => {
    const { barrier: own } = openTestBarrier(2);
    const store = new MemoryStore();
    const put = (tx: Transaction): void => own.view(tx, TEST_SCOPE).put("a", value);
    await runTransaction(store, put, { mode: "write", deadlineMs: 1000 });
    const cache = rows();
    const view = (): BarrierView => own.view(new Transaction(store.localSnapshot()), TEST_SCOPE, cache);
    view().decoded("a", fromUtf8);
    own.seal();
    expect(() => view().decoded("a", fromUtf8)).toThrow("sealed");
  });
});
