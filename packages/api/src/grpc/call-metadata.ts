/** Who asks, from a call's metadata. What decides that may stand there once: of two values a proxy might pass on either. */
import type { Metadata } from "@grpc/grpc-js";
import { namespacePath } from "../namespace.ts";
import { GrpcRefusal } from "./errors.ts";

const TOKEN = "x-vault-token";
const NAMESPACE = "x-vault-namespace";
const WRAP_TTL = "x-vault-wrap-ttl";
/** HTTP/2 hands a repeated header on as one text with commas, so no token may have one. */
const TOKEN_FORM = /^[\x21-\x2b\x2d-\x7e]{1,8192}$/;

/** The one token. Throws `GrpcRefusal`. */
export function tokenOf(metadata: Metadata): Uint8Array {
  const token = once(metadata, TOKEN);
  if (token === undefined || token === "") {
    throw new GrpcRefusal("missing_token", `the call carries no token: set the metadata "${TOKEN}"`);
  }
  if (!TOKEN_FORM.test(token)) {
    throw new GrpcRefusal("bad_metadata", `the metadata "${TOKEN}" is not one token`);
  }
  return Buffer.from(token, "latin1");
}

/** Without slashes around it; empty: the root namespace. Throws `GrpcRefusal`. */
export function namespaceOf(metadata: Metadata): string {
  const path = namespacePath(once(metadata, NAMESPACE) ?? "");
  if (path === undefined) throw new GrpcRefusal("bad_metadata", `the metadata "${NAMESPACE}" is not a namespace path`);
  return path;
}

/** Who asks for a wrapping that cannot be must not get the secret unwrapped. Throws `GrpcRefusal`. */
export function refuseWrapping(metadata: Metadata): void {
  const asked = metadata.get(WRAP_TTL).some((value) => value !== "" && value !== "0");
  if (asked) throw new GrpcRefusal("bad_metadata", `the metadata "${WRAP_TTL}" is not supported: ask over HTTP`);
}

function once(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  if (values.length > 1) throw new GrpcRefusal("bad_metadata", `the metadata "${name}" may be sent only once`);
  return values[0]?.toString();
}
