import { SeededRandom } from "@strongroom/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generatePassword, PasswordPolicyError, parsePasswordPolicy } from "./password-policy.ts";
import { randomBelow } from "./random-below.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const rule = (charset: string, minChars?: number): string =>
  `rule "charset" { charset = ${JSON.stringify(charset)}${minChars === undefined ? "" : ` min-chars = ${minChars}`} }\n`;

function problemOf(text: string): string {
  try {
    parsePasswordPolicy(text);
  } catch (error) {
    if (error instanceof PasswordPolicyError) return error.message.replace("failed to parse password policy: ", "");
    throw error;
  }
  return "no error";
}

describe("parsePasswordPolicy", () => {
  it("reads HCL, and the same in JSON", () => {
    const expected = {
      length: 20,
      rules: [
        { charset: ["a", "b"], minChars: 2 },
        { charset: ["😀", "c"], minChars: 0 },
      ],
    };
    expect(parsePasswordPolicy(`length = 20\n${rule("aba", 2)}${rule("😀c")}`)).toEqual(expected);
    const json = {
      length: 20,
      rule: [{ charset: { charset: "ab", "min-chars": 2 } }, { charset: [{ charset: "😀c" }] }],
    };
    expect(parsePasswordPolicy(JSON.stringify(json))).toEqual(expected);
  });

  it("refuses a policy that no password can meet", () => {
    expect(problemOf(`length = 4\n${rule("ab", 3)}${rule("cd", 2)}`)).toBe(
      "line 1, column 1: no password fits: the rules need 5 characters, length is 4",
    );
    expect(problemOf(`length = 5\n${rule("ab", 3)}${rule("cd", 2)}`)).toBe("no error");
  });

  it("names what is wrong, with line and column", () => {
    const table: readonly (readonly [string, string])[] = [
      [rule("ab"), "line 1, column 1: length is missing"],
      ["length = 20", 'line 1, column 1: at least one rule "charset" is needed'],
      [`length = 3\n${rule("ab")}`, "line 1, column 10: length must be a whole number from 4 to 100"],
      [`length = 101\n${rule("ab")}`, "line 1, column 10: length must be a whole number from 4 to 100"],
      [`length = "9"\n${rule("ab")}`, "line 1, column 10: length must be a whole number from 4 to 100"],
      [`length = 9\nlength = 9\n${rule("ab")}`, "line 2, column 1: length is given twice"],
      [`length = 9\nlenght = 9`, 'line 2, column 1: unknown key "lenght"; there are length and rule "charset"'],
      [`length = 9\n${rule("")}`, "line 2, column 28: charset must have 1 to 4096 characters"],
      [`length = 9\n${rule("a\u200bb")}`, "line 2, column 28: charset has a character that does not print"],
      [`length = 9\n${rule("ab", -1)}`, "line 2, column 45: min-chars must be a whole number from 0 to 100"],
      ['length = 9\nrule "words" {}', 'line 2, column 6: rule "words" is not known; the only one is "charset"'],
      ['length = 9\nrule "charset" {}', "line 2, column 6: the rule has no charset"],
      ['length = 9\nrule = "x"', 'line 2, column 8: a rule is a block: rule "charset" { … }'],
      ["length = ", "line 1, column 10: expected a value, found the end of the file"],
    ];
    for (const [text, message] of table) expect(problemOf(text), text).toBe(message);
  });
});

describe("generatePassword", () => {
  it("meets its policy, whatever the policy", () => {
    const rules = fc.array(
      fc.record({
        charset: fc.string({ unit: fc.constantFrom("a", "b", "Z", "0", "!", "é", "😀"), minLength: 1, maxLength: 8 }),
        min: fc.nat(4),
      }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(rules, fc.integer({ min: 20, max: 40 }), fc.integer(), (given, length, seed) => {
        const policy = parsePasswordPolicy(
          `length = ${length}\n${given.map(({ charset, min }) => rule(charset, min)).join("")}`,
        );
        const password = generatePassword(policy, new SeededRandom(seed));
        expect(password).toHaveLength(length);
        for (const { charset, minChars } of policy.rules) {
          expect(password.filter((character) => charset.includes(character)).length).toBeGreaterThanOrEqual(minChars);
        }
        const all = policy.rules.flatMap(({ charset }) => charset);
        expect(password.every((character) => all.includes(character))).toBe(true);
      }),
    );
  });

  it("makes every character equally likely in every place", () => {
    const entropy = new SeededRandom(7);
    const policy = parsePasswordPolicy(`length = 10\n${rule(LOWER, 10)}`);
    const counts = Array.from({ length: 10 }, () => new Map<string, number>());
    const passwords = 20_000;
    for (let i = 0; i < passwords; i++) {
      for (const [at, character] of generatePassword(policy, entropy).entries()) {
        const byCharacter = counts[at] as Map<string, number>;
        byCharacter.set(character, (byCharacter.get(character) ?? 0) + 1);
      }
    }
    const expected = passwords / LOWER.length;
    for (const byCharacter of counts) {
      expect(byCharacter.size).toBe(LOWER.length);
      // 769 expected, standard deviation 27; the seed is fixed.
      for (const count of byCharacter.values()) expect(Math.abs(count - expected)).toBeLessThan(5 * 27);
    }
  });

  it("lets the characters that a rule asks for stand anywhere", () => {
    const entropy = new SeededRandom(3);
    const policy = parsePasswordPolicy(`length = 4\n${rule("1", 1)}${rule(LOWER)}`);
    const places = new Set<number>();
    for (let i = 0; i < 200; i++) places.add(generatePassword(policy, entropy).indexOf("1"));
    expect(places).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe("randomBelow", () => {
  it("throws away what would make small numbers likelier", () => {
    const draws = [Uint8Array.of(0xff, 0xff), Uint8Array.of(0xea, 0x60), Uint8Array.of(0xea, 0x5f)];
    // 60,000 is the greatest multiple of 30,000 in two bytes: 0xea60 is the first number past it.
    expect(randomBelow({ bytes: () => draws.shift() ?? new Uint8Array(2) }, 30_000)).toBe(29_999);
    expect(draws).toEqual([]);
  });
});
