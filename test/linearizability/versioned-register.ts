/**
 * One secret of the KV engine, version 2, as a client sees it: a value and the count of its writes. A write may demand the
 * count that it replaces, and is told the count that it made; a read tells both. Since values are unique, a lost, repeated or
 * reordered write shows.
 */
import type { Model } from "./history.ts";

export type RegisterInput =
  | { readonly type: "read" }
  /** `cas`: the version that must be current; 0: none yet; undefined: any. */
  | { readonly type: "write"; readonly value: string; readonly cas: number | undefined };

export type RegisterOutput =
  /** Version 0 has no value. */
  | { readonly type: "read"; readonly version: number; readonly value: string | undefined }
  | { readonly type: "written"; readonly version: number }
  | { readonly type: "mismatch" };

export interface Register {
  readonly version: number;
  readonly value: string | undefined;
}

export const versionedRegister: Model<Register, RegisterInput, RegisterOutput> = {
  initial: { version: 0, value: undefined },
  step(state, input, output) {
    if (input.type === "read") {
      if (output === undefined) return state;
      const agrees = output.type === "read" && output.version === state.version && output.value === state.value;
      return agrees ? state : undefined;
    }
    if (input.cas !== undefined && input.cas !== state.version)
      return output === undefined || output.type === "mismatch" ? state : undefined;
    const after = { version: state.version + 1, value: input.value };
    if (output === undefined) return after;
    return output.type === "written" && output.version === after.version ? after : undefined;
  },
  keyOf: ({ version, value }) => `${version} ${value ?? ""}`,
  describe(input, output) {
    const call =
      input.type === "read" ? "read" : `write ${input.value}${input.cas === undefined ? "" : ` cas=${input.cas}`}`;
    if (output === undefined) return `${call} -> unknown`;
    if (output.type === "mismatch") return `${call} -> cas mismatch`;
    return `${call} -> version ${output.version}${output.type === "read" ? ` ${output.value ?? "(none)"}` : ""}`;
  },
};
