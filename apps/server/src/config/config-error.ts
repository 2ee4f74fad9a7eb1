/** What stops a server before it starts: the configuration does not say what a configuration can say. */
import { HclError, type HclObject, type Position, parseHcl } from "@strongroom/core/hcl";
import { StrongroomError } from "@strongroom/runtime";

/** The message names the place, where there is one. */
export class ConfigError extends StrongroomError {
  readonly code = "bad_configuration";
  readonly at: Position | undefined;

  constructor(message: string, at?: Position) {
    super(at === undefined ? message : `line ${at.line}, column ${at.column}: ${message}`);
    this.at = at;
  }
}

/** HCL or JSON. Throws `ConfigError`. */
export function parseConfigSource(source: string): HclObject {
  try {
    return parseHcl(source);
  } catch (error) {
    if (error instanceof HclError) throw new ConfigError(error.problem, error.at);
    throw error;
  }
}
