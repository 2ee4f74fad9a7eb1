/**
 * An answer as bytes and back: what came out of the handler comes out again, value for value, so that every door dresses it
 * as it did the first time. The bytes lie sealed in rows that live for minutes; docs/formats/request-id.md has the format.
 */
import { type JsonValue, RawJson } from "@strongroom/logical";
import { assert, ByteReader, ByteWriter, fromUtf8, utf8 } from "@strongroom/runtime";
import type { CoreResult, JsonMembers } from "./request.ts";

/** Format 1 knew neither leases nor tokens. */
const OLD_FORMAT = 1;
const FORMAT = 2;
const NO_BYTES = new Uint8Array(0);
const KIND = { data: 1, empty: 2, notFound: 3, plain: 4, raw: 5 } as const;
const VALUE = { null: 0, false: 1, true: 2, number: 3, text: 4, raw: 5, array: 6, object: 7, map: 8 } as const;

/** In a buffer of its own, which the caller wipes. */
export function encodeAnswer(result: CoreResult): Uint8Array {
  const writer = new ByteWriter(512).u8(FORMAT);
  switch (result.kind) {
    case "data":
      writer
        .u8(KIND.data)
        .u16(result.status)
        .u8(result.topLevel === true ? 1 : 0)
        .bytes(utf8(result.mountType));
      writeValue(writer, result.warnings ?? []);
      writeValue(writer, result.data);
      writeGrants(writer, result);
      break;
    case "empty":
      writer.u8(KIND.empty);
      break;
    case "not-found":
      writer.u8(KIND.notFound);
      break;
    case "plain":
      writer.u8(KIND.plain).u16(result.status);
      writeValue(writer, result.body);
      break;
    case "raw":
      writer.u8(KIND.raw).u16(result.status).bytes(utf8(result.contentType)).bytes(result.body);
      break;
    case "stream":
      assert(false, "a write is not answered by a stream");
  }
  const bytes = writer.finish();
  writer.view().fill(0);
  return bytes;
}

/** What it returns may be views into `bytes`. Throws `AssertionError` for what `encodeAnswer` has not made. */
export function decodeAnswer(bytes: Uint8Array): CoreResult {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  assert(format === FORMAT || format === OLD_FORMAT, "a stored answer has a known format");
  const result = readResult(reader, format);
  assert(reader.remaining === 0, "a stored answer ends where it should");
  return result;
}

function readResult(reader: ByteReader, format: number): CoreResult {
  const kind = reader.u8();
  switch (kind) {
    case KIND.data: {
      const status = reader.u16();
      const topLevel = reader.u8() === 1 ? { topLevel: true } : undefined;
      const mountType = fromUtf8(reader.bytes());
      const warnings = readWarnings(reader);
      const data = readValue(reader);
      assert(data === null || data instanceof RawJson || isMembers(data), "an answer's data is an object");
      const grants = format === OLD_FORMAT ? undefined : readGrants(reader);
      return {
        kind: "data",
        status,
        data,
        mountType,
        ...(warnings.length === 0 ? undefined : { warnings }),
        ...topLevel,
        ...grants,
      };
    }
    case KIND.empty:
      return { kind: "empty" };
    case KIND.notFound:
      return { kind: "not-found" };
    case KIND.plain: {
      const status = reader.u16();
      const body = readValue(reader);
      assert(isMembers(body), "a plain answer is an object");
      return { kind: "plain", status, body };
    }
    default:
      assert(kind === KIND.raw, "a stored answer has a known kind");
      return { kind: "raw", status: reader.u16(), contentType: fromUtf8(reader.bytes()), body: reader.bytes() };
  }
}

type DataResult = Extract<CoreResult, { readonly kind: "data" }>;
type Grants = Pick<DataResult, "lease" | "auth" | "wrap" | "headers">;

/** Tokens as bytes apart from the rest, which is JSON. */
function writeGrants(writer: ByteWriter, { lease, auth, wrap, headers }: Grants): void {
  writer.bytes(auth?.clientToken ?? NO_BYTES).bytes(wrap?.token ?? NO_BYTES);
  const rest = {
    lease,
    auth: auth === undefined ? undefined : { ...auth, clientToken: "" },
    wrap: wrap === undefined ? undefined : { ...wrap, token: "" },
    headers: headers === undefined ? undefined : [...headers],
  };
  writer.bytes(utf8(JSON.stringify(rest)));
}

function readGrants(reader: ByteReader): Grants {
  const clientToken = reader.bytes();
  const token = reader.bytes();
  const { lease, auth, wrap, headers } = JSON.parse(fromUtf8(reader.bytes())) as Omit<Grants, "headers"> & {
    readonly headers?: readonly (readonly [string, string])[];
  };
  return {
    ...(lease === undefined ? undefined : { lease }),
    ...(auth === undefined ? undefined : { auth: { ...auth, clientToken } }),
    ...(wrap === undefined ? undefined : { wrap: { ...wrap, token } }),
    ...(headers === undefined ? undefined : { headers: new Map(headers) }),
  };
}

function readWarnings(reader: ByteReader): readonly string[] {
  const warnings = readValue(reader);
  assert(Array.isArray(warnings), "warnings are a list");
  return warnings.map((warning) => {
    assert(typeof warning === "string", "a warning is a text");
    return warning;
  });
}

function writeValue(writer: ByteWriter, value: JsonValue): void {
  if (value === null) writer.u8(VALUE.null);
  else if (typeof value === "boolean") writer.u8(value ? VALUE.true : VALUE.false);
  else if (typeof value === "number") writer.u8(VALUE.number).bytes(utf8(String(value)));
  else if (typeof value === "string") writer.u8(VALUE.text).bytes(utf8(value));
  else if (value instanceof RawJson) writer.u8(VALUE.raw).bytes(value.bytes);
  else if (isArray(value)) {
    writer.u8(VALUE.array).u32(value.length);
    for (const element of value) writeValue(writer, element);
  } else {
    const entries: readonly (readonly [string, JsonValue])[] =
      value instanceof Map ? [...value] : Object.entries(value);
    writer.u8(value instanceof Map ? VALUE.map : VALUE.object).u32(entries.length);
    for (const [name, member] of entries) {
      writer.bytes(utf8(name));
      writeValue(writer, member);
    }
  }
}

function readValue(reader: ByteReader): JsonValue {
  const tag = reader.u8();
  switch (tag) {
    case VALUE.null:
      return null;
    case VALUE.false:
      return false;
    case VALUE.true:
      return true;
    case VALUE.number:
      return Number(fromUtf8(reader.bytes()));
    case VALUE.text:
      return fromUtf8(reader.bytes());
    case VALUE.raw:
      return new RawJson(reader.bytes());
    case VALUE.array:
      return Array.from({ length: reader.u32() }, () => readValue(reader));
    default: {
      assert(tag === VALUE.object || tag === VALUE.map, "a stored value has a known kind");
      const entries = Array.from(
        { length: reader.u32() },
        () => [fromUtf8(reader.bytes()), readValue(reader)] as const,
      );
      // Not by assignment: "__proto__" is a name like others.
      return tag === VALUE.map ? new Map(entries) : Object.fromEntries(entries);
    }
  }
}

function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isMembers(value: JsonValue): value is JsonMembers {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof RawJson) &&
    !(value instanceof Map)
  );
}
