import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { fromUtf8, utf8 } from "@strongroom/runtime";
import { afterAll, describe, expect, it } from "vitest";
import { TableOpenError, TablePoisonedError, TableWriteError } from "./errors.ts";
import { LevelTable } from "./level-table.ts";
import type { TableOp } from "./table.ts";
import { TABLE_CLAIMS } from "./testing/table-suite.ts";

const parent = await mkdtemp(join(tmpdir(), "strongroom-table-"));
let made = 0;
const newDirectory = (): string => join(parent, String(made++));
const put = (key: string, value: string): TableOp => ({ type: "put", key: utf8(key), value: utf8(value) });

afterAll(() => rm(parent, { recursive: true, force: true }));

describe("LevelTable", () => {
  for (const { claim, check } of TABLE_CLAIMS) it(claim, () => check(() => LevelTable.open(newDirectory())));

  it("keeps everything over an orderly close", async () => {
    const directory = newDirectory();
    const table = await LevelTable.open(directory);
    await table.write([put("a", "1")]);
    await table.close();
    const again = await LevelTable.open(directory);
    expect(again.getSync(utf8("a"))).toEqual(utf8("1"));
    await again.close();
  });

  it("makes its directory, and those above it, for its owner alone", async () => {
    const directory = join(newDirectory(), "state-1-0");
    const table = await LevelTable.open(directory);
    for (const path of [directory, join(directory, "..")]) expect((await stat(path)).mode & 0o777).toBe(0o700);
    await table.close();
  });

  it("finds what was flushed, and nothing after it, when the log is discarded", async () => {
    const directory = newDirectory();
    const table = await LevelTable.open(directory);
    await table.write([put("a", "flushed"), put("b", "flushed")]);
    await table.flush();
    await table.write([put("a", "later"), put("c", "later")]);
    await table.close();
    const again = await LevelTable.open(directory, { discardLog: true });
    expect(again.getSync(utf8("a"))).toEqual(utf8("flushed"));
    expect(again.getSync(utf8("b"))).toEqual(utf8("flushed"));
    expect(again.getSync(utf8("c"))).toBeUndefined();
    await again.write([put("d", "1")]);
    await again.flush();
    await again.close();
  });

  it("is an exact prefix of what a killed process wrote, at least as far as it flushed, in files for its owner alone", async () => {
    const directory = newDirectory();
    const flushed = await writeUntilKilled(directory);
    const names = await readdir(directory);
    for (const name of names) expect((await stat(join(directory, name))).mode & 0o077).toBe(0);
    const table = await LevelTable.open(directory, { discardLog: true });
    const applied = Number(fromUtf8(table.getSync(utf8("applied")) ?? utf8("0")));
    expect(applied).toBeGreaterThanOrEqual(flushed);
    const snapshot = table.snapshot();
    const rows = snapshot.iterator({ gte: utf8("row"), lt: utf8("rox") });
    const numbers: number[] = [];
    for (let page = await rows.next(1000); page.length > 0; page = await rows.next(1000)) {
      numbers.push(...page.map(({ key }) => Number(fromUtf8(key).slice(3))));
    }
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
    expect(numbers).toHaveLength(applied);
    await rows.close();
    snapshot.close();
    await table.close();
  });

  it("retires LevelDB's log at each flush", async () => {
    const directory = newDirectory();
    const table = await LevelTable.open(directory);
    const logs = async (): Promise<string[]> => (await readdir(directory)).filter((name) => name.endsWith(".log"));
    await table.write([put("a", "1")]);
    const before = await logs();
    await table.flush();
    const after = await logs();
    expect(before).toHaveLength(1);
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    expect((await readdir(directory)).some((name) => name.endsWith(".ldb"))).toBe(true);
    await table.close();
  });

  it("says why it cannot open", async () => {
    const directory = newDirectory();
    const first = await LevelTable.open(directory);
    const error = await LevelTable.open(directory).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TableOpenError);
    expect(String(error)).toMatch(/lock/i);
    expect((error as TableOpenError).cause).toBeInstanceOf(Error);
    await first.close();
  });

  it("serves nothing after a failed write", async () => {
    const table = await LevelTable.open(newDirectory());
    await table.write([put("a", "1")]);
    // An operation that the native batch refuses stands for a disk that does.
    const failing = table.write([{ type: "put", key: new Uint8Array(0), value: null as unknown as Uint8Array }]);
    const queued = table.write([put("b", "1")]);
    await expect(failing).rejects.toBeInstanceOf(TableWriteError);
    await expect(queued).rejects.toBeInstanceOf(TablePoisonedError);
    expect(() => table.getSync(utf8("a"))).toThrow(TablePoisonedError);
    expect(() => table.snapshot()).toThrow(TablePoisonedError);
    await expect(table.write([])).rejects.toBeInstanceOf(TablePoisonedError);
    const flush = await table.flush().catch((thrown: unknown) => thrown);
    expect(flush).toBeInstanceOf(TablePoisonedError);
    expect((flush as TablePoisonedError).cause).toBeInstanceOf(TableWriteError);
    await table.close();
  });

  it("does not take a flush for done when LevelDB could not make the table file", async () => {
    const directory = newDirectory();
    const table = await LevelTable.open(directory);
    await table.write([put("a", "1")]);
    // Directories in the place of the files to come: LevelDB fails, and its compactRange says nothing of it.
    for (let n = 1; n < 40; n++) await mkdir(join(directory, `${String(n).padStart(6, "0")}.ldb`));
    await expect(table.flush()).rejects.toThrow(/still needs \d+\.log/);
    expect(() => table.getSync(utf8("a"))).toThrow(TablePoisonedError);
    await table.close();
  });

  it("is shared by the threads of a process, whose snapshots show whole batches", async () => {
    const directory = newDirectory();
    const table = await LevelTable.open(directory, { multithreading: true });
    await table.write([put("a", "0"), put("b", "0")]);
    const reader = readInAnotherThread(directory);
    let running = true;
    const seen = reader.finally(() => {
      running = false;
    });
    for (let n = 1; running; n++) await table.write([put("a", String(n)), put("b", String(n))]);
    expect(await seen).toEqual({ torn: 0, backwards: 0, snapshots: 500 });
    await table.write([put("a", "the first to open writes on after the other closed")]);
    await table.close();
  });

  it("refuses use after it was closed", async () => {
    const table = await LevelTable.open(newDirectory());
    await table.close();
    expect(() => table.getSync(utf8("a"))).toThrow("closed");
    expect(() => table.snapshot()).toThrow("closed");
    await expect(table.write([put("a", "1")])).rejects.toThrow("closed");
    await expect(table.flush()).rejects.toThrow("closed");
  });
});

/** Kills a process that writes one numbered row a batch, some time after it flushed; gives the number flushed. */
async function writeUntilKilled(directory: string): Promise<number> {
  const script = `
    import { LevelTable } from ${JSON.stringify(new URL("./level-table.ts", import.meta.url).href)};
    process.umask(0o077);
    const table = await LevelTable.open(${JSON.stringify(directory)}, { writeBufferBytes: 65_536 });
    const bytes = (text) => new TextEncoder().encode(text);
    for (let n = 1; ; n++) {
      await table.write([
        { type: "put", key: bytes("row" + String(n).padStart(8, "0")), value: new Uint8Array(4096) },
        { type: "put", key: bytes("applied"), value: bytes(String(n)) },
      ]);
      if (n === 100) await table.flush();
      if (n === 300) process.stdout.write("100");
    }`;
  const child = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const [said] = await once(child.stdout, "data");
  child.kill("SIGKILL");
  await ended;
  return Number(String(said));
}

/** Compares two rows that are always written together, over many snapshots, in a thread that opens the same table. */
async function readInAnotherThread(directory: string): Promise<unknown> {
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    const bytes = (text) => new TextEncoder().encode(text);
    import(workerData.module).then(async ({ LevelTable }) => {
      const table = await LevelTable.open(workerData.directory, { multithreading: true });
      const found = { torn: 0, backwards: 0, snapshots: 0 };
      for (let last = 0; found.snapshots < 500; found.snapshots++) {
        const snapshot = table.snapshot();
        const [a, b] = ["a", "b"].map((key) => Number(new TextDecoder().decode(snapshot.getSync(bytes(key)))));
        snapshot.close();
        if (a !== b) found.torn++;
        if (a < last) found.backwards++;
        last = a;
        await new Promise(setImmediate);
      }
      await table.close();
      parentPort.postMessage(found);
    });`;
  const module = new URL("./level-table.ts", import.meta.url).href;
  const worker = new Worker(script, {
    eval: true,
    workerData: { directory, module },
    execArgv: ["--conditions=source"],
  });
  try {
    const [found] = await once(worker, "message");
    return found;
  } finally {
    await worker.terminate();
  }
}
