/**
 * Password policies: how long a generated password is, and how many characters of which sets it has at least. Vault's
 * language:
 *
 *     length = 20
 *     rule "charset" { charset = "abcdefghijklmnopqrstuvwxyz" min-chars = 1 }
 */
import type { Entropy } from "@strongroom/runtime";
import { StrongroomError } from "@strongroom/runtime";
import { type HclEntry, HclError, type HclObject, type Position } from "./hcl/index.ts";
import { parseHcl } from "./hcl/parse.ts";
import { randomBelow } from "./random-below.ts";

const LENGTHS = { min: 4, max: 100 } as const;
const MAX_CHARSET = 4_096;
const MAX_RULES = 100;

interface CharsetRule {
  /** Characters (code points), each once. */
  readonly charset: readonly string[];
  readonly minChars: number;
}

/** Satisfiable: its rules together ask for no more characters than it has. */
export interface PasswordPolicy {
  /** In characters. */
  readonly length: number;
  readonly rules: readonly CharsetRule[];
}

/** The text is no password policy, or none that a password can meet. The message begins with the place. */
export class PasswordPolicyError extends StrongroomError {
  readonly code = "invalid_policy";
  readonly at: Position;

  constructor(problem: string, at: Position) {
    super(`failed to parse password policy: line ${at.line}, column ${at.column}: ${problem}`);
    this.at = at;
  }
}

/** HCL or JSON. Throws `PasswordPolicyError`. */
export function parsePasswordPolicy(text: string): PasswordPolicy {
  const root = hclOf(text);
  let length: number | undefined;
  const rules: CharsetRule[] = [];
  for (const entry of root.entries) {
    if (entry.key === "length") {
      if (length !== undefined) throw new PasswordPolicyError("length is given twice", entry.at);
      length = integerOf(entry, LENGTHS.min, LENGTHS.max);
    } else if (entry.key === "rule") {
      for (const rule of blocksOf(entry)) rules.push(readRule(rule));
    } else {
      throw new PasswordPolicyError(
        `unknown key ${JSON.stringify(entry.key)}; there are length and rule "charset"`,
        entry.at,
      );
    }
  }
  if (length === undefined) throw new PasswordPolicyError("length is missing", root.at);
  if (rules.length === 0) throw new PasswordPolicyError('at least one rule "charset" is needed', root.at);
  if (rules.length > MAX_RULES) throw new PasswordPolicyError(`there may be ${MAX_RULES} rules`, root.at);
  const needed = rules.reduce((sum, { minChars }) => sum + minChars, 0);
  if (needed > length) {
    throw new PasswordPolicyError(
      `no password fits: the rules need ${needed} characters, length is ${length}`,
      root.at,
    );
  }
  return { length, rules };
}

/**
 * A password as its characters: for each rule its characters, the rest from all sets together, then shuffled; each draw
 * equally likely to give each of what it may give.
 */
export function generatePassword(policy: PasswordPolicy, entropy: Entropy): readonly string[] {
  const drawn: string[] = [];
  const draw = (charset: readonly string[], count: number): void => {
    for (let i = 0; i < count; i++) drawn.push(charset[randomBelow(entropy, charset.length)] as string);
  };
  for (const { charset, minChars } of policy.rules) draw(charset, minChars);
  const all = [...new Set(policy.rules.flatMap(({ charset }) => charset))];
  draw(all, policy.length - drawn.length);
  for (let i = drawn.length - 1; i > 0; i--) {
    const j = randomBelow(entropy, i + 1);
    const held = drawn[i] as string;
    drawn[i] = drawn[j] as string;
    drawn[j] = held;
  }
  return drawn;
}

function hclOf(text: string): HclObject {
  try {
    return parseHcl(text);
  } catch (error) {
    if (error instanceof HclError) throw new PasswordPolicyError(error.problem, error.at);
    throw error;
  }
}

/** `rule "charset" { … }`, and in JSON lists of such objects. */
function* blocksOf({ value, at }: HclEntry): Generator<{ readonly body: HclObject; readonly at: Position }> {
  const wanted = 'a rule is a block: rule "charset" { … }';
  for (const labelled of value.kind === "list" ? value.items : [value]) {
    if (labelled.kind !== "object") throw new PasswordPolicyError(wanted, labelled.at);
    if (labelled.entries.length === 0) throw new PasswordPolicyError(wanted, at);
    for (const { key, value: block, at: labelAt } of labelled.entries) {
      if (key !== "charset") {
        throw new PasswordPolicyError(`rule ${JSON.stringify(key)} is not known; the only one is "charset"`, labelAt);
      }
      for (const body of block.kind === "list" ? block.items : [block]) {
        if (body.kind !== "object") throw new PasswordPolicyError(wanted, body.at);
        yield { body, at: labelAt };
      }
    }
  }
}

function readRule({ body, at }: { readonly body: HclObject; readonly at: Position }): CharsetRule {
  let charset: readonly string[] | undefined;
  let minChars: number | undefined;
  for (const entry of body.entries) {
    if (entry.key === "charset" && charset === undefined) charset = charsetOf(entry);
    else if (entry.key === "min-chars" && minChars === undefined) minChars = integerOf(entry, 0, LENGTHS.max);
    else {
      const twice = entry.key === "charset" || entry.key === "min-chars";
      const problem = twice ? "is given twice" : "is not known in a rule; there are charset and min-chars";
      throw new PasswordPolicyError(`${JSON.stringify(entry.key)} ${problem}`, entry.at);
    }
  }
  if (charset === undefined) throw new PasswordPolicyError("the rule has no charset", at);
  return { charset, minChars: minChars ?? 0 };
}

function charsetOf({ value }: HclEntry): readonly string[] {
  if (value.kind !== "string") throw new PasswordPolicyError("charset must be a string", value.at);
  const characters = [...new Set(value.value)];
  if (characters.length === 0 || characters.length > MAX_CHARSET) {
    throw new PasswordPolicyError(`charset must have 1 to ${MAX_CHARSET} characters`, value.at);
  }
  // A lone surrogate (Cs) has no UTF-8; a private or unassigned character nobody can type.
  if (characters.some((character) => /[\p{C}\p{Zl}\p{Zp}]/u.test(character))) {
    throw new PasswordPolicyError("charset has a character that does not print", value.at);
  }
  return characters;
}

function integerOf({ key, value }: HclEntry, min: number, max: number): number {
  if (value.kind !== "number" || !Number.isInteger(value.value) || value.value < min || value.value > max) {
    throw new PasswordPolicyError(`${key} must be a whole number from ${min} to ${max}`, value.at);
  }
  return value.value;
}
