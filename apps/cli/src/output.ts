/** How results are printed: Vault's two-column tables, JSON, YAML, or one raw field. */
import { stringify } from "yaml";
import { type Context, EXIT, LocalError } from "./command.ts";
import { exactSource } from "./exact-json.ts";
import type { ApiBody } from "./server-api.ts";
import type { Format } from "./settings.ts";

export type Row = readonly string[];

/** Columns that are as wide as their widest cell, three spaces apart, under a ruled header. */
export function table(header: Row, rows: readonly Row[]): string {
  const all = [header, header.map((title) => "-".repeat(title.length)), ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => lengthOf(row[column] ?? ""))));
  return `${all
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n")}\n`;
}

/** One object as `Key   Value`, keys in order. */
export function keyValueTable(data: Readonly<Record<string, unknown>>): string {
  const rows = Object.keys(data)
    .sort()
    .map((key) => [key, display(data[key])]);
  return table(["Key", "Value"], rows);
}

/** A value as Go prints it in Vault's tables. */
export function display(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "string") return value;
  const source = exactSource(value);
  if (source !== undefined) return source;
  if (Array.isArray(value)) return `[${value.map(display).join(" ")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${members.map(([key, member]) => `${key}:${display(member)}`).join(" ")}]`;
  }
  return JSON.stringify(value);
}

export interface Printable {
  /** The server's whole answer: what `json` and `yaml` print. */
  readonly body: ApiBody;
  /** What `-field` looks in and `table` prints; the body's `data` unless a command knows better. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Replaces the two-column table. */
  readonly table?: () => string;
}

/** Prints a result in the format asked for, warnings first; returns the exit code. */
export function print(context: Context, format: Format, printable: Printable, field?: string): number {
  const { body } = printable;
  const fields = printable.fields ?? body.data ?? {};
  if (field !== undefined) return printField(context, format, fields, field);
  switch (format) {
    case "json":
      context.terminal.out(`${JSON.stringify(body, undefined, 2)}\n`);
      return EXIT.ok;
    case "yaml":
      context.terminal.out(yaml(body));
      return EXIT.ok;
    case "raw":
      throw new LocalError("The raw format prints one field: give -field=NAME too.");
    case "table":
      for (const warning of body.warnings ?? []) context.terminal.error(`WARNING! ${warning}\n`);
      context.terminal.out(printable.table?.() ?? keyValueTable(fields));
      return EXIT.ok;
  }
}

/** That something was done which answers nothing: a sentence for people, and silence for programs, as Vault's tool has it. */
export function printDone(context: Context, format: Format, sentence: string): number {
  if (format === "table") context.terminal.out(`${sentence}\n`);
  return EXIT.ok;
}

function printField(
  context: Context,
  format: Format,
  fields: Readonly<Record<string, unknown>>,
  field: string,
): number {
  if (!Object.hasOwn(fields, field)) {
    throw new LocalError(
      `Field "${field}" not present in the answer. It has: ${Object.keys(fields).sort().join(", ") || "no fields"}.`,
    );
  }
  const value = fields[field];
  if (format === "json") context.terminal.out(`${JSON.stringify(value)}\n`);
  else if (format === "yaml") context.terminal.out(yaml(value));
  else {
    const text =
      typeof value === "object" && value !== null && exactSource(value) === undefined
        ? JSON.stringify(value)
        : display(value);
    // A pipe gets the bytes and no more; a person gets the prompt on a line of its own.
    context.terminal.out(context.terminal.interactive ? `${text}\n` : text);
  }
  return EXIT.ok;
}

/** A list of keys under `Keys`, or `null`-safe JSON. */
export function printKeys(context: Context, format: Format, body: ApiBody): number {
  const keys = Array.isArray(body.data?.["keys"]) ? body.data["keys"].map(String) : [];
  if (format === "json") {
    context.terminal.out(`${JSON.stringify(keys, undefined, 2)}\n`);
    return EXIT.ok;
  }
  if (format === "yaml") {
    context.terminal.out(stringify(keys));
    return EXIT.ok;
  }
  context.terminal.out(
    format === "raw"
      ? keys.map((key) => `${key}\n`).join("")
      : table(
          ["Keys"],
          keys.map((key) => [key]),
        ),
  );
  return EXIT.ok;
}

/** A list of keys with what `key_info` says of each, a column a member. */
export function printDetailedKeys(context: Context, format: Format, body: ApiBody): number {
  const { keys = [], key_info: info = {} } = (body.data ?? {}) as {
    readonly keys?: readonly string[];
    readonly key_info?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  const columns = [...new Set(Object.values(info).flatMap(Object.keys))].sort();
  const rows = keys.map((key) => [key, ...columns.map((column) => display(info[key]?.[column]))]);
  return print(context, format, { body, table: () => table(["Keys", ...columns], rows) });
}

function yaml(value: unknown): string {
  return stringify(value, (_key, member: unknown) => {
    const source = exactSource(member);
    return source === undefined ? member : /^-?\d+$/.test(source) ? BigInt(source) : source;
  });
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - lengthOf(cell)));
}

/** In characters, as a terminal counts them. */
function lengthOf(cell: string): number {
  return Array.from(cell).length;
}
