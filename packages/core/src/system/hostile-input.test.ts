/** Every endpoint of the server's own, given what is of the wrong type in each of its fields: a typed refusal, or an answer. */
import { encodeJson, type Operation, type PathDefinition } from "@strongroom/logical";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import { kvFactory } from "@strongroom/secrets";
import { beforeAll, describe, expect, it } from "vitest";
import { TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

const VALUES = [
  "null",
  "true",
  "-1",
  "1.5",
  "1e400",
  "9007199254740993",
  '""',
  '" "',
  '"\\u0000"',
  '"\u221e"',
  "[]",
  "[[]]",
  '["a",{}]',
  "{}",
  '{"__proto__":{"a":1}}',
] as const;
const BODIES = ["", "null", "{}", "[]", '"x"', "{", '{"a":1,"a":2}', '{"constructor":1,"__proto__":2}'] as const;
/** What ends the node or the token that the others are asked of. */
const ENDS = new Set(["seal", "revoke-self"]);
const WRITES: readonly Operation[] = ["update", "patch"];

let node: TestNode;

beforeAll(async () => {
  node = new TestNode([kvFactory]);
  await node.initialize();
});

async function ask(operation: Operation, path: string, body: string | undefined, query?: string): Promise<string> {
  return wireCode(
    node.core.handle({
      id: "hostile",
      operation,
      path,
      query: new Map(query === undefined ? [] : [[query, ["\u0000", "[]"]]]),
      remoteAddress: "127.0.0.1",
      namespace: "",
      deadlineMs: node.store.clock.monotonicMs() + 10_000,
      token: utf8(node.rootToken),
      ...(body === undefined ? undefined : { body: utf8(body) }),
      ...(operation === "patch" ? { contentType: "application/merge-patch+json" } : undefined),
    }),
  );
}

/** Goes round the lists, whose lengths have no common divisor with what is taken at a time: each field gets others. */
let turn = 0;

/** All questions that are put to one path. */
function* questions(path: PathDefinition): Generator<Parameters<typeof ask>> {
  const at = path.pattern.replace(/[:*][a-z_]+/g, "sample");
  const fields = Object.keys(path.fields);
  for (const operation of Object.keys(path.operations) as Operation[]) {
    const asked = operation === "create" ? "update" : operation;
    const where = asked === "list" ? `${at}/` : at;
    if (!WRITES.includes(asked)) {
      yield [asked, where, undefined];
      for (const field of fields) yield [asked, where, undefined, field];
      continue;
    }
    for (let i = 0; i < 3; i++) yield [asked, where, BODIES[turn++ % BODIES.length]];
    for (const field of fields) {
      for (let i = 0; i < 4; i++) {
        yield [asked, where, `{${fromUtf8(encodeJson(field))}:${VALUES[turn++ % VALUES.length]}}`];
      }
    }
  }
}

describe("the server's own endpoints", () => {
  it("refuse what is of the wrong type with a typed error, and go on", async () => {
    let asked = 0;
    for (const { mount, backend } of node.core.systems) {
      for (const path of backend.paths.filter(({ pattern }) => !ENDS.has(pattern))) {
        for (const [operation, at, ...rest] of questions(path)) {
          // `wireCode` throws what is none: it would be answered by a 500.
          const outcome = await ask(operation, mount.path + at, ...rest);
          expect(outcome, `${operation} ${at} ${rest.join(" ")}`).not.toMatch(/^(internal|integrity|command_rejected)/);
          asked++;
        }
      }
    }
    expect(asked).toBeGreaterThan(1000);
    expect(await ask("read", "auth/token/lookup-self", undefined)).toBe("ok");
  });
});
