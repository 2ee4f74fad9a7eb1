/**
 * Takes one object of a configuration tree apart: each known key is asked for once, with its type, and `finish` then names
 * what nobody asked for. A misspelt key stops the start instead of being overlooked.
 */
import type { HclEntry, HclNode, HclObject, Position } from "@strongroom/core/hcl";
import { ConfigError } from "./config-error.ts";

export interface Block {
  readonly label: string;
  readonly body: HclObject;
  readonly at: Position;
}

export class ObjectReader {
  readonly #where: string;
  readonly #entries = new Map<string, HclEntry[]>();
  readonly #warnings: string[];

  /** `where` stands in messages: `listener "tcp"`. Warnings are added to `warnings`. */
  constructor(object: HclObject, where: string, warnings: string[]) {
    this.#where = where;
    this.#warnings = warnings;
    for (const entry of object.entries) {
      const same = this.#entries.get(entry.key);
      if (same === undefined) this.#entries.set(entry.key, [entry]);
      else same.push(entry);
    }
  }

  string(key: string): string | undefined {
    const node = this.#scalar(key);
    if (node === undefined) return undefined;
    if (node.kind === "number") return String(node.value);
    if (node.kind !== "string") throw new ConfigError(`${key} must be a string`, node.at);
    return node.value;
  }

  boolean(key: string): boolean | undefined {
    const node = this.#scalar(key);
    if (node === undefined) return undefined;
    if (node.kind === "boolean") return node.value;
    const text = node.kind === "string" || node.kind === "number" ? String(node.value) : "";
    if (["true", "1", "t"].includes(text.toLowerCase())) return true;
    if (["false", "0", "f"].includes(text.toLowerCase())) return false;
    throw new ConfigError(`${key} must be true or false`, node.at);
  }

  /** A whole number within `min` and `max`, or its decimal string. */
  integer(key: string, min: number, max: number): number | undefined {
    const node = this.#scalar(key);
    if (node === undefined) return undefined;
    const value =
      node.kind === "number"
        ? node.value
        : node.kind === "string" && /^-?\d{1,15}$/.test(node.value)
          ? Number(node.value)
          : Number.NaN;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new ConfigError(`${key} must be a whole number from ${min} to ${max}`, node.at);
    }
    return value;
  }

  /** In milliseconds: a number of seconds, or a Go duration such as "90s", "1h30m", "30d". */
  durationMs(key: string): number | undefined {
    const node = this.#scalar(key);
    if (node === undefined) return undefined;
    const value =
      node.kind === "number" ? node.value * 1000 : node.kind === "string" ? parseDurationMs(node.value) : undefined;
    if (value === undefined || value < 0) {
      throw new ConfigError(`${key} must be a duration such as "90s" or "1h"`, node.at);
    }
    return value;
  }

  /** A list of strings. */
  strings(key: string): readonly string[] | undefined {
    const node = this.#scalar(key);
    if (node === undefined) return undefined;
    if (node.kind !== "list") throw new ConfigError(`${key} must be a list of strings`, node.at);
    return node.items.map((item) => {
      if (item.kind !== "string") throw new ConfigError(`${key} must be a list of strings`, item.at);
      return item.value;
    });
  }

  /** String values of an object, in order. */
  stringMap(key: string): ReadonlyMap<string, string> | undefined {
    const entries = this.#take(key);
    if (entries.length === 0) return undefined;
    const map = new Map<string, string>();
    for (const { value, at } of entries) {
      if (value.kind !== "object") throw new ConfigError(`${key} must be an object`, at);
      for (const item of value.entries) {
        if (item.value.kind !== "string") throw new ConfigError(`${key}.${item.key} must be a string`, item.at);
        map.set(item.key, item.value.value);
      }
    }
    return map;
  }

  /** `key "label" { … }`, each in the order of the file. */
  blocks(key: string): readonly Block[] {
    const blocks: Block[] = [];
    for (const { value, at } of this.#take(key)) {
      for (const labelled of objectsOf(value, key)) {
        if (labelled.entries.length === 0) throw new ConfigError(`${key} needs a type: ${key} "…" { … }`, at);
        for (const entry of labelled.entries) {
          for (const body of objectsOf(entry.value, `${key} ${JSON.stringify(entry.key)}`)) {
            blocks.push({ label: entry.key, body, at: entry.at });
          }
        }
      }
    }
    return blocks;
  }

  /** `key { … }`, without a label. */
  sections(key: string): readonly HclObject[] {
    return this.#take(key).flatMap(({ value }) => objectsOf(value, key));
  }

  /** Keys that Vault knows and that mean nothing here: named once, then ignored. */
  ignore(keys: readonly string[]): void {
    for (const key of keys) {
      const [entry] = this.#take(key);
      if (entry === undefined) continue;
      this.#warnings.push(`line ${entry.at.line}: ${key} in ${this.#where} has no effect here`);
    }
  }

  /** Throws for keys that were not asked for. */
  finish(): void {
    for (const [key, [entry]] of this.#entries) {
      throw new ConfigError(`${this.#where} has no key ${JSON.stringify(key)}`, entry?.at);
    }
  }

  #scalar(key: string): HclNode | undefined {
    const entries = this.#take(key);
    const [, second] = entries;
    if (second !== undefined) throw new ConfigError(`${key} is given twice`, second.at);
    return entries[0]?.value;
  }

  #take(key: string): readonly HclEntry[] {
    const entries = this.#entries.get(key) ?? [];
    this.#entries.delete(key);
    return entries;
  }
}

function objectsOf(node: HclNode, what: string): readonly HclObject[] {
  if (node.kind === "object") return [node];
  if (node.kind !== "list") throw new ConfigError(`${what} must be a block`, node.at);
  return node.items.flatMap((item) => objectsOf(item, what));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function parseDurationMs(text: string): number | undefined {
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1000;
  if (!/^(?:\d{1,12}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return total;
}
