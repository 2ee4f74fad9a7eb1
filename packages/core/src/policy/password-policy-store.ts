/** The password policies of the cluster: one sealed row each. Read when a password is made, so nothing is kept in memory. */
import type { Barrier, BarrierView } from "@strongroom/barrier";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import type { Transaction } from "@strongroom/storage";
import { SYSTEM_SCOPE } from "../system-scope.ts";
import { parsePasswordPolicy } from "./password-policy.ts";

const DIRECTORY = "core/policies/password";
const VERSION = 1;

interface StoredPasswordPolicy {
  readonly version: number;
  readonly text: string;
}

export class PasswordPolicyStore {
  readonly #barrier: Barrier;

  constructor(barrier: Barrier) {
    this.#barrier = barrier;
  }

  /** The text, as it was written. Names are in their one form, and of one segment. */
  get(tx: Transaction, name: string): string | undefined {
    const bytes = this.#view(tx).get(pathOf(name));
    return bytes === undefined ? undefined : (JSON.parse(fromUtf8(bytes)) as StoredPasswordPolicy).text;
  }

  /** In order. */
  list(tx: Transaction): Promise<readonly string[]> {
    return this.#view(tx).list(`${DIRECTORY}/`);
  }

  /** Throws `PasswordPolicyError`. */
  put(tx: Transaction, name: string, text: string): void {
    parsePasswordPolicy(text);
    const stored: StoredPasswordPolicy = { version: VERSION, text };
    this.#view(tx).put(pathOf(name), utf8(JSON.stringify(stored)));
  }

  /** Deleting what is not there is no error. */
  delete(tx: Transaction, name: string): void {
    this.#view(tx).delete(pathOf(name));
  }

  #view(tx: Transaction): BarrierView {
    return this.#barrier.view(tx, SYSTEM_SCOPE);
  }
}

function pathOf(name: string): string {
  return `${DIRECTORY}/${name}`;
}
