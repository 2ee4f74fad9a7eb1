/** How far a device has come: in each stream, which segment, where in it, and which record was its last. */
import { fromUtf8, utf8 } from "@strongroom/runtime";

export interface Position {
  readonly segment: number;
  /** Bytes of the segment that are done. */
  readonly offset: number;
  /** Of the last record; 0 for none. */
  readonly seq: number;
}

export type Positions = ReadonlyMap<string, Position>;

export interface Cursor {
  /** Of the device: a cursor of another that had the same path is no use. */
  readonly uuid: string;
  readonly positions: Positions;
}

const VERSION = 1;

export function encodeCursor({ uuid, positions }: Cursor): Uint8Array {
  return utf8(`${JSON.stringify({ version: VERSION, uuid, positions: Object.fromEntries(positions) })}\n`);
}

/** Undefined for bytes that are no cursor, such as what a loss of power left of one. */
export function decodeCursor(bytes: Uint8Array): Cursor | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(bytes));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { version, uuid, positions } = parsed as Record<string, unknown>;
  if (version !== VERSION || typeof uuid !== "string" || typeof positions !== "object" || positions === null) {
    return undefined;
  }
  const entries = Object.entries(positions as Record<string, Position>).filter(([, position]) =>
    [position.segment, position.offset, position.seq].every((n) => Number.isSafeInteger(n) && n >= 0),
  );
  return { uuid, positions: new Map(entries) };
}

/** The file of the device at `path`, which ends with a slash. */
export function cursorFile(path: string): string {
  return `cursor-${Buffer.from(path).toString("hex")}.json`;
}
