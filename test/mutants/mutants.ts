/** All mutants, by name. */

import { CORE_MUTANTS } from "./core-mutants.ts";
import { DRIVER_MUTANTS } from "./driver-mutants.ts";
import type { Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [...CORE_MUTANTS, ...DRIVER_MUTANTS];

/** The mutant that this process is to load, as `MUTANT_VARIABLE` names it; undefined where the variable is not set. */
export function chosenMutant(): Mutant | undefined {
  const name = process.env[MUTANT_VARIABLE];
  if (name === undefined) return undefined;
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  return mutant;
}

export const MUTANT_VARIABLE = "STRONGROOM_MUTANT";
