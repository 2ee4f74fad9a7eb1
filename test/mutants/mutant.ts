/**
 * A mutant is one wrong line in an otherwise right program: what a tired author might write. It lives here as data, a text to
 * find and a text to put in its place, and reaches the code only while a mutation run loads it; the sources know nothing
 * of it.
 */

export interface Mutant {
  /** In kebab case, and used once. */
  readonly name: string;
  /** What is wrong with it, as a rule that it breaks. */
  readonly breaks: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Test files or folders that should notice it. Where none is named, the tests beside its file's package do. */
  readonly tests?: readonly string[];
  /** A simulation that must notice it without any other help. */
  readonly simulation?: SimulationName;
}

/** Bare Raft groups, or whole replicas. */
export type SimulationName = "raft" | "replica";

/** A mutant whose text is not in its file exactly once: the code has moved on, and the mutant must follow. */
export class MutantMismatch extends Error {
  override readonly name = "MutantMismatch";
}

/** `source` with the mutant in it. Throws `MutantMismatch`. */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new MutantMismatch(`the text of mutant ${name} is ${parts.length - 1} times in ${file}, not once`);
  }
  return parts.join(replace);
}
