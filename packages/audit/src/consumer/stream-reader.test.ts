import { describe, expect, it } from "vitest";
import { MemoryAuditDisk } from "../testing/memory-disk.ts";
import type { Position } from "./position.ts";
import { StreamReader } from "./stream-reader.ts";

const A = "000001-aaaaaaaa";
const B = "000002-bbbbbbbb";

function world() {
  const disk = new MemoryAuditDisk();
  const reader = new StreamReader(disk);
  const positions = new Map<string, Position>();
  const append = (stream: string, lines: number, bytes = 10): void => {
    const name = `${stream}.000001.jsonl`;
    const line = `${"x".repeat(bytes - 1)}\n`;
    disk.files.set(name, Buffer.concat([disk.files.get(name) ?? Buffer.alloc(0), Buffer.from(line.repeat(lines))]));
  };
  /** Until the end of the round: how many lines of which stream. */
  const round = async (): Promise<string[]> => {
    const given: string[] = [];
    for (let batch = await reader.next(positions); batch !== undefined; batch = await reader.next(positions)) {
      given.push(`${batch.stream}:${batch.lines.length}`);
      positions.set(batch.stream, batch.position);
    }
    return given;
  };
  return { append, round, reader, positions };
}

describe("a reader of streams", () => {
  it("comes to each stream once a round, and takes with it what came meanwhile in the next one", async () => {
    const { append, round, reader, positions } = world();
    append(A, 3);
    append(B, 2);
    const first = await reader.next(positions);
    expect(first?.lines).toHaveLength(3);
    if (first !== undefined) positions.set(first.stream, first.position);
    append(A, 5);
    expect(await round()).toEqual([`${B}:2`]);
    append(A, 1);
    expect(await round()).toEqual([`${A}:6`]);
    expect(await round()).toEqual([]);
  });

  it("stays with a stream that has much", async () => {
    const { append, round } = world();
    append(A, 5, 128 * 1024);
    append(B, 1);
    const given = await round();
    expect(given.at(-1)).toBe(`${B}:1`);
    expect(given.filter((each) => each.startsWith(A)).map((each) => Number(each.split(":")[1]))).toEqual([2, 2, 1]);
  });
});
