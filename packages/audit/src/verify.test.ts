import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StreamWriter } from "./stream/stream-writer.ts";
import { MemoryAuditDisk } from "./testing/memory-disk.ts";
import { verifyStream } from "./verify.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "strongroom-verify-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function lines(count: number, seed = 1): string[] {
  const disk = new MemoryAuditDisk();
  const stream = new StreamWriter(
    { node: "n1", worker: "worker-0", segmentBytes: 1e9, segmentAgeMs: 1e9 },
    { disk, clock: new VirtualTime(), entropy: new SeededRandom(seed) },
  );
  for (let i = 0; i < count; i++) stream.add(`{"time":"2030-01-01T00:00:00.000Z","type":"request","n":${i}`);
  stream.end();
  return [...disk.lines()];
}

function verify(content: readonly string[] | string) {
  const file = join(directory, "audit.log");
  writeFileSync(file, typeof content === "string" ? content : `${content.join("\n")}\n`);
  return verifyStream(file);
}

describe("verifyStream", () => {
  it("finds nothing wrong with what was written", () => {
    expect(verify(lines(10))).toMatchObject({
      records: 12,
      problems: [],
      streams: [{ firstSeq: 1, lastSeq: 12, end: "closed" }],
    });
  });

  it("follows several streams in one file", () => {
    const [a, b] = [lines(5, 1), lines(5, 2)];
    const mixed = a.flatMap((line, i) => [line, b[i] ?? ""]);
    expect(verify(mixed)).toMatchObject({ records: 14, problems: [], streams: [{}, {}] });
  });

  it("begins in the middle, where a file of a device begins", () => {
    expect(verify(lines(10).slice(5))).toMatchObject({ problems: [], streams: [{ firstSeq: 6, lastSeq: 12 }] });
  });

  it("finds a changed byte at the line that it breaks", () => {
    const changed = lines(10).map((line, i) => (i === 4 ? line.replace('"n":3', '"n":4') : line));
    expect(verify(changed).problems).toMatchObject([{ line: 6, kind: "broken", seq: 6 }]);
  });

  it("finds a line that was taken out", () => {
    expect(verify(lines(10).filter((_, i) => i !== 4)).problems).toMatchObject([
      { line: 5, kind: "missing", message: "records 5 to 5 are missing" },
    ]);
  });

  it("finds two lines that changed places", () => {
    const swapped = lines(10);
    [swapped[4], swapped[5]] = [swapped[5] ?? "", swapped[4] ?? ""];
    expect(verify(swapped).problemCount).toBeGreaterThan(0);
  });

  it("finds a line that was put in", () => {
    const all = lines(10);
    all.splice(5, 0, '{"time":"2030-01-01T00:00:00.000Z","type":"request"}');
    expect(verify(all).problems).toMatchObject([{ line: 6, kind: "unreadable" }]);
    const forged = lines(10);
    forged.splice(5, 0, (forged[4] ?? "").replace('"n":3', '"n":9'));
    expect(verify(forged).problems).toMatchObject([{ line: 6, kind: "order" }]);
  });

  it("counts what a device got again after a crash, and does not object", () => {
    const all = lines(10);
    expect(verify([...all.slice(0, 8), ...all.slice(4)])).toMatchObject({ records: 12, repeated: 4, problems: [] });
  });

  it("takes what a device got again though a file before this one had it, and nothing that was made up", () => {
    const all = lines(10);
    const rotated = all.slice(5);
    expect(verify([...rotated, ...all.slice(2)])).toMatchObject({ records: 7, repeated: 10, problems: [] });
    const forged = (all[4] ?? "").replace('"n":3', '"n":9');
    expect(verify([...rotated, forged, ...rotated]).problems).toMatchObject([{ kind: "broken", seq: 6 }]);
  });

  it("tells a torn last line from one that a crash tore and the stream accounts for", () => {
    const all = lines(3);
    expect(verify(`${all.join("\n")}\n{"time":"2030`).problems).toMatchObject([{ kind: "torn" }]);
  });

  it("says of a stream without an end that it is open", () => {
    expect(verify(lines(10).slice(0, -1)).streams).toMatchObject([{ end: "open" }]);
  });
});
