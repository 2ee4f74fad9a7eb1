/** A text as it was laid out, comments and all: what the formatter works on. `parse.ts` has what the text says. */
import { type Token, tokenize } from "./lexer.ts";
import { HclError } from "./tree.ts";

export type Item = Comment | Entry;

export interface Comment {
  readonly kind: "comment";
  readonly text: string;
  /** A blank line stood before it. */
  readonly apart: boolean;
}

export interface Entry {
  readonly kind: "entry";
  /** As they stood, quotes and all. */
  readonly keys: readonly string[];
  readonly assigned: boolean;
  readonly value: Value;
  readonly apart: boolean;
  /** Comments that followed on the same line. */
  readonly trailing: readonly string[];
}

export type Value =
  | { readonly kind: "scalar"; readonly raw: string }
  | { readonly kind: "list"; readonly items: readonly ListItem[]; readonly oneLine: boolean }
  | { readonly kind: "object"; readonly items: readonly Item[] };

export type ListItem =
  | Comment
  | { readonly kind: "value"; readonly value: Value; readonly trailing: readonly string[] };

/** Of a text that `parseHcl` takes and that is not JSON. Throws `HclError`. */
export function parseSyntax(source: string): readonly Item[] {
  return new SyntaxParser(tokenize(source)).items();
}

class SyntaxParser {
  readonly #tokens: readonly Token[];
  #next = 0;
  /** Of the token taken last. */
  #lastLine = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  items(): readonly Item[] {
    const items: Item[] = [];
    for (;;) {
      while (this.#is(",")) this.#take();
      const token = this.#peek();
      if (token.type === "end" || this.#is("}")) return items;
      const apart = token.at.line > this.#lastLine + 1;
      if (token.type === "comment") {
        items.push({ kind: "comment", text: this.#take().text, apart });
        continue;
      }
      items.push(...this.#entry(apart));
    }
  }

  /** Comments between its keys and its value come before it. */
  #entry(apart: boolean): readonly Item[] {
    const keys: string[] = [];
    const before: string[] = [];
    let assigned = false;
    for (;;) {
      const token = this.#peek();
      if (token.type === "comment") before.push(this.#take().text);
      else if (this.#is("=")) {
        this.#take();
        assigned = true;
      } else if (assigned || this.#is("{")) break;
      else if (token.type === "identifier" || token.type === "string") keys.push(this.#take().raw);
      else throw new HclError("expected a name", token.at);
    }
    const value = this.#value();
    const comments = before.map((text, i): Comment => ({ kind: "comment", text, apart: apart && i === 0 }));
    const trailing = this.#trailing();
    return [...comments, { kind: "entry", keys, assigned, value, apart: apart && before.length === 0, trailing }];
  }

  #value(): Value {
    if (this.#is("{")) {
      this.#take();
      const items = this.items();
      this.#take();
      return { kind: "object", items };
    }
    if (!this.#is("[")) return { kind: "scalar", raw: this.#take().raw };
    const from = this.#take().at.line;
    const items = this.#listItems();
    const to = this.#take().at.line;
    return { kind: "list", items, oneLine: from === to };
  }

  #listItems(): readonly ListItem[] {
    const items: ListItem[] = [];
    for (;;) {
      while (this.#is(",")) this.#take();
      const token = this.#peek();
      if (this.#is("]") || token.type === "end") return items;
      if (token.type === "comment") {
        items.push({ kind: "comment", text: this.#take().text, apart: false });
        continue;
      }
      const value = this.#value();
      const trailing = this.#trailing();
      items.push({ kind: "value", value, trailing });
    }
  }

  /** A comma may stand before a comment of the same line. */
  #trailing(): readonly string[] {
    const found: string[] = [];
    for (;;) {
      if (this.#is(",")) this.#take();
      const token = this.#peek();
      if (token.type !== "comment" || token.at.line !== this.#lastLine) return found;
      found.push(this.#take().text);
    }
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.type === "punctuation" && token.text === text;
  }

  #peek(): Token {
    // The last token is `end`.
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    this.#lastLine = token.at.line + (token.raw.match(/\n/g)?.length ?? 0);
    return token;
  }
}
