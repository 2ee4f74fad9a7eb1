/** Whether a bearer may: first by the path, then, where a rule restricts parameters, by what the request says. */
import type { JsonObject, Operation } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import { PermissionDeniedError } from "../errors.ts";
import type { Acl, AclQuery, Decision } from "../policy/index.ts";
import type { PolicyStore } from "../policy/policy-store.ts";
import type { CoreRequest } from "../request.ts";
import type { Bearer } from "../token/authenticator.ts";
import type { Mode } from "../token/token-store.ts";

export class Authorization {
  readonly #acl: Acl;
  readonly #query: AclQuery;
  readonly #decision: Decision;

  private constructor(acl: Acl, query: AclQuery, decision: Decision) {
    this.#acl = acl;
    this.#query = query;
    this.#decision = decision;
  }

  /** By the path alone. Throws `PermissionDeniedError`. */
  static byPath(
    policies: PolicyStore,
    tx: Transaction,
    asked: {
      readonly bearer: Bearer;
      readonly request: CoreRequest;
      readonly operation: Operation;
      readonly sudo: boolean;
      readonly mode: Mode;
    },
  ): Authorization {
    const { bearer, request, operation, sudo, mode } = asked;
    const acl = policies.aclOf(tx, bearer.entry, mode);
    const wrap = request.wrapTtlSeconds;
    const query: AclQuery = {
      path: request.path,
      operation,
      sudo,
      ...(wrap === undefined ? undefined : { wrapTtlSeconds: wrap }),
    };
    const decision = acl.check(query);
    if (decision.outcome === "denied") throw denied();
    return new Authorization(acl, query, decision);
  }

  get grantedBy(): readonly string[] {
    return this.#decision.grantingPolicies;
  }

  /** Whether the bearer has the sudo capability, or root's, on the path. */
  get sudo(): boolean {
    return this.#decision.sudo;
  }

  /** By the body of a write, by the query of a read. Throws `PermissionDeniedError`. */
  checkParameters(parameters: JsonObject | CoreRequest["query"] | undefined): void {
    if (this.#decision.outcome !== "parameters") return;
    if (this.#acl.checkParameters(this.#query, parameters).outcome !== "allowed") throw denied();
  }
}

/** Vault's words, by which scripts know it. */
function denied(): PermissionDeniedError {
  return new PermissionDeniedError("1 error occurred:\n\t* permission denied\n\n");
}
