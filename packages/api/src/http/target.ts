/**
 * The request target, read from the raw bytes of the request line. Nothing normalises it: what the policy sees is what the
 * client wrote, decoded once. `new URL` would resolve `..`, drop tabs and take `//host` for a host, so it is not used.
 */
import { StrongroomError } from "@strongroom/runtime";

/** The path or the query cannot be what an honest client meant. */
export class BadTargetError extends StrongroomError {
  readonly code = "bad_request_target";
}

const LIMITS = {
  /** Bytes of the path after `/v1/`, decoded. */
  pathBytes: 4096,
  pathSegments: 64,
  queryParameters: 128,
} as const;

export interface Target {
  /** Decoded, without the query; begins with `/`. */
  readonly path: string;
  /** Raw, without `?`; empty when there is none. */
  readonly query: string;
}

const PERCENT = 0x25;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;

/** Characters that print nothing or change how others print (Unicode Cc, Cf, Zl, Zp): a name may not hide behind them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Splits and decodes `raw`, which is `request.url`. Throws `BadTargetError`. */
export function parseTarget(raw: string): Target {
  const mark = raw.indexOf("?");
  const rawPath = mark < 0 ? raw : raw.slice(0, mark);
  const path = rawPath.includes("%") ? decodePath(rawPath) : rawPath;
  checkPath(path, rawPath === path);
  return { path, query: mark < 0 ? "" : raw.slice(mark + 1) };
}

/** One pass for what every path must satisfy; `ascii` tells that nothing was decoded, so nothing else can be in it. */
function checkPath(path: string, ascii: boolean): void {
  if (path.charCodeAt(0) !== SLASH) throw new BadTargetError("the request target must be a path that begins with /");
  let segmentStart = 1;
  let segments = 0;
  for (let i = 1; i <= path.length; i++) {
    const code = i === path.length ? SLASH : path.charCodeAt(i);
    if (code === SLASH) {
      checkSegment(path, segmentStart, i);
      segmentStart = i + 1;
      segments++;
    } else if (code < 0x20 || code === 0x7f || code === BACKSLASH || (ascii && code > 0x7f)) {
      throw new BadTargetError("the path contains a control character, a backslash or an undecoded byte");
    }
  }
  if (segments > LIMITS.pathSegments + 2) {
    throw new BadTargetError(`the path has more than ${LIMITS.pathSegments} segments`);
  }
  if (path.length > LIMITS.pathBytes + 4 || (!ascii && Buffer.byteLength(path) > LIMITS.pathBytes + 4)) {
    throw new BadTargetError(`the path is longer than ${LIMITS.pathBytes} bytes`);
  }
  if (!ascii && UNPRINTABLE.test(path)) throw new BadTargetError("the path contains a character that does not print");
}

function checkSegment(path: string, start: number, end: number): void {
  const length = end - start;
  // A path may end in one slash: it names a directory.
  if (length === 0 && end !== path.length) throw new BadTargetError("the path contains an empty segment");
  if (length === 0 || length > 2 || path.charCodeAt(start) !== DOT) return;
  if (length === 1 || path.charCodeAt(start + 1) === DOT) {
    throw new BadTargetError("path cannot contain parent references");
  }
}

function decodePath(raw: string): string {
  return decodeBytes(raw, (byte) => {
    if (byte === SLASH) throw new BadTargetError("the path contains an encoded slash (%2F)");
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `%XX` once, then UTF-8, strictly. `check` sees each byte that was written as `%XX`. */
function decodeBytes(raw: string, check?: (byte: number) => void): string {
  const bytes = new Uint8Array(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    let byte = raw.charCodeAt(i);
    if (byte > 0x7e || byte < 0x21) throw new BadTargetError("the request target contains an unencoded byte");
    if (byte === PERCENT) {
      const high = hexDigit(raw.charCodeAt(i + 1));
      const low = hexDigit(raw.charCodeAt(i + 2));
      if (high < 0 || low < 0) throw new BadTargetError("the request target contains a % that encodes nothing");
      byte = high * 16 + low;
      check?.(byte);
      i += 2;
    }
    bytes[length++] = byte;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new BadTargetError("the request target is not valid UTF-8", { cause });
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Parameters in order of arrival; a repeated one keeps all its values. */
export type Query = Map<string, readonly string[]>;

/** Parses the raw query of a target; `+` is a space. Throws `BadTargetError`. */
export function parseQuery(raw: string): Query {
  if (raw === "") return new Map();
  const parameters: Map<string, string[]> = new Map();
  const parts = raw.split("&", LIMITS.queryParameters + 1);
  if (parts.length > LIMITS.queryParameters) {
    throw new BadTargetError(`the query has more than ${LIMITS.queryParameters} parameters`);
  }
  for (const part of parts) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decodeParameter(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? "" : decodeParameter(part.slice(equals + 1));
    const values = parameters.get(name);
    if (values === undefined) parameters.set(name, [value]);
    else values.push(value);
  }
  return parameters;
}

function decodeParameter(raw: string): string {
  return decodeBytes(raw.replaceAll("+", "%20"));
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** A boolean as Go's `strconv.ParseBool` reads it; the last of several counts. Throws `BadTargetError`. */
export function queryBoolean(query: Query, name: string): boolean {
  const value = query.get(name)?.at(-1);
  if (value === undefined || FALSE.has(value)) return false;
  if (TRUE.has(value)) return true;
  throw new BadTargetError(`the query parameter "${name}" must be true or false`);
}
