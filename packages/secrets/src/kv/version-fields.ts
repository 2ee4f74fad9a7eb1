/** Fields that name versions. */
import { LogicalError } from "@strongroom/logical";

export const VERSION_FIELD: { readonly type: "int"; readonly description: string } = {
  type: "int",
  description: "The version to read; the current one if 0 or absent.",
};

export const VERSIONS_FIELD: { readonly type: "comma-int-slice"; readonly description: string } = {
  type: "comma-int-slice",
  description: "The numbers of the versions.",
};

/** 0: the current one. */
export function wantedVersion(given: number | undefined): number {
  if (given !== undefined && given < 0) throw new LogicalError("invalid_request", "version cannot be negative");
  return given ?? 0;
}

/** Each named version once. `missing` is what to say when there is none. */
export function namedVersions(given: readonly number[] | undefined, missing: string): ReadonlySet<number> {
  if (given === undefined || given.length === 0) throw new LogicalError("invalid_request", missing);
  return new Set(given);
}
