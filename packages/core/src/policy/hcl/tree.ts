/** What an HCL or JSON text says, before anybody knows what it means: both end in this tree. */
import { StrongroomError } from "@strongroom/runtime";

/** Both from 1, counted in lines and UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type HclNode =
  | { readonly kind: "string"; readonly value: string; readonly at: Position }
  | { readonly kind: "number"; readonly value: number; readonly at: Position }
  | { readonly kind: "boolean"; readonly value: boolean; readonly at: Position }
  | { readonly kind: "list"; readonly items: readonly HclNode[]; readonly at: Position }
  | HclObject;

/** Entries in the order of the text; a key may come again, as blocks do. A block's labels are objects around its body. */
export interface HclObject {
  readonly kind: "object";
  readonly entries: readonly HclEntry[];
  readonly at: Position;
}

export interface HclEntry {
  readonly key: string;
  readonly value: HclNode;
  readonly at: Position;
}

/** The text is neither HCL nor JSON; the message begins with the place. */
export class HclError extends StrongroomError {
  readonly code = "malformed_hcl";
  readonly at: Position;
  /** Without the place. */
  readonly problem: string;

  constructor(problem: string, at: Position) {
    super(`line ${at.line}, column ${at.column}: ${problem}`);
    this.problem = problem;
    this.at = at;
  }
}
