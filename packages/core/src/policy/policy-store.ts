/**
 * The policies of the cluster: one sealed row each, among the server's own. They are read by every request and changed by
 * few, so what they add up to is kept, by the set of names and by the values that templates took from the identity; each
 * change bumps the epoch, which drops all of it on every node. No time is involved.
 */
import type { Barrier, BarrierView } from "@strongroom/barrier";
import { LogicalError } from "@strongroom/logical";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";
import type { Invalidation, Revision, Transaction } from "@strongroom/storage";
import { StateCache } from "../state-cache.ts";
import { bumpEpoch, changesEpoch, SYSTEM_SCOPE } from "../system-scope.ts";
import type { TokenEntry } from "../token/token-entry.ts";
import { type CompiledAcl, compileAcl } from "./acl.ts";
import { BUILT_IN_POLICIES, DEFAULT_POLICY, isImmutablePolicy } from "./built-in-policies.ts";
import { parsePolicy } from "./parse-policy.ts";
import type { Policy } from "./policy.ts";
import { policyNameOf } from "./policy-name.ts";
import { resolveSelector, type TemplateSelector } from "./template.ts";
import { NO_IDENTITY, type TemplateContext } from "./template-context.ts";

const DIRECTORY = "core/policies/acl";
const VERSION = 1;
/** Sets of policies, and sets together with the values of their templates: bounded, whatever clients do. */
const CACHED_SETS = 1_000;
const CACHED_ACLS = 2_000;

interface StoredPolicy {
  readonly version: number;
  readonly text: string;
}

interface PolicySet {
  readonly policies: readonly Policy[];
  /** Each template that they have, once. */
  readonly selectors: readonly TemplateSelector[];
  readonly epoch: Revision;
}

export class PolicyStore {
  readonly #barrier: Barrier;
  readonly #sets = new StateCache<PolicySet>(CACHED_SETS);
  readonly #acls = new StateCache<CompiledAcl>(CACHED_ACLS);

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /**
   * What the token may do. A transaction that may write fails at its commit if a policy has changed. Policies that are not
   * there count for nothing. Throws `MixedRootPolicyError`.
   */
  aclOf(tx: Transaction, token: Pick<TokenEntry, "policies">, mode: "read" | "write"): CompiledAcl {
    return this.acl(tx, token.policies, NO_IDENTITY, mode);
  }

  /** As `aclOf`, for any set of names and any identity. */
  acl(tx: Transaction, names: readonly string[], identity: TemplateContext, mode: "read" | "write"): CompiledAcl {
    const setKey = keyOf(names);
    const set = this.#set(tx, setKey, names);
    if (mode === "write") tx.guardEpoch(set.epoch);
    const values = set.selectors.map((selector) => resolveSelector(selector, identity) ?? null);
    const key = values.length === 0 ? setKey : `${setKey}\n${JSON.stringify(values)}`;
    let acl = this.#acls.get(key, tx.appliedIndex);
    if (acl === undefined) {
      acl = compileAcl(set.policies, identity);
      // What a transaction sees of its own writes is not the state yet.
      if (!tx.dirty) this.#acls.fill(key, tx.appliedIndex, acl);
    }
    return acl;
  }

  /** `name` in its one form; stored or built in. */
  get(tx: Transaction, name: string): Policy | undefined {
    const bytes = policyNameOf(name) === name ? this.#view(tx).get(pathOf(name)) : undefined;
    if (bytes === undefined) return BUILT_IN_POLICIES.get(name);
    // The bytes come out of the barrier, so they are what some version of this program wrote.
    const { version, text } = JSON.parse(fromUtf8(bytes)) as StoredPolicy;
    assert(version === VERSION, `a policy's row has version ${version}, this program knows ${VERSION}`);
    return parsePolicy(name, text);
  }

  /** All names but those that no token may be given, in order; `root` is last, as Vault lists it. */
  async list(tx: Transaction): Promise<readonly string[]> {
    const stored = await this.#view(tx).list(`${DIRECTORY}/`);
    const names = new Set([DEFAULT_POLICY, ...stored.map((segment) => segment.replaceAll("%", "/"))]);
    return [...[...names].sort(), "root"];
  }

  /** `name` in its one form. Throws `PolicyParseError`, and `LogicalError` for a policy that cannot be changed. */
  put(tx: Transaction, name: string, text: string): void {
    if (isImmutablePolicy(name))
      throw new LogicalError("invalid_request", `cannot update ${JSON.stringify(name)} policy`);
    parsePolicy(name, text);
    const stored: StoredPolicy = { version: VERSION, text };
    this.#view(tx).put(pathOf(name), utf8(JSON.stringify(stored)));
    bumpEpoch(tx);
  }

  /** Deleting what is not there is no error. Throws `LogicalError` for a policy that cannot be deleted. */
  delete(tx: Transaction, name: string): void {
    if (BUILT_IN_POLICIES.has(name)) {
      const shown = name === DEFAULT_POLICY ? name : JSON.stringify(name);
      throw new LogicalError("invalid_request", `cannot delete ${shown} policy`);
    }
    const view = this.#view(tx);
    if (!view.exists(pathOf(name))) return;
    view.delete(pathOf(name));
    bumpEpoch(tx);
  }

  onInvalidation(event: Invalidation): void {
    if (!changesEpoch(event)) return;
    this.#sets.clear(event.index);
    this.#acls.clear(event.index);
  }

  #set(tx: Transaction, key: string, names: readonly string[]): PolicySet {
    let set = this.#sets.get(key, tx.appliedIndex);
    if (set !== undefined) return set;
    const policies = [...new Set(names)].flatMap((name) => this.get(tx, name) ?? []);
    set = { policies, selectors: selectorsOf(policies), epoch: tx.epochRevision() };
    if (!tx.dirty) this.#sets.fill(key, tx.appliedIndex, set);
    return set;
  }

  #view(tx: Transaction): BarrierView {
    return this.#barrier.view(tx, SYSTEM_SCOPE);
  }
}

/** One key for one set of names. Names come from tokens and may be anything, so they are quoted. */
function keyOf(names: readonly string[]): string {
  let key = keys.get(names);
  if (key === undefined) {
    key = JSON.stringify([...new Set(names)].sort());
    keys.set(names, key);
  }
  return key;
}

/** By the array, which the token's entry keeps as one object and nobody changes. */
const keys = new WeakMap<readonly string[], string>();

/** One segment, whatever the name: no name has a %. */
function pathOf(name: string): string {
  return `${DIRECTORY}/${name.replaceAll("/", "%")}`;
}

function selectorsOf(policies: readonly Policy[]): readonly TemplateSelector[] {
  const byText = new Map<string, TemplateSelector>();
  for (const { rules } of policies) {
    for (const part of rules.flatMap(({ template }) => template)) {
      if (typeof part !== "string") byText.set(part.text, part);
    }
  }
  return [...byText.values()];
}
