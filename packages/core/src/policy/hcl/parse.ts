/**
 * HCL 1 and JSON to a tree. A text whose first token is `{` is JSON, as Vault decides it. A block `listener "tcp" { … }` is
 * the same tree as the JSON `{"listener": {"tcp": { … }}}`.
 */
import { type Token, tokenize } from "./lexer.ts";
import { type HclEntry, HclError, type HclNode, type HclObject } from "./tree.ts";

/** Levels of a text, a block's labels among them. */
const MAX_DEPTH = 32;
/** UTF-16 units of a text. */
const MAX_LENGTH = 1024 * 1024;

/** Throws `HclError` with line and column. */
export function parseHcl(source: string): HclObject {
  if (source.length > MAX_LENGTH) {
    throw new HclError(`the text is longer than ${MAX_LENGTH} characters`, { line: 1, column: 1 });
  }
  return new Parser(tokenize(source).filter((token) => token.type !== "comment")).file();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  file(): HclObject {
    const { at } = this.#peek();
    if (this.#isPunctuation("{")) {
      const object = this.#jsonValue();
      if (this.#peek().type !== "end") throw unexpected(this.#peek(), "the end of the file");
      return object as HclObject;
    }
    return { kind: "object", entries: this.#entries("end"), at };
  }

  #entries(closing: "end" | "}"): HclEntry[] {
    const entries: HclEntry[] = [];
    for (;;) {
      const token = this.#peek();
      if (closing === "end" ? token.type === "end" : this.#isPunctuation("}")) return entries;
      entries.push(this.#entry());
      // HCL lets a comma stand after an entry of an object.
      if (closing === "}" && this.#isPunctuation(",")) this.#next++;
    }
  }

  #entry(): HclEntry {
    const keys: Token[] = [];
    while (this.#peek().type === "identifier" || isQuoted(this.#peek())) keys.push(this.#take());
    const [first, ...labels] = keys;
    if (first === undefined) throw unexpected(this.#peek(), "a name");
    if (this.#depth + keys.length > MAX_DEPTH) throw new HclError("too many levels", first.at);
    let value: HclNode;
    if (this.#isPunctuation("=")) {
      if (labels.length > 0) throw unexpected(this.#peek(), "{");
      this.#next++;
      value = this.#value();
    } else {
      if (!this.#isPunctuation("{")) throw unexpected(this.#peek(), "= or {");
      value = this.#object();
    }
    for (const label of labels.reverse()) {
      value = { kind: "object", entries: [{ key: label.text, value, at: label.at }], at: label.at };
    }
    return { key: first.text, value, at: first.at };
  }

  #value(): HclNode {
    if (this.#isPunctuation("[")) return this.#list(() => this.#value());
    if (this.#isPunctuation("{")) return this.#object();
    return this.#scalar();
  }

  #object(): HclObject {
    const { at } = this.#take();
    return this.#nested(() => {
      const entries = this.#entries("}");
      this.#next++;
      return { kind: "object", entries, at };
    });
  }

  #list(item: () => HclNode): HclNode {
    const { at } = this.#take();
    return this.#nested(() => {
      const items: HclNode[] = [];
      while (!this.#isPunctuation("]")) {
        items.push(item());
        if (this.#isPunctuation(",")) this.#next++;
        else if (!this.#isPunctuation("]")) throw unexpected(this.#peek(), ", or ]");
      }
      this.#next++;
      return { kind: "list", items, at };
    });
  }

  #scalar(): HclNode {
    const token = this.#take();
    const { at } = token;
    if (token.type === "string") return { kind: "string", value: token.text, at };
    if (token.type === "number") return { kind: "number", value: token.value, at };
    if (token.text === "true" || token.text === "false") {
      return { kind: "boolean", value: token.text === "true", at };
    }
    throw unexpected(token, "a value");
  }

  #jsonValue(): HclNode {
    if (this.#isPunctuation("[")) return this.#list(() => this.#jsonValue());
    if (!this.#isPunctuation("{")) {
      const token = this.#peek();
      if (token.type === "string" && !isQuoted(token)) throw unexpected(token, "a value");
      return this.#scalar();
    }
    const { at } = this.#take();
    return this.#nested(() => {
      const entries: HclEntry[] = [];
      while (!this.#isPunctuation("}")) {
        const key = this.#take();
        if (!isQuoted(key)) throw unexpected(key, "a name in quotes");
        if (!this.#isPunctuation(":")) throw unexpected(this.#peek(), ":");
        this.#next++;
        entries.push({ key: key.text, value: this.#jsonValue(), at: key.at });
        if (this.#isPunctuation("}")) break;
        if (!this.#isPunctuation(",")) throw unexpected(this.#peek(), ", or }");
        this.#next++;
      }
      this.#next++;
      return { kind: "object", entries, at };
    });
  }

  #nested<T>(body: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new HclError("too many levels", this.#peek().at);
    const result = body();
    this.#depth--;
    return result;
  }

  #isPunctuation(text: string): boolean {
    const token = this.#peek();
    return token.type === "punctuation" && token.text === text;
  }

  #peek(): Token {
    // The last token is `end`, and nothing moves past it but an error.
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }
}

/** A string that is no heredoc: a name, and in JSON every string. */
function isQuoted(token: Token): boolean {
  return token.type === "string" && token.raw.startsWith('"');
}

function unexpected(token: Token, wanted: string): HclError {
  const found = token.type === "end" ? "the end of the file" : JSON.stringify(token.text);
  return new HclError(`expected ${wanted}, found ${found}`, token.at);
}
