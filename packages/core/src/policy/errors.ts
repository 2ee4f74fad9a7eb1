/** What is wrong with the text of a policy, and with a set of policies. */
import { StrongroomError } from "@strongroom/runtime";
import type { Position } from "./hcl/tree.ts";

/** The text is no policy. The message begins with the place; `problem` is the sentence without it. */
export class PolicyParseError extends StrongroomError {
  readonly code = "invalid_policy";
  readonly at: Position;
  readonly problem: string;

  constructor(problem: string, at: Position) {
    super(`failed to parse policy: line ${at.line}, column ${at.column}: ${problem}`);
    this.problem = problem;
    this.at = at;
  }
}

/** Root is everything or nothing: beside other policies it counts for nothing, and the request is refused. */
export class MixedRootPolicyError extends StrongroomError {
  readonly code = "mixed_root_policy";

  constructor() {
    super("other policies stand beside root: a token has the root policy alone");
  }
}
