/** A policy as it was written and parsed: rules, each with its place in the text. What they add up to is in `acl.ts`. */
import type { Position } from "./hcl/tree.ts";
import type { TemplatePart } from "./template.ts";

/** In the order in which `sys/capabilities` answers them. `root` and the answer `deny` for "nothing" are not in a policy. */
export const CAPABILITIES = [
  "create",
  "delete",
  "deny",
  "list",
  "patch",
  "read",
  "recover",
  "scan",
  "subscribe",
  "sudo",
  "update",
] as const;

/** What a rule grants. `deny` takes away all others. Nothing here asks for `scan`, `recover` or `subscribe` yet. */
export type Capability = (typeof CAPABILITIES)[number];

/** A value in a rule's list of parameters, or a member of one. */
export type ParameterValue =
  | string
  | number
  | boolean
  | readonly ParameterValue[]
  | ReadonlyMap<string, ParameterValue>;

/** Values by the parameter's name in lower case; no values: any value. `*` is every other name. */
export type ParameterValues = ReadonlyMap<string, readonly ParameterValue[]>;

/** Where a rule stands, for reasons and explanations. */
export interface RuleOrigin {
  readonly policy: string;
  /** As it was written. */
  readonly pattern: string;
  readonly at: Position;
}

/** One `path "…" { … }`. */
export interface PathRule extends RuleOrigin {
  /** Without duplicates; `deny` stands alone. */
  readonly capabilities: ReadonlySet<Capability>;
  readonly allowedParameters: ParameterValues | undefined;
  readonly deniedParameters: ParameterValues | undefined;
  /** In lower case. */
  readonly requiredParameters: readonly string[];
  /** 0: none. */
  readonly minWrappingTtlSeconds: number;
  readonly maxWrappingTtlSeconds: number;
  /** `pattern` taken apart: one literal part, unless it has templates in it. */
  readonly template: readonly TemplatePart[];
}

export interface Policy {
  readonly name: string;
  /** As it was written. */
  readonly text: string;
  readonly rules: readonly PathRule[];
}
