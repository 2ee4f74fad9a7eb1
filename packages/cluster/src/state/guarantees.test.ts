/** Promises of docs/guarantees.md that are those of the state's directories. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@strongroom/runtime";
import { expect, it } from "vitest";
import { INITIAL_GENERATION } from "./generation-store.ts";
import { Generations } from "./generations.ts";

it("whoever opens a generation first believes none of LevelDB's own log", async () => {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-generation-"));
  try {
    const generations = await Generations.open(directory);
    const first = await generations.open(INITIAL_GENERATION);
    await first.write([{ type: "put", key: utf8("a"), value: utf8("flushed") }]);
    await first.flush();
    await first.write([{ type: "put", key: utf8("a"), value: utf8("in LevelDB's log alone") }]);
    await first.close();
    const again = await generations.open(INITIAL_GENERATION);
    expect(again.getSync(utf8("a"))).toEqual(utf8("flushed"));
    await again.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
