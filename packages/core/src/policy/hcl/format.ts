/**
 * One way to lay out HCL: two blanks a level, one `key = value` a line with the `=` of neighbours below each other, one blank
 * line around top-level blocks and at most one elsewhere. Comments stay where they were; strings, numbers and names stay as
 * they were written. What is formatted stays as it is when it is formatted again, and says what it said.
 */

import { type Token, tokenize } from "./lexer.ts";
import { parseHcl } from "./parse.ts";
import { type Comment, type Entry, type Item, type ListItem, parseSyntax, type Value } from "./syntax.ts";
import { HclError } from "./tree.ts";

const INDENT = "  ";

/** HCL, or JSON, which stays JSON. Ends in a line feed unless it is empty. Throws `HclError`. */
export function formatHcl(source: string): string {
  parseHcl(source);
  const tokens = tokenize(source);
  if (tokens.find(({ type }) => type !== "comment")?.raw === "{") return formatJson(tokens);
  const lines = itemLines(parseSyntax(source), "", true);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function itemLines(items: readonly Item[], indent: string, top: boolean): readonly string[] {
  const lines: string[] = [];
  const widths = alignment(items);
  for (const [i, item] of items.entries()) {
    const previous = items[i - 1];
    if (previous !== undefined && (item.apart || (top && needsBlank(previous, item)))) lines.push("");
    if (item.kind === "comment") lines.push(indent + item.text);
    else lines.push(...entryLines(item, indent, widths.get(item) ?? 0));
  }
  return lines;
}

/** Around a block at the top; a comment right above it belongs to it. */
function needsBlank(previous: Item, item: Item): boolean {
  return (
    (previous.kind === "entry" && isLong(previous)) ||
    (item.kind === "entry" && isLong(item) && previous.kind === "entry")
  );
}

/** Whether the entry takes more than one line. */
function isLong({ value }: Entry): boolean {
  if (value.kind === "object") return value.items.length > 0;
  return value.kind === "list" ? !fitsLine(value) : value.raw.includes("\n");
}

/** The width of the keys of each entry in a run of neighbours, so that their `=` stand below each other. */
function alignment(items: readonly Item[]): ReadonlyMap<Entry, number> {
  const widths = new Map<Entry, number>();
  let run: Entry[] = [];
  const endRun = (): void => {
    const width = Math.max(0, ...run.map(headOf).map(({ length }) => length));
    for (const entry of run) widths.set(entry, width);
    run = [];
  };
  for (const item of items) {
    if (item.kind === "comment" || !item.assigned || isLong(item)) {
      endRun();
      continue;
    }
    if (item.apart) endRun();
    run.push(item);
  }
  endRun();
  return widths;
}

function headOf({ keys }: Entry): string {
  return keys.join(" ");
}

function entryLines(entry: Entry, indent: string, width: number): readonly string[] {
  const head = entry.assigned ? `${headOf(entry).padEnd(width)} =` : headOf(entry);
  const [first = "", ...rest] = valueLines(entry.value, indent);
  const lines = [`${indent}${head} ${first}`, ...rest];
  return withTrailing(lines, entry.trailing, indent, entry.value);
}

/** Comments go behind the last line; behind a heredoc's end nothing may stand. */
function withTrailing(
  lines: readonly string[],
  trailing: readonly string[],
  indent: string,
  value: Value,
): readonly string[] {
  if (trailing.length === 0) return lines;
  if (isHeredoc(value)) return [...lines, ...trailing.map((text) => indent + text)];
  return [...lines.slice(0, -1), [lines.at(-1) ?? "", ...trailing].join(" ")];
}

function isHeredoc(value: Value): boolean {
  return value.kind === "scalar" && value.raw.startsWith("<<");
}

/** The first line without indentation: it follows its key. */
function valueLines(value: Value, indent: string): readonly string[] {
  switch (value.kind) {
    case "scalar":
      return value.raw.split("\n");
    case "object":
      if (value.items.length === 0) return ["{}"];
      return ["{", ...itemLines(value.items, indent + INDENT, false), `${indent}}`];
    case "list":
      if (fitsLine(value)) return [oneLine(value)];
      return ["[", ...value.items.flatMap((item) => listItemLines(item, indent + INDENT)), `${indent}]`];
  }
}

function listItemLines(item: ListItem, indent: string): readonly string[] {
  if (item.kind === "comment") return [indent + item.text];
  const [first = "", ...rest] = valueLines(item.value, indent);
  const lines = [indent + first, ...rest];
  if (isHeredoc(item.value)) return [...lines, `${indent},`, ...item.trailing.map((text) => indent + text)];
  const closed = [...lines.slice(0, -1), `${lines.at(-1) ?? ""},`];
  return withTrailing(closed, item.trailing, indent, item.value);
}

function fitsLine(value: Value): boolean {
  if (value.kind === "scalar") return !value.raw.includes("\n");
  if (value.kind === "object") return value.items.length === 0;
  return (
    value.oneLine &&
    value.items.every((item) => item.kind === "value" && item.trailing.length === 0 && fitsLine(item.value))
  );
}

function oneLine(value: Value): string {
  if (value.kind === "scalar") return value.raw;
  if (value.kind === "object") return "{}";
  const items = value.items.filter((item): item is Exclude<ListItem, Comment> => item.kind === "value");
  return `[${items.map((item) => oneLine(item.value)).join(", ")}]`;
}

/** Every member and element on its own line, but lists of plain values that stood on one. */
function formatJson(tokens: readonly Token[]): string {
  const comment = tokens.find(({ type }) => type === "comment");
  if (comment !== undefined) throw new HclError("JSON has no comments", comment.at);
  let next = 0;
  const value = (indent: string): string => {
    const token = tokens[next++] as Token;
    if (token.raw !== "{" && token.raw !== "[") return token.raw;
    const close = token.raw === "{" ? "}" : "]";
    const inner = indent + INDENT;
    const parts: string[] = [];
    let plain = close === "]";
    while (tokens[next]?.raw !== close) {
      if (close === "}") {
        const key = tokens[next]?.raw ?? "";
        next += 2;
        parts.push(`${key}: ${value(inner)}`);
      } else {
        plain &&= tokens[next]?.type !== "punctuation";
        parts.push(value(inner));
      }
      if (tokens[next]?.raw === ",") next++;
    }
    const end = tokens[next++] as Token;
    if (parts.length === 0) return token.raw + close;
    if (plain && token.at.line === end.at.line) return `[${parts.join(", ")}]`;
    return `${token.raw}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
  };
  return `${value("")}\n`;
}
