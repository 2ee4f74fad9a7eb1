import { utf8 } from "@strongroom/runtime";
import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { INITIAL_GENERATION } from "./generation-store.ts";
import { MemoryGenerations } from "./memory-generations.ts";

const key = (i: number) => utf8(`key ${String(i).padStart(3, "0")}`);

describe("generations in memory", () => {
  it("keep after a crash what was flushed and a first part of what followed", async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const generations = new MemoryGenerations({ crashable: true });
      const table = await generations.open(INITIAL_GENERATION);
      for (let i = 0; i < 5; i++) await table.write([{ type: "put", key: key(i), value: utf8("flushed") }]);
      await table.write([{ type: "delete", key: key(0) }]);
      await table.flush();
      for (let i = 5; i < 10; i++) await table.write([{ type: "put", key: key(i), value: utf8("not flushed") }]);
      generations.crash(new SeededRandom(seed));
      const left = await generations.open(INITIAL_GENERATION);
      const there = Array.from({ length: 10 }, (_, i) => left.getSync(key(i)) !== undefined);
      const length = there.lastIndexOf(true);
      expect(there).toEqual(there.map((_, i) => i > 0 && i <= length));
      expect(length).toBeGreaterThanOrEqual(4);
      lengths.add(length);
    }
    expect(lengths.size).toBe(6);
  });
});
