/**
 * Tokens of HCL 1, the language of Vault's policies and configuration files, of which JSON's tokens are a part. Strings are
 * taken as they stand: `${…}` means nothing here. Source: the HCL 1 specification (hashicorp/hcl, `hcl/scanner`), without
 * octal numbers, which nobody means. One pass over the text, without a regular expression that could go back.
 */
import { HclError, type Position } from "./tree.ts";

export type Token =
  | { readonly type: "identifier"; readonly text: string; readonly at: Position; readonly raw: string }
  /** `text` is decoded; `raw` as it stood, quotes and all. */
  | { readonly type: "string"; readonly text: string; readonly at: Position; readonly raw: string }
  | {
      readonly type: "number";
      readonly value: number;
      readonly text: string;
      readonly at: Position;
      readonly raw: string;
    }
  | { readonly type: "punctuation"; readonly text: string; readonly at: Position; readonly raw: string }
  /** With its marks, without the end of its line. */
  | { readonly type: "comment"; readonly text: string; readonly at: Position; readonly raw: string }
  | { readonly type: "end"; readonly text: ""; readonly at: Position; readonly raw: "" };

const NUMBER = /-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?)/y;
const HEREDOC = /<<(-?)([A-Za-z0-9_]{1,64})[ \t]{0,64}\r?\n/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\\", "\\"],
  ['"', '"'],
  ["/", "/"],
]);
/** Hexadecimal digits after `\x`, `\u` and `\U`. */
const CODE_ESCAPES: ReadonlyMap<string, number> = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
]);

/** All tokens of `source`, comments among them, the last of them `end`. Throws `HclError`. */
export function tokenize(source: string): readonly Token[] {
  const lexer = new Lexer(source);
  const tokens: Token[] = [];
  for (;;) {
    const token = lexer.next();
    tokens.push(token);
    if (token.type === "end") return tokens;
  }
}

class Lexer {
  readonly #source: string;
  #offset: number;
  #line = 1;
  #lineStart: number;

  constructor(source: string) {
    this.#source = source;
    this.#offset = source.startsWith("\ufeff") ? 1 : 0;
    this.#lineStart = this.#offset;
  }

  next(): Token {
    this.#skipBlanks();
    const at = this.#position();
    const start = this.#offset;
    const char = this.#source[start];
    if (char === undefined) return { type: "end", text: "", at, raw: "" };
    if (char === '"') {
      const text = this.#string(at);
      return { type: "string", text, at, raw: this.#source.slice(start, this.#offset) };
    }
    if (char === "<") {
      const text = this.#heredoc(at);
      return { type: "string", text, at, raw: this.#source.slice(start, this.#offset) };
    }
    if ("{}[]=,:".includes(char)) {
      this.#offset++;
      return { type: "punctuation", text: char, at, raw: char };
    }
    if (char === "#" || char === "/") {
      const text = this.#comment(at);
      return { type: "comment", text, at, raw: text };
    }
    if (isLetter(char)) {
      const text = this.#identifier();
      return { type: "identifier", text, at, raw: text };
    }
    NUMBER.lastIndex = start;
    const number = NUMBER.exec(this.#source)?.[0];
    if (number === undefined) throw new HclError(`unexpected character ${JSON.stringify(char)}`, at);
    this.#offset += number.length;
    return { type: "number", text: number, value: toNumber(number, at), at, raw: number };
  }

  #position(): Position {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #skipBlanks(): void {
    for (; this.#offset < this.#source.length; this.#offset++) {
      const char = this.#source[this.#offset];
      if (char === "\n") this.#newLine(this.#offset);
      else if (char !== " " && char !== "\t" && char !== "\r") return;
    }
  }

  #newLine(at: number): void {
    this.#line++;
    this.#lineStart = at + 1;
  }

  #moveTo(end: number): void {
    for (let i = this.#source.indexOf("\n", this.#offset); i >= 0 && i < end; i = this.#source.indexOf("\n", i + 1)) {
      this.#newLine(i);
    }
    this.#offset = end;
  }

  #comment(at: Position): string {
    const start = this.#offset;
    if (this.#source.startsWith("/*", start)) {
      const end = this.#source.indexOf("*/", start + 2);
      if (end < 0) throw new HclError("the comment does not end", at);
      this.#moveTo(end + 2);
      return this.#source.slice(start, end + 2);
    }
    if (this.#source[start] === "/" && this.#source[start + 1] !== "/") {
      throw new HclError('unexpected character "/"', at);
    }
    const end = this.#source.indexOf("\n", start);
    this.#offset = end < 0 ? this.#source.length : end;
    return this.#source.slice(start, this.#offset).trimEnd();
  }

  #identifier(): string {
    const start = this.#offset;
    while (isIdentifierPart(this.#source[this.#offset])) this.#offset++;
    return this.#source.slice(start, this.#offset);
  }

  #string(at: Position): string {
    const parts: string[] = [];
    let copied = this.#offset + 1;
    for (let i = copied; ; ) {
      const char = this.#source[i];
      if (char === undefined || char === "\n") throw new HclError("the string does not end on its line", at);
      if (char === '"') {
        parts.push(this.#source.slice(copied, i));
        this.#offset = i + 1;
        return parts.join("");
      }
      if (char !== "\\") {
        i++;
        continue;
      }
      const { text, length } = this.#escape(i, at);
      parts.push(this.#source.slice(copied, i), text);
      i += length;
      copied = i;
    }
  }

  #escape(start: number, at: Position): { readonly text: string; readonly length: number } {
    const escaped = this.#source[start + 1] ?? "";
    const plain = ESCAPES.get(escaped);
    if (plain !== undefined) return { text: plain, length: 2 };
    const count = CODE_ESCAPES.get(escaped);
    if (count === undefined) throw new HclError(`\\${escaped} is no escape`, at);
    const digits = this.#source.slice(start + 2, start + 2 + count);
    if (digits.length !== count || !/^[0-9a-fA-F]*$/.test(digits)) {
      throw new HclError(`\\${escaped} needs ${count} hexadecimal digits`, at);
    }
    const code = Number.parseInt(digits, 16);
    if (code > 0x10ffff) throw new HclError(`\\${escaped}${digits} is no character`, at);
    return { text: String.fromCodePoint(code), length: 2 + count };
  }

  /** `<<NAME`, lines, `NAME`; with `<<-` the lines' common indentation goes. */
  #heredoc(at: Position): string {
    HEREDOC.lastIndex = this.#offset;
    const opening = HEREDOC.exec(this.#source);
    if (opening === null) throw new HclError('unexpected character "<"', at);
    const [all, dash, name = ""] = opening;
    this.#moveTo(this.#offset + all.length);
    const lines: string[] = [];
    for (;;) {
      const end = this.#source.indexOf("\n", this.#offset);
      const line = this.#source.slice(this.#offset, end < 0 ? undefined : end).replace(/\r$/, "");
      if (line.trim() === name) {
        // The line's end stays: it separates what follows.
        this.#moveTo(end < 0 ? this.#source.length : end);
        break;
      }
      if (end < 0) throw new HclError(`the text that begins with <<${name} does not end`, at);
      lines.push(line);
      this.#moveTo(end + 1);
    }
    const cut = dash === "" ? 0 : commonIndentation(lines);
    return lines.map((line) => `${line.slice(cut)}\n`).join("");
  }
}

function commonIndentation(lines: readonly string[]): number {
  let common = Number.POSITIVE_INFINITY;
  for (const line of lines) {
    if (line.trim() !== "") common = Math.min(common, line.length - line.trimStart().length);
  }
  return Number.isFinite(common) ? common : 0;
}

function isLetter(char: string): boolean {
  return (char >= "a" && char <= "z") || (char >= "A" && char <= "Z") || char === "_";
}

function isIdentifierPart(char: string | undefined): boolean {
  if (char === undefined) return false;
  return isLetter(char) || (char >= "0" && char <= "9") || char === "." || char === "-";
}

function toNumber(text: string, at: Position): number {
  const negative = text.startsWith("-");
  const magnitude = Number(negative ? text.slice(1) : text);
  const value = negative ? -magnitude : magnitude;
  if (!Number.isFinite(value)) throw new HclError(`${text} is not a number`, at);
  return value;
}
