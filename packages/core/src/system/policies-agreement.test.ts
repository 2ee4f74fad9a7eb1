/** What the server says of a token's rights is what it does: real requests beside sys/capabilities and sys/policies/explain. */
import { kvFactory } from "@strongroom/secrets";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { authOf, bodyOf, TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

const RUNS = 30;
const SEED = Number(process.env["STRONGROOM_SEED"] ?? 20_300_101);
const SEGMENTS = ["a", "b"] as const;
/** What is asked, and the capability that it takes. `put` is a write where something is, `make` one where nothing is. */
const ASKED = { get: "read", list: "list", put: "update", make: "create", delete: "delete" } as const;
type Asked = keyof typeof ASKED;

let node: TestNode;

beforeAll(async () => {
  node = new TestNode([kvFactory]);
  await node.initialize();
  await node.call("update", "sys/mounts/kv", { body: { type: "kv" } });
});

const segment = fc.constantFrom(...SEGMENTS);
const path = fc.array(segment, { minLength: 1, maxLength: 2 }).map((segments) => `kv/${segments.join("/")}`);
const pattern = fc
  .tuple(
    fc.array(fc.constantFrom(...SEGMENTS, "+"), { minLength: 1, maxLength: 2 }),
    fc.constantFrom("", "*", "/*", "/"),
  )
  .map(([segments, end]) => `kv/${segments.join("/")}${end}`)
  .filter((text) => !text.includes("+*"));
const rule = fc.record({
  pattern,
  capabilities: fc.oneof(
    { weight: 9, arbitrary: fc.subarray(["create", "read", "update", "delete", "list"], { minLength: 2 }) },
    { weight: 1, arbitrary: fc.constant(["deny"]) },
  ),
});
const policy = fc
  .array(rule, { minLength: 2, maxLength: 5 })
  .map((rules) =>
    rules.map((each) => `path "${each.pattern}" { capabilities = ${JSON.stringify(each.capabilities)} }`).join("\n"),
  );
const question = fc.record({ path, asked: fc.constantFrom(...(Object.keys(ASKED) as Asked[])) });

/** Whether policy let it by, by doing it. */
async function isLet(asked: Asked, at: string, token: string): Promise<boolean> {
  if (asked === "make") await node.call("delete", at);
  else await node.call("update", at, { body: { v: "1" } });
  const answer =
    asked === "get"
      ? node.call("read", at, { token })
      : asked === "list"
        ? node.call("list", `${at}/`, { token })
        : asked === "delete"
          ? node.call("delete", at, { token })
          : node.call("update", at, { token, body: { v: "2" } });
  return !(await wireCode(answer)).startsWith("permission_denied");
}

describe("enforcement", () => {
  it("does what sys/capabilities and sys/policies/explain say that it would", async () => {
    const seen = { allowed: 0, denied: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(policy, policy),
        fc.array(question, { minLength: 8, maxLength: 8 }),
        async (texts, all) => {
          for (const [i, text] of texts.entries()) {
            await node.call("update", `sys/policies/acl/p${i}`, { body: { policy: text } });
          }
          const made = await node.call("update", "auth/token/create", { body: { policies: ["p0", "p1"] } });
          const { token } = authOf(made);
          for (const { path: named, asked } of all) {
            const at = asked === "list" ? `${named}/` : named;
            const told = { token, paths: [at] };
            const capabilities = bodyOf(await node.call("update", "sys/capabilities", { body: told })) as {
              readonly capabilities: readonly string[];
            };
            const own = bodyOf(await node.call("update", "sys/capabilities-self", { token, body: { paths: [at] } }));
            const explained = bodyOf(
              await node.call("update", "sys/policies/explain", { body: { token, path: at, operation: ASKED[asked] } }),
            ) as { readonly allowed: boolean };
            const done = await isLet(asked, named, token);
            expect({
              capabilities: capabilities.capabilities.includes(ASKED[asked]),
              explained: explained.allowed,
              own,
            }).toEqual({ capabilities: done, explained: done, own: capabilities });
            if (done) seen.allowed++;
            else seen.denied++;
          }
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
    expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(RUNS);
  });
});
