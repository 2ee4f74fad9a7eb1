import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ByteWriter, utf8 } from "@strongroom/runtime";
import { afterAll, describe, expect, it } from "vitest";
import { TableOpenError, TableReadError } from "./errors.ts";
import { LevelImage } from "./level-image.ts";
import { LevelTable } from "./level-table.ts";
import type { Table, TableOp } from "./table.ts";

const parent = await mkdtemp(join(tmpdir(), "strongroom-image-"));
let made = 0;
const newDirectory = (): string => join(parent, String(made++));
const EVERYTHING = { gte: new Uint8Array(0), lt: Uint8Array.of(0xff) };
const MIB = 1024 * 1024;

afterAll(() => rm(parent, { recursive: true, force: true }));

const number = (i: number): Uint8Array => new ByteWriter(4).u32(i).finish();

async function filled(directory: string, rows: number, bytes: number): Promise<LevelTable> {
  const table = await LevelTable.open(directory);
  for (let i = 0; i < rows; i++) {
    await table.write([{ type: "put", key: number(i), value: new Uint8Array(bytes).fill(i) }]);
  }
  return table;
}

describe("the image of a table of LevelDB", () => {
  it("is opened anew for each 16 MiB, and once at a time, so that no more of it is mapped", async () => {
    const directory = newDirectory();
    const table = await filled(directory, 640, MIB / 16);
    await table.flush();
    let open = 0;
    let read = 0;
    const stretches: number[] = [];
    const image = await LevelImage.make(directory, newDirectory(), async (path) => {
      expect(open++).toBe(0);
      const opened = await LevelTable.open(path, { discardLog: true });
      const from = read;
      const close = (): Promise<void> => {
        open--;
        stretches.push(read - from);
        return opened.close();
      };
      return { ...tableOf(opened), close };
    });
    const iterator = image.iterator(EVERYTHING);
    const keys: Uint8Array[] = [];
    for (let rows = await iterator.next(10); rows.length > 0; rows = await iterator.next(10)) {
      for (const { key, value } of rows) {
        keys.push(key);
        read += key.length + value.length;
      }
    }
    await iterator.close();
    await image.close();
    await table.close();
    expect(keys).toEqual(Array.from({ length: 640 }, (_, i) => number(i)));
    // The first opening only proves that there is a table.
    expect([open, stretches.map((bytes) => Math.round(bytes / MIB))]).toEqual([0, [0, 16, 16, 8]]);
  });

  it("is of one moment, whatever LevelDB writes, compacts and deletes while it is made and read", async () => {
    const table = await LevelTable.open(newDirectory(), { writeBufferBytes: 65_536 });
    let writing = true;
    const writes = (async () => {
      for (let round = 1; writing; round++) {
        const value = new Uint8Array(400).fill(round);
        const op = (i: number): TableOp => ({ type: "put", key: number(i), value });
        await table.write(Array.from({ length: 200 }, (_, i) => op(i)));
      }
    })();
    const rounds: number[] = [];
    for (let looks = 0; looks < 6; looks++) {
      const image = await table.image();
      const iterator = image.iterator(EVERYTHING);
      const seen = new Set<number | undefined>();
      let rows = 0;
      for (let page = await iterator.next(20); page.length > 0; page = await iterator.next(20)) {
        rows += page.length;
        for (const { value } of page) seen.add(value[0]);
      }
      await iterator.close();
      await image.close();
      expect([[0, 200].includes(rows), seen.size <= 1]).toEqual([true, true]);
      rounds.push(rows);
    }
    writing = false;
    await writes;
    await table.close();
    expect(rounds.at(-1)).toBe(200);
  });

  it("is made again where a compaction took away what its manifest lists", async () => {
    const directory = newDirectory();
    const table = await filled(directory, 3, 10);
    await table.flush();
    let openings = 0;
    const image = await LevelImage.make(directory, newDirectory(), async (path) => {
      if (openings++ === 0)
        for (const name of await readdir(path)) if (name.endsWith(".ldb")) await rm(join(path, name));
      return LevelTable.open(path, { discardLog: true, createIfMissing: false });
    });
    const iterator = image.iterator(EVERYTHING);
    expect(await iterator.next(9)).toHaveLength(3);
    await iterator.close();
    await image.close();
    await table.close();
  });

  it("tells a table file that is gone as damage, which is not tried again later", async () => {
    const directory = newDirectory();
    const table = await filled(directory, 3, 10);
    await table.flush();
    for (const name of await readdir(directory)) if (name.endsWith(".ldb")) await rm(join(directory, name));
    await expect(table.image()).rejects.toThrow(TableReadError);
    await table.close();
  });

  it("leaves nothing behind, and what a killed process leaves goes at the next opening", async () => {
    const directory = newDirectory();
    const images = async (): Promise<string[]> => (await readdir(directory)).filter((name) => name.startsWith("image"));
    const table = await filled(directory, 3, 10);
    await table.flush();
    const image = await table.image();
    expect(await images()).toHaveLength(1);
    await image.close();
    expect(await images()).toEqual([]);
    await table.image();
    await table.close();
    const again = await LevelTable.open(directory, { discardLog: true });
    expect([await images(), again.getSync(number(2))]).toEqual([[], new Uint8Array(10).fill(2)]);
    await again.close();
  });

  it("is no empty table once its files are gone", async () => {
    const table = await filled(newDirectory(), 3, 10);
    const image = await table.image();
    await image.close();
    await expect(image.get(number(1))).rejects.toThrow(TableOpenError);
    await expect(image.iterator(EVERYTHING).next(1)).rejects.toThrow(TableOpenError);
    await table.close();
  });

  it("that cannot be made is refused, and its table goes on", async () => {
    const directory = newDirectory();
    const table = await filled(directory, 3, 10);
    const nowhere = join(newDirectory(), "no", "such", "place");
    const error = await LevelImage.make(directory, nowhere, (path) => LevelTable.open(path)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(TableOpenError);
    await table.write([{ type: "put", key: number(9), value: utf8("x") }]);
    expect(table.getSync(number(9))).toEqual(utf8("x"));
    await table.close();
  });
});

function tableOf(table: LevelTable): Table {
  return {
    getSync: (key) => table.getSync(key),
    write: (ops) => table.write(ops),
    snapshot: () => table.snapshot(),
    image: () => table.image(),
    flush: () => table.flush(),
    close: () => table.close(),
  };
}
