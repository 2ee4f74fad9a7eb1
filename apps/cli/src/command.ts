/** What a command is, what it is given, and how it fails. */
import { StrongroomError } from "@strongroom/runtime";
import type { FlagDeclarations, FlagValues } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** Vault's: 0 all is well, 1 the fault is here, 2 the server refused, failed or is sealed. */
export const EXIT = { ok: 0, local: 1, remote: 2 } as const;

export interface Context {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

interface Invocation<Flags extends FlagDeclarations> {
  readonly flags: FlagValues<Flags>;
  readonly positional: readonly string[];
}

export interface Command<Flags extends FlagDeclarations = FlagDeclarations> {
  /** What stands behind the command's name: `[options] PATH [K=V…]`. */
  readonly usage: string;
  /** A paragraph, then examples. */
  readonly description: string;
  readonly flags: Flags;
  /** How many positional arguments it takes. */
  readonly positional: { readonly min: number; readonly max: number };
  /** Returns the exit code. */
  run(context: Context, invocation: Invocation<Flags>): Promise<number>;
}

/** Keeps the flags' types between a command's declaration and its `run`. */
export function defineCommand<const Flags extends FlagDeclarations>(command: Command<Flags>): Command {
  return command as unknown as Command;
}

/** The fault is in how the command was called, or on this machine: exit code 1. */
export class LocalError extends StrongroomError {
  readonly code = "local";
}
