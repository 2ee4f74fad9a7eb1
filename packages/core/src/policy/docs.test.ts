/** The examples of docs/policies.md: each policy parses, each request is decided as written. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseJson } from "@strongroom/logical";
import { utf8 } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { compileAcl } from "./acl.ts";
import type { AclOperation, AclQuery } from "./decision.ts";
import { parsePolicy } from "./parse-policy.ts";
import { parsePasswordPolicy } from "./password-policy.ts";
import { CAPABILITIES } from "./policy.ts";
import { NO_IDENTITY, type TemplateContext } from "./template-context.ts";

const page = readFileSync(fileURLToPath(new URL("../../../../docs/policies.md", import.meta.url)), "utf8");
const blocks = [...page.matchAll(/^```(hcl|hcl password|decisions)\n(.*?)^```$/gms)].map(
  ([, kind = "", text = ""]) => ({ kind, text }),
);

const examples = blocks.flatMap(({ kind, text }, i) => {
  if (kind !== "decisions") return [];
  const policy = blocks[i - 1]?.text ?? "";
  return text
    .trimEnd()
    .split("\n")
    .map((line) => ({ line, policy }));
});

/** `operation path outcome [reason] [wrap=N] [as=NAME] [body]`. */
function read(line: string): { query: AclQuery; expected: readonly string[]; identity: TemplateContext } {
  const [, head = "", body] = /^([^{]*)(\{.*\})?$/.exec(line) ?? [];
  const [operation = "", path = "", ...rest] = head.trim().split(/\s+/);
  const option = (name: string): string | undefined =>
    rest.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const [wrap, as] = [option("wrap"), option("as")];
  const parameters = body === undefined ? undefined : parseJson(utf8(body)).object();
  return {
    query: {
      operation: operation as AclOperation,
      path,
      ...(parameters === undefined ? undefined : { parameters }),
      ...(wrap === undefined ? undefined : { wrapTtlSeconds: Number(wrap) }),
    },
    expected: rest.filter((word) => !word.includes("=")),
    identity:
      as === undefined
        ? NO_IDENTITY
        : { entity: { id: "1", name: as, metadata: new Map(), aliases: new Map() }, groups: [] },
  };
}

describe("docs/policies.md", () => {
  it("has examples, and a password policy that holds", () => {
    expect(examples.length).toBeGreaterThan(25);
    const [password] = blocks.filter(({ kind }) => kind === "hcl password");
    expect(parsePasswordPolicy(password?.text ?? "").length).toBe(24);
  });

  it.each(examples)("$line", ({ line, policy }) => {
    const { query, expected, identity } = read(line);
    const { outcome, reason } = compileAcl([parsePolicy("example", policy)], identity).check(query);
    const [wantedOutcome, wantedReason = outcome === "allowed" ? "granted" : undefined] = expected;
    expect([outcome === "allowed" ? "allowed" : "denied", reason.type]).toEqual([wantedOutcome, wantedReason]);
  });

  it("names every capability", () => {
    for (const capability of CAPABILITIES) expect(page).toContain(`\`${capability}\``);
  });
});
