import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./testing/harness.ts";

const { lines } = JSON.parse(
  readFileSync(new URL("../../../packages/audit/testdata/audit-v1.json", import.meta.url), "utf8"),
) as { readonly lines: readonly string[] };

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-audit-verify-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function file(content: readonly string[]): string {
  const path = join(directory, "audit.log");
  writeFileSync(path, `${content.join("\n")}\n`);
  return path;
}

describe("audit verify", () => {
  it("exits 0 for what was written, and tells how far each stream goes", async () => {
    const { code, out } = await run(["audit", "verify", file(lines)]);
    expect(code).toBe(0);
    expect(out).toContain("4 records, nothing is wrong");
    expect(out).toMatch(/000001-0c754338 +1 +4 +closed/);
  });

  it("exits 1 and names the line for what was changed", async () => {
    const path = file(lines.map((line, i) => (i === 1 ? line.replace("10.0.0.7", "10.0.0.8") : line)));
    const { code, out } = await run(["audit", "verify", path]);
    expect(code).toBe(1);
    expect(out).toContain(`${path}:3: broken: record 3 names another record before it`);
    const json = await run(["audit", "verify", "-format=json", path]);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ problemCount: 1, problems: [{ line: 3, kind: "broken" }] });
  });

  it("exits 1 for what cannot be read and for what holds no records", async () => {
    expect((await run(["audit", "verify", join(directory, "none")])).code).toBe(1);
    expect(await run(["audit", "verify", directory])).toMatchObject({ code: 1 });
    expect((await run(["audit", "verify", file(["hello"])])).code).toBe(1);
  });
});
