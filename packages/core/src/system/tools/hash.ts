/** `sys/tools/hash`: the hash of what the client sends. */
import { createHash } from "node:crypto";
import { definePath, type FieldSchemas, LogicalError } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "../system-path.ts";

const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["sha2-224", "sha224"],
  ["sha2-256", "sha256"],
  ["sha2-384", "sha384"],
  ["sha2-512", "sha512"],
  ["sha3-224", "sha3-224"],
  ["sha3-256", "sha3-256"],
  ["sha3-384", "sha3-384"],
  ["sha3-512", "sha3-512"],
]);

const BODY = {
  input: { type: "string", description: "What to hash, in base64." },
  algorithm: { type: "string", description: "sha2-256 and its kin, or sha3-256 and its.", default: "sha2-256" },
  format: { type: "string", description: "hex or base64.", default: "hex" },
} as const satisfies FieldSchemas;

export function hashPath(_services: SystemServices): SystemPath {
  return pathOf("tools/hash", {});
}

export function hashByAlgorithmPath(_services: SystemServices): SystemPath {
  return pathOf("tools/hash/:urlalgorithm", {
    urlalgorithm: { type: "string", description: "As algorithm." },
  });
}

function pathOf(pattern: string, captures: FieldSchemas): SystemPath {
  const fields: FieldSchemas = { ...BODY, ...captures };
  const path = definePath({
    pattern,
    fields,
    operations: {
      update: {
        summary: "The hash of what is sent.",
        handler: (_context, _request, given) => {
          const name = (given.get("urlalgorithm") ?? given.get("algorithm")) as string;
          const algorithm = ALGORITHMS.get(name);
          if (algorithm === undefined) throw new LogicalError("invalid_request", `unsupported algorithm ${name}`);
          const format = given.get("format") as string;
          if (format !== "hex" && format !== "base64") {
            throw new LogicalError(
              "invalid_request",
              `unsupported encoding format "${format}"; must be "hex" or "base64"`,
            );
          }
          const sum = createHash(algorithm)
            .update(inputOf(given.get("input") as string | undefined))
            .digest(format);
          return { kind: "data", data: { sum } };
        },
      },
    },
    synopsis: "The hash of what is sent.",
    description: "Nothing is stored.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

function inputOf(text: string | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array(0);
  const bytes = Buffer.from(text, "base64");
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0) return bytes;
  throw new LogicalError("invalid_request", "unable to decode input as base64");
}
