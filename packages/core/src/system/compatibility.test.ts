/** docs/compatibility.md says which of Vault's paths are not there. */
import { readFileSync } from "node:fs";
import { approleFactory, userpassFactory } from "@strongroom/auth";
import { cubbyholeFactory, kvFactory } from "@strongroom/secrets";
import { describe, expect, it } from "vitest";
import { TestNode } from "../testing/test-node.ts";
import { wireCode } from "../testing/wire-code.ts";

const text = readFileSync(new URL("../../../../docs/compatibility.md", import.meta.url), "utf8");
const [, section = ""] = text.split("## What is not there");
const absent = [...section.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path),
);

describe("what is said not to be there", () => {
  it("is not", async () => {
    const node = new TestNode([kvFactory, cubbyholeFactory, userpassFactory, approleFactory]);
    await node.initialize();
    expect(absent).toContain("sys/generate-root");
    for (const path of absent.flatMap((base) => [base, `${base}/below`])) {
      for (const operation of ["read", "list", "update", "delete"] as const) {
        expect(await wireCode(node.call(operation, path)), `${operation} ${path}`).toMatch(/^unsupported_path/);
      }
    }
  });
});
