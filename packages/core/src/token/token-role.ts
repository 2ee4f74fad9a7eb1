/** Token roles: what tokens that are made by a role's name may be. One sealed row each, among the server's own. */
import type { Barrier, BarrierView } from "@strongroom/barrier";
import { assert, fromUtf8, utf8 } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import { SYSTEM_SCOPE } from "../system-scope.ts";

export interface TokenRole {
  readonly allowedPolicies: readonly string[];
  readonly disallowedPolicies: readonly string[];
  /** With a * at the end, or anywhere. */
  readonly allowedPoliciesGlob: readonly string[];
  readonly disallowedPoliciesGlob: readonly string[];
  readonly orphan: boolean;
  readonly renewable: boolean;
  /** Put behind the path of tokens that the role makes. */
  readonly pathSuffix: string;
  readonly allowedEntityAliases: readonly string[];
  /** Seconds; 0: none. */
  readonly periodSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly boundCidrs: readonly string[];
  readonly noDefaultPolicy: boolean;
  /** 0: any number. */
  readonly numUses: number;
  readonly tokenType: "service" | "batch" | "default-service" | "default-batch";
}

export const NEW_ROLE: TokenRole = {
  allowedPolicies: [],
  disallowedPolicies: [],
  allowedPoliciesGlob: [],
  disallowedPoliciesGlob: [],
  orphan: false,
  renewable: true,
  pathSuffix: "",
  allowedEntityAliases: [],
  periodSeconds: 0,
  explicitMaxTtlSeconds: 0,
  boundCidrs: [],
  noDefaultPolicy: false,
  numUses: 0,
  tokenType: "default-service",
};

const DIRECTORY = "core/token-roles/";
const VERSION = 1;

export class TokenRoles {
  readonly #barrier: Barrier;

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** Guarded. */
  get(tx: Transaction, name: string): TokenRole | undefined {
    const bytes = this.#view(tx).get(DIRECTORY + name);
    if (bytes === undefined) return undefined;
    // The bytes come out of the barrier, so they are what some version of this program wrote.
    const { version, ...role } = JSON.parse(fromUtf8(bytes)) as TokenRole & { version: number };
    assert(version === VERSION, `a token role has version ${version}, this program knows ${VERSION}`);
    return role;
  }

  put(tx: Transaction, name: string, role: TokenRole): void {
    this.#view(tx).put(DIRECTORY + name, utf8(JSON.stringify({ version: VERSION, ...role })));
  }

  delete(tx: Transaction, name: string): void {
    this.#view(tx).delete(DIRECTORY + name);
  }

  list(tx: Transaction): Promise<readonly string[]> {
    return this.#view(tx).list(DIRECTORY);
  }

  #view(tx: Transaction): BarrierView {
    return this.#barrier.view(tx, SYSTEM_SCOPE);
  }
}
