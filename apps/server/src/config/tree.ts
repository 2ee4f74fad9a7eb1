/** What a configuration file says, before anybody knows what it means: HCL and JSON both end in this tree. */
import { StrongroomError } from "@strongroom/runtime";

/** Both from 1, counted in lines and UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type ConfigNode =
  | { readonly kind: "string"; readonly value: string; readonly at: Position }
  | { readonly kind: "number"; readonly value: number; readonly at: Position }
  | { readonly kind: "boolean"; readonly value: boolean; readonly at: Position }
  | { readonly kind: "list"; readonly items: readonly ConfigNode[]; readonly at: Position }
  | ConfigObject;

/** Entries in the order of the file; a key may come again, as blocks do. A block's labels are objects around its body. */
export interface ConfigObject {
  readonly kind: "object";
  readonly entries: readonly ConfigEntry[];
  readonly at: Position;
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: ConfigNode;
  readonly at: Position;
}

/** The file does not say what a configuration can say; the message names the place. */
export class ConfigError extends StrongroomError {
  readonly code = "bad_configuration";
  readonly at: Position | undefined;

  constructor(message: string, at?: Position) {
    super(at === undefined ? message : `line ${at.line}, column ${at.column}: ${message}`);
    this.at = at;
  }
}
