import { describe, expect, it } from "vitest";
import { MemoryTable } from "./memory-table.ts";
import { TABLE_CLAIMS } from "./testing/table-suite.ts";

describe("MemoryTable", () => {
  for (const { claim, check } of TABLE_CLAIMS) it(claim, () => check(async () => new MemoryTable()));

  it("refuses use after it was closed", async () => {
    const table = new MemoryTable();
    await table.close();
    expect(() => table.getSync(Uint8Array.of(1))).toThrow("closed");
    expect(() => table.snapshot()).toThrow("closed");
    await expect(table.write([])).rejects.toThrow("closed");
  });
});
