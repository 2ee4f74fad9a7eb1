import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatHcl } from "./format.ts";
import { parseHcl } from "./parse.ts";
import { HclError, type HclNode, type HclObject } from "./tree.ts";

/** Without places. */
function plain(node: HclNode): unknown {
  if (node.kind === "object") return node.entries.map(({ key, value }) => [key, plain(value)]);
  return node.kind === "list" ? node.items.map(plain) : node.value;
}

function problemOf(source: string): string {
  try {
    parseHcl(source);
  } catch (error) {
    if (error instanceof HclError) return error.message;
    throw error;
  }
  return "no error";
}

/** Pieces that come together to HCL often enough to get past the first error. */
const pieces = fc.constantFrom(
  ...'{|}|[|]|"|=|,|:|a|path|1|-|0x1f|1e9|<<E\n|<<-E\n|E\n|\n|/*|*/|//|#|\\|"s"|"\\n"|"\\u00e9"|true|a = 1\n|b {\n|}\n|c = [1, "x"]\n|<|é|\ufeff|\r\n|${'.split(
    "|",
  ),
);
const source = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(""));

describe("parseHcl", () => {
  it("takes every JSON document apart as JSON.parse does", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "é", " ", '"', "\\", "\n", "{", "#") });
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.boolean(),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.array(tie("tree"), { maxLength: 4 }),
        fc.dictionary(text, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    const expected = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(expected);
      if (typeof value !== "object" || value === null) return value;
      return Object.entries(value).map(([key, member]) => [key, expected(member)]);
    };
    fc.assert(
      fc.property(fc.dictionary(text, tree, { maxKeys: 4 }), (object) => {
        const json = JSON.stringify(object);
        expect(plain(parseHcl(json))).toEqual(expected(JSON.parse(json)));
      }),
    );
  });

  it("ends with an HclError, never another, whatever it is given", () => {
    const anything = fc.oneof(
      source,
      fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 60 }),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          parseHcl(text);
        } catch (error) {
          if (!(error instanceof HclError)) throw error;
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it("is done soon with what is made to take long", () => {
    const size = 200_000;
    const hostile = [
      "[".repeat(size),
      `a${" b".repeat(size)} {}`,
      "{".repeat(size),
      "a = ".repeat(size),
      "/*".repeat(size),
      '"\\'.repeat(size),
      " ".repeat(size),
      `a = ${"1".repeat(size)}`,
      `a = "${"\\n".repeat(size)}"`,
      "<<".repeat(size),
      `a = <<E\n${"\n".repeat(size)}`,
      `a = <<${"E".repeat(size)}\n`,
      "#".repeat(size),
      "x".repeat(2 * 1024 * 1024),
    ];
    for (const text of hostile) expect(problemOf(text).slice(0, 60)).toMatch(/^line \d+, column \d+: |^no error$/);
  });

  it("takes heredocs, with and without their indentation", () => {
    const { entries } = parseHcl("a = <<E\n  x\ny\nE\nb = <<-E\n    x\n      y\n  E\nc = 1\n");
    expect(entries.map(({ value }) => plain(value))).toEqual(["  x\ny\n", "x\n  y\n", 1]);
  });

  it("reads escapes and comments, and knows where everything stands", () => {
    const text = '# one\na = "\\x41\\u00e9\\U0001f600\\t\\"" // two\n/* three\n*/ b /* four */ "l" {\n  c = -0x10 }';
    const object = parseHcl(text);
    expect(plain(object)).toEqual([
      ["a", 'Aé😀\t"'],
      ["b", [["l", [["c", -16]]]]],
    ]);
    expect(object.entries.map(({ at }) => at)).toEqual([
      { line: 2, column: 1 },
      { line: 4, column: 4 },
    ]);
  });

  it("names the place of what is wrong", () => {
    expect(problemOf('a "b" {\n  c = "x\n}')).toBe("line 2, column 7: the string does not end on its line");
    expect(problemOf("a = [1 2]")).toBe('line 1, column 8: expected , or ], found "2"');
    expect(problemOf("a = 1 /")).toBe('line 1, column 7: unexpected character "/"');
    expect(problemOf('a = "\\U00110000"')).toBe("line 1, column 5: \\U00110000 is no character");
    expect(problemOf('a = "\\u12"')).toBe("line 1, column 5: \\u needs 4 hexadecimal digits");
    expect(problemOf(`${"a ".repeat(40)}{}`)).toBe("line 1, column 1: too many levels");
    expect(problemOf("a = 1e999")).toBe("line 1, column 5: 1e999 is not a number");
  });
});

describe("formatHcl", () => {
  it("lays out one way, and keeps comments where they were", () => {
    const messy = [
      "// whose",
      'path   "a"   { capabilities=["read" ,"list"]  # for all',
      "",
      "",
      "  min_wrapping_ttl=1 }",
      'path "b" {',
      "# inside",
      'allowed_parameters = { "x"=[], "longer" = [ # any',
      '"1"]}',
      "}",
      "# the end",
    ].join("\n");
    expect(formatHcl(messy)).toBe(
      [
        "// whose",
        'path "a" {',
        '  capabilities = ["read", "list"] # for all',
        "",
        "  min_wrapping_ttl = 1",
        "}",
        "",
        'path "b" {',
        "  # inside",
        "  allowed_parameters = {",
        '    "x" = []',
        '    "longer" = [',
        "      # any",
        '      "1",',
        "    ]",
        "  }",
        "}",
        "",
        "# the end",
        "",
      ].join("\n"),
    );
  });

  it("aligns neighbours", () => {
    expect(formatHcl("a = 1\nlonger = 2\n\nb = 3\n")).toBe("a      = 1\nlonger = 2\n\nb = 3\n");
  });

  it("lays out JSON as JSON", () => {
    expect(formatHcl('{"path":{"a":{"capabilities":["read","list"]}},"b":{}}')).toBe(
      '{\n  "path": {\n    "a": {\n      "capabilities": ["read", "list"]\n    }\n  },\n  "b": {}\n}\n',
    );
  });

  it("says what it said, keeps every comment, and leaves alone what it made", () => {
    let formatted = 0;
    fc.assert(
      fc.property(source, (text) => {
        let said: HclObject;
        try {
          said = parseHcl(text);
          formatHcl(text);
        } catch (error) {
          if (!(error instanceof HclError)) throw error;
          return;
        }
        formatted++;
        const once = formatHcl(text);
        expect(plain(parseHcl(once))).toEqual(plain(said));
        expect(formatHcl(once)).toBe(once);
      }),
      { numRuns: 5_000 },
    );
    expect(formatted).toBeGreaterThan(100);
  });

  it("keeps the comments of texts made of whole lines", () => {
    const value = fc.constantFrom(
      "1",
      '"s"',
      "[]",
      "[1, 2]",
      "[1, # c\n2]",
      "{}",
      "{ x = 1 }",
      "{ # c\n}",
      "<<E\nt\nE",
    );
    const line = fc.oneof(
      value.map((text) => `key = ${text}`),
      value.map((text) => `longer_key = ${text}\n# c`),
      fc.constantFrom(
        "# c",
        "// c",
        "/* c */",
        "/* c\n */ a = 1",
        "",
        "\n",
        'b "l" { # c\n  c = 1 // c\n}',
        "b /* c */ {}",
        "a = /* c */ 1",
      ),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const text = `${lines.join("\n")}\n`;
        const once = formatHcl(text);
        expect(plain(parseHcl(once))).toEqual(plain(parseHcl(text)));
        expect(once.match(/(#|\/\/|\/\*) c/g)?.length).toBe(text.match(/(#|\/\/|\/\*) c/g)?.length);
        expect(formatHcl(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });
});
