/**
 * Bodies of type application/x-www-form-urlencoded, as old clients and `curl -d` send them: fields become the members of a JSON
 * object of texts. `curl` says that type of everything, so what begins as JSON is JSON, whatever it is called.
 */
import { encodeJson, LogicalError } from "@strongroom/logical";

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
/** In which JSON has to show itself. */
const LOOKED_AT = 512;
const MAX_FIELDS = 10_000;

export function isForm(contentType: string | undefined, body: Uint8Array): boolean {
  if (contentType === undefined || body.length === 0 || !FORM_TYPE.test(contentType.trim())) return false;
  for (const byte of body.subarray(0, LOOKED_AT)) {
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) continue;
    return byte !== 0x7b && byte !== 0x5b;
  }
  return false;
}

/** JSON; a field that comes again is joined by a comma. Throws `LogicalError` for what is no form. */
export function formToJson(body: Uint8Array): Uint8Array {
  const fields = new Map<string, string>();
  const pairs = text(body).split("&", MAX_FIELDS + 1);
  if (pairs.length > MAX_FIELDS) throw new LogicalError("json_too_complex", `a form may have ${MAX_FIELDS} fields`);
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decoded(pair.slice(equals + 1));
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before},${value}`);
  }
  return encodeJson(fields);
}

function text(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new LogicalError("invalid_request", "the form is not in UTF-8");
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll("+", " "));
  } catch {
    throw new LogicalError("invalid_request", "the form has a % that encodes nothing");
  }
}
