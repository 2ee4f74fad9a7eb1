/** Any sequence of requests against a model so plain that it can be checked by eye; and values against their own bytes. */

import { parseJson } from "@strongroom/logical";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KvMount } from "./testing/kv-mount.ts";

interface ModelVersion {
  value: number;
  deletedMs: number;
  destroyed: boolean;
}

interface ModelSecret {
  current: number;
  maxVersions: number;
  versions: Map<number, ModelVersion>;
}

class Model {
  readonly secrets = new Map<string, ModelSecret>();
  maxVersions = 0;
  deleteAfterSeconds = 0;
  nowMs = 0;

  /** The status of the answer. */
  put(key: string, value: number, cas: number | undefined): number {
    const secret = this.secrets.get(key) ?? { current: 0, maxVersions: 0, versions: new Map() };
    if (cas !== undefined && cas !== secret.current) return 400;
    this.secrets.set(key, secret);
    secret.current++;
    secret.versions.set(secret.current, { value, deletedMs: this.#deletion(), destroyed: false });
    const kept = Math.max(this.maxVersions, secret.maxVersions) || 10;
    for (const number of secret.versions.keys()) if (number <= secret.current - kept) secret.versions.delete(number);
    return 200;
  }

  setMax(key: string, maxVersions: number): void {
    const secret = this.secrets.get(key) ?? { current: 0, maxVersions: 0, versions: new Map() };
    this.secrets.set(key, { ...secret, maxVersions });
  }

  delete(key: string, numbers: readonly number[]): void {
    for (const version of this.#named(key, numbers)) {
      if (!version.destroyed && !this.#isDeleted(version)) version.deletedMs = this.nowMs;
    }
  }

  undelete(key: string, numbers: readonly number[]): void {
    for (const version of this.#named(key, numbers)) if (!version.destroyed) version.deletedMs = this.#deletion();
  }

  destroy(key: string, numbers: readonly number[]): void {
    for (const version of this.#named(key, numbers)) version.destroyed = true;
  }

  /** The value, "gone" (deleted or destroyed) or "never". */
  get(key: string, number: number): number | "gone" | "never" {
    const secret = this.secrets.get(key);
    const version = secret?.versions.get(number === 0 ? secret.current : number);
    if (version === undefined) return "never";
    return version.destroyed || this.#isDeleted(version) ? "gone" : version.value;
  }

  #named(key: string, numbers: readonly number[]): ModelVersion[] {
    return numbers.flatMap((number) => this.secrets.get(key)?.versions.get(number) ?? []);
  }

  #isDeleted(version: ModelVersion): boolean {
    return version.deletedMs !== 0 && version.deletedMs <= this.nowMs;
  }

  #deletion(): number {
    return this.deleteAfterSeconds === 0 ? 0 : this.nowMs + this.deleteAfterSeconds * 1000;
  }
}

const KEYS = ["a", "a/b", "a/1"] as const;
const key = fc.constantFrom(...KEYS);
const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 3 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("put" as const), key, cas: fc.option(fc.nat(4), { nil: undefined }) }),
  },
  fc.record({ do: fc.constantFrom("delete" as const, "undelete" as const, "destroy" as const), key, numbers }),
  fc.record({ do: fc.constant("delete-current" as const), key }),
  fc.record({ do: fc.constant("remove" as const), key }),
  fc.record({ do: fc.constant("key-max" as const), key, max: fc.nat(4) }),
  fc.record({ do: fc.constant("config" as const), max: fc.nat(4), deleteAfterSeconds: fc.constantFrom(0, 2) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(3000) }),
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function run(mount: KvMount, model: Model, action: Step, serial: number): Promise<void> {
  switch (action.do) {
    case "put": {
      const options = action.cas === undefined ? {} : { options: { cas: action.cas } };
      const { status } = await mount.ask(`POST data/${action.key}`, { ...options, data: { value: serial } });
      expect(status).toBe(model.put(action.key, serial, action.cas));
      return;
    }
    case "delete":
    case "undelete":
    case "destroy":
      await mount.ask(`POST ${action.do}/${action.key}`, { versions: action.numbers });
      model[action.do](action.key, action.numbers);
      return;
    case "delete-current":
      await mount.ask(`DELETE data/${action.key}`);
      model.delete(action.key, [model.secrets.get(action.key)?.current ?? 0]);
      return;
    case "remove":
      await mount.ask(`DELETE metadata/${action.key}`);
      model.secrets.delete(action.key);
      return;
    case "key-max":
      await mount.ask(`POST metadata/${action.key}`, { max_versions: action.max });
      model.setMax(action.key, action.max);
      return;
    case "config":
      await mount.ask("POST config", { max_versions: action.max, delete_version_after: action.deleteAfterSeconds });
      model.maxVersions = action.max;
      model.deleteAfterSeconds = action.deleteAfterSeconds;
      return;
    case "wait":
      mount.nowMs += action.ms;
      model.nowMs = mount.nowMs;
  }
}

async function compare(mount: KvMount, model: Model): Promise<void> {
  for (const name of KEYS) {
    for (let number = 0; number <= 12; number++) {
      const { status, text } = await mount.ask(`GET data/${name}`, undefined, { version: String(number) });
      const value = text === "" ? undefined : (JSON.parse(text) as { data: { value: number } | null }).data;
      const seen = status === 200 ? value?.value : value === null ? "gone" : "never";
      expect(seen, `${name} version ${number}`).toBe(model.get(name, number));
    }
  }
  // Storage holds what the model holds, and nothing besides.
  const live = [...model.secrets].flatMap(([name, { versions }]) =>
    [...versions].flatMap(([number, { destroyed }]) => (destroyed ? [] : [`versions/${name}/${number}`])),
  );
  const rows = [...mount.storage.rows.keys()].filter((path) => path.startsWith("versions/"));
  expect(rows.sort()).toEqual(live.sort());
}

describe("a kv mount", () => {
  it("does what the model does", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const mount = new KvMount();
        const model = new Model();
        model.nowMs = mount.nowMs;
        for (const [serial, action] of steps.entries()) {
          await run(mount, model, action, serial);
        }
        await compare(mount, model);
      }),
      { numRuns: 150 },
    );
  });

  it("never throws away more rows than one command may", async () => {
    const mount = new KvMount();
    await mount.ask("POST config", { max_versions: 4000 });
    for (let i = 0; i < 4001; i++) await mount.ask("POST data/a", '{"data":{}}');
    const before = mount.storage.rows.size;
    await mount.ask("POST config", { max_versions: 1 });
    await mount.ask("POST data/a", '{"data":{}}');
    // One put of the version, one of the metadata, and every delete.
    expect(before + 1 - mount.storage.rows.size).toBe(4000);
    expect([...mount.storage.rows.keys()].sort()).toEqual(["config", "metadata/a", "versions/a/4002"]);
  });
});

/** JSON objects in their own, unusual bytes. */
const blank = fc.constantFrom("", " ", "\n\t");
const scalar = fc.oneof(
  fc.constantFrom("9007199254740993", "1.10", "-0", "1e400", "0.1E-7", "null", "true", "[ ]", "{ }"),
  fc.constantFrom('"\\u0061\\/\\ud83d\\ude00"', '"__proto__"', '"é😀"', '"\\u0000"', '"\\u2028"', '"\u2028"'),
  fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
);
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc
      .tuple(fc.array(tie("tree"), { maxLength: 3 }), blank)
      .map(([items, space]) => `[${items.join(`${space},${space}`)}]`),
    object(tie("tree")),
  ),
}));

function object(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const name = fc.constantFrom("a", "b", "__proto__", "constructor", "toString", "2", "1", "\\u0063", "é", "");
  return fc
    .tuple(fc.uniqueArray(fc.tuple(name, value), { selector: ([n]) => n, maxLength: 4 }), blank)
    .map(
      ([members, space]) =>
        `{${space}${members.map(([n, v]) => `"${n}"${space}:${space}${v}`).join(`,${space}`)}${space}}`,
    );
}

describe("a secret's value", () => {
  it("comes back byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(object(tree), async (json) => {
        const mount = new KvMount();
        await mount.ask("POST data/a", `{"data":${json}}`);
        const { text } = await mount.ask("GET data/a");
        const data = parseJson(utf8(text)).object()?.get("data");
        expect(data && fromUtf8(data.bytes())).toBe(json);
      }),
    );
  });

  it("keeps under a patch the bytes that the patch does not name", async () => {
    await fc.assert(
      fc.asyncProperty(tree, object(tree), async (untouched, patch) => {
        const mount = new KvMount();
        await mount.ask("POST data/a", `{"data":{"untouched":${untouched},"a":{"deep":${untouched}}}}`);
        await mount.ask("PATCH data/a", `{"data":{"other":${patch},"a":{"x":1.0}}}`);
        const data = parseJson(utf8((await mount.ask("GET data/a")).text))
          .object()
          ?.get("data");
        const seen = [data?.get("untouched"), data?.get("a")?.get("deep"), data?.get("a")?.get("x")];
        expect(seen.map((node) => node && fromUtf8(node.bytes()))).toEqual([untouched, untouched, "1.0"]);
      }),
    );
  });
});
