import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { afterEach, describe, expect, it } from "vitest";
import { MemoryAuditDisk } from "../testing/memory-disk.ts";
import { verifyStream } from "../verify.ts";
import { lineHash, NO_RECORD } from "./chain.ts";
import { NodeAuditDisk } from "./node-disk.ts";
import { recoverStreams } from "./recovery.ts";
import { StreamWriter } from "./stream-writer.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function writer(disk: MemoryAuditDisk | NodeAuditDisk, options: { segmentBytes?: number; seed?: number } = {}) {
  const time = new VirtualTime();
  const stream = new StreamWriter(
    { node: "n1", worker: "worker-0", segmentBytes: options.segmentBytes ?? 1e9, segmentAgeMs: 3_600_000 },
    { disk, clock: time, entropy: new SeededRandom(options.seed ?? 1) },
  );
  const write = (...names: string[]): void => {
    for (const name of names) stream.add(`{"time":"${stream.time()}","type":"request","request":{"path":"${name}"}`);
    stream.flush();
  };
  return { stream, write, time };
}

/** The records; a torn line is none. */
function parsed(disk: MemoryAuditDisk): Record<string, unknown>[] {
  return disk.lines().flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}

describe("a stream", () => {
  it("numbers its records and names each one's predecessor by its hash", () => {
    const disk = new MemoryAuditDisk();
    const { write, stream } = writer(disk);
    write("a", "b");
    write("c");
    stream.end();
    const lines = disk.lines();
    expect(parsed(disk).map(({ seq, type }) => `${String(seq)} ${String(type)}`)).toEqual([
      "1 stream",
      "2 request",
      "3 request",
      "4 request",
      "5 stream",
    ]);
    let prev = NO_RECORD;
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ prev });
      prev = lineHash(line);
    }
  });

  it("makes one write of all that was added since the last", () => {
    const disk = new MemoryAuditDisk();
    const { write } = writer(disk);
    write(...Array.from({ length: 50 }, (_, i) => `p${i}`));
    expect(disk.appends).toBe(1);
  });

  it("goes on in another file when one is full or old, with the chain unbroken", () => {
    const disk = new MemoryAuditDisk();
    const { write, time, stream } = writer(disk, { segmentBytes: 500 });
    for (let i = 0; i < 10; i++) write(`p${i}`);
    time.advance(3_600_000);
    write("late");
    stream.end();
    expect(disk.files.size).toBeGreaterThan(3);
    expect(verify(disk)).toMatchObject({ problems: [], records: 13 });
  });

  it("cuts off what a full disk took, and goes on from the last whole record when there is room", () => {
    const disk = new MemoryAuditDisk();
    const { write, stream } = writer(disk);
    write("before");
    for (const room of [0, 1, 100, 300]) {
      disk.freeBytes = room;
      expect(() => write("lost-1", "lost-2")).toThrow("ENOSPC");
      disk.freeBytes = Number.POSITIVE_INFINITY;
    }
    write("after");
    stream.end();
    expect(parsed(disk).map(({ request }) => (request as { path?: string } | undefined)?.path ?? "-")).toEqual([
      "-",
      "before",
      "after",
      "-",
    ]);
    expect(verify(disk).problems).toEqual([]);
  });

  it("leaves no file behind when not even its first record could be written", () => {
    const disk = new MemoryAuditDisk();
    const { write } = writer(disk);
    disk.freeBytes = 10;
    expect(() => write("lost")).toThrow("ENOSPC");
    expect(disk.list()).toEqual([]);
  });

  it("is given up when a torn write cannot be cut off; its successor says how far it came", () => {
    const disk = new MemoryAuditDisk();
    const { write, stream } = writer(disk);
    write("before");
    disk.freeBytes = 20;
    disk.failTruncate = true;
    expect(() => write("lost")).toThrow("ENOSPC");
    disk.freeBytes = Number.POSITIVE_INFINITY;
    write("after");
    stream.end();
    const [first, second] = parsed(disk).filter(({ type, event }) => type === "stream" && event === "start");
    expect(second).toMatchObject({ after: [{ stream: first?.["stream"], seq: 2 }] });
    recoverStreams(disk, new VirtualTime());
    expect(verify(disk).problems).toEqual([]);
  });
});

/** Through real files, as an operator would. */
function verify(disk: MemoryAuditDisk) {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-audit-"));
  directories.push(directory);
  const real = new NodeAuditDisk(directory);
  for (const [name, bytes] of disk.files) {
    const file = real.create(name);
    file.append(bytes);
    file.close();
  }
  return verifyStream(directory);
}

describe("after a crash", () => {
  it.each([0, 1, 60, 1000])("a torn line of %i bytes is marked, and nothing goes on behind it", (torn) => {
    const disk = new MemoryAuditDisk();
    const { write, stream } = writer(disk);
    write("a", "b");
    const name = `${stream.stream ?? ""}.000001.jsonl`;
    const line = `{"time":"x","type":"request","request":{"path":"${"c".repeat(2000)}`;
    disk.files.set(name, Buffer.concat([disk.files.get(name) ?? Buffer.alloc(0), Buffer.from(line.slice(0, torn))]));
    expect(recoverStreams(disk, new VirtualTime())).toMatchObject([{ seq: 3, tornBytes: torn }]);
    expect(recoverStreams(disk, new VirtualTime())).toEqual([]);
    const report = verify(disk);
    expect(report).toMatchObject({ problems: [], streams: [{ lastSeq: 4, end: "recovered" }] });
    expect(parsed(disk).at(-1)).toMatchObject({
      event: "end",
      reason: "recovered",
      ...(torn === 0 ? {} : { torn_bytes: torn }),
    });
  });

  it("an ended stream whose tail was taken away is found out by the streams after it", () => {
    const disk = new MemoryAuditDisk();
    const one = writer(disk);
    one.write("a", "b");
    one.stream.end();
    const two = writer(disk, { seed: 2 });
    two.write("c");
    two.stream.end();
    const [name = ""] = disk.list();
    const bytes = disk.files.get(name) ?? Buffer.alloc(0);
    const lines = bytes.toString("utf8").split("\n");
    disk.files.set(name, Buffer.from(`${lines.slice(0, 2).join("\n")}\n`));
    expect(verify(disk).problems).toMatchObject([{ kind: "truncated", seq: 4 }]);
  });

  it("streams of several workers lie side by side", () => {
    const disk = new MemoryAuditDisk();
    const workers = [writer(disk, { seed: 1 }), writer(disk, { seed: 2 })];
    for (let i = 0; i < 5; i++) for (const { write } of workers) write(`p${i}`);
    expect(recoverStreams(disk, new VirtualTime())).toHaveLength(2);
    const again = writer(disk, { seed: 3 });
    again.write("next");
    expect(parsed(disk).at(-2)).toMatchObject({ event: "start", after: [{ seq: 7 }, { seq: 7 }] });
    expect(verify(disk)).toMatchObject({ problems: [], records: 16 });
  });
});
