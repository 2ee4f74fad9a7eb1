/**
 * Tokens of HCL 1, the language of Vault's configuration files, of which JSON's tokens are a part. Strings are taken as they
 * stand: `${…}` means nothing here. Source: the HCL 1 specification (hashicorp/hcl, `hcl/scanner`), the part that
 * configuration files use.
 */
import { ConfigError, type Position } from "./tree.ts";

export type Token =
  | { readonly type: "identifier"; readonly text: string; readonly at: Position }
  | { readonly type: "string"; readonly text: string; readonly at: Position }
  | { readonly type: "number"; readonly value: number; readonly text: string; readonly at: Position }
  | { readonly type: "punctuation"; readonly text: string; readonly at: Position }
  | { readonly type: "end"; readonly text: ""; readonly at: Position };

const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const HEREDOC = /<<(-?)([A-Za-z0-9_]+)[ \t]*\r?\n/y;
const SPACE = /(?:[ \t\r\n]|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  "\\": "\\",
  '"': '"',
  "/": "/",
};

/** All tokens of `source`, the last of them `end`. Throws `ConfigError`. */
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
    this.#take(SPACE);
    const at = this.#position();
    const char = this.#source[this.#offset];
    if (char === undefined) return { type: "end", text: "", at };
    if (char === '"') return { type: "string", text: this.#string(at), at };
    if (char === "<") return { type: "string", text: this.#heredoc(at), at };
    if ("{}[]=,:".includes(char)) {
      this.#offset++;
      return { type: "punctuation", text: char, at };
    }
    const identifier = this.#take(IDENTIFIER)?.[0];
    if (identifier !== undefined) return { type: "identifier", text: identifier, at };
    const number = this.#take(NUMBER)?.[0];
    if (number !== undefined) return { type: "number", text: number, value: toNumber(number, at), at };
    if (this.#source.startsWith("/*", this.#offset)) throw new ConfigError("the comment does not end", at);
    throw new ConfigError(`unexpected character ${JSON.stringify(char)}`, at);
  }

  #position(): Position {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#source);
    if (match === null) return undefined;
    this.#advance(match[0].length);
    return match;
  }

  #advance(length: number): void {
    const end = this.#offset + length;
    for (let i = this.#offset; i < end; i++) {
      if (this.#source[i] !== "\n") continue;
      this.#line++;
      this.#lineStart = i + 1;
    }
    this.#offset = end;
  }

  #string(at: Position): string {
    let text = "";
    let i = this.#offset + 1;
    for (;;) {
      const char = this.#source[i];
      if (char === undefined || char === "\n") throw new ConfigError("the string does not end on its line", at);
      if (char === '"') break;
      if (char !== "\\") {
        text += char;
        i++;
        continue;
      }
      const escaped = this.#source[i + 1] ?? "";
      if (escaped === "u") {
        const digits = this.#source.slice(i + 2, i + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new ConfigError("\\u needs four hexadecimal digits", at);
        text += String.fromCharCode(Number.parseInt(digits, 16));
        i += 6;
        continue;
      }
      const plain = ESCAPES[escaped];
      if (plain === undefined) throw new ConfigError(`\\${escaped} is no escape`, at);
      text += plain;
      i += 2;
    }
    this.#offset = i + 1;
    return text;
  }

  /** `<<NAME`, lines, `NAME`; with `<<-` the lines' common indentation goes. */
  #heredoc(at: Position): string {
    const opening = this.#take(HEREDOC);
    if (opening === undefined) throw new ConfigError('unexpected character "<"', at);
    const [, dash, name = ""] = opening;
    const lines: string[] = [];
    for (;;) {
      const end = this.#source.indexOf("\n", this.#offset);
      const line = this.#source.slice(this.#offset, end < 0 ? undefined : end).replace(/\r$/, "");
      if (line.trim() === name) {
        // The line's end stays: it separates what follows.
        this.#advance((end < 0 ? this.#source.length : end) - this.#offset);
        break;
      }
      if (end < 0) throw new ConfigError(`the text that begins with <<${name} does not end`, at);
      lines.push(line);
      this.#advance(end + 1 - this.#offset);
    }
    const indents = lines.filter((line) => line.trim() !== "").map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0);
    const cut = dash === "" || indents.length === 0 ? 0 : Math.min(...indents);
    return lines.map((line) => `${line.slice(cut)}\n`).join("");
  }
}

function toNumber(text: string, at: Position): number {
  const negative = text.startsWith("-");
  const magnitude = Number(negative ? text.slice(1) : text);
  const value = negative ? -magnitude : magnitude;
  if (!Number.isFinite(value)) throw new ConfigError(`${text} is not a number`, at);
  return value;
}
