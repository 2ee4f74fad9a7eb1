import type { NodeId } from "@strongroom/raft";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Route } from "./codec.ts";
import { encodeFrame, encodeHello, FrameError, FrameReader, MAX_FRAME_BYTES } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import type { PeerMessage } from "./message.ts";
import { DEFAULT_OUTBOX_LIMITS, type FrameSink, Outbox, type OutboxLimits } from "./outbox.ts";
import { append, arbitraryMessage, heartbeat } from "./testing/messages.ts";

const route: Route = { from: 1 as NodeId, to: 2 as NodeId };
const appendOf = (at: number, size: number) => append(route.from, route.to, at, size);
const beat = (position: number) => heartbeat(route.from, route.to, position);

/** A socket whose buffer empties when it is told to. */
class TestSink implements FrameSink {
  readonly highWaterBytes: number;
  readonly frames: Uint8Array[] = [];
  writableLength = 0;

  constructor(highWaterBytes: number) {
    this.highWaterBytes = highWaterBytes;
  }

  write(bytes: Uint8Array): boolean {
    expect(bytes.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    this.frames.push(bytes);
    this.writableLength += bytes.length;
    return this.writableLength < this.highWaterBytes;
  }

  cork(): void {}
  uncork(): void {}
}

function setUp(highWaterBytes = Number.POSITIVE_INFINITY, limits: OutboxLimits = DEFAULT_OUTBOX_LIMITS) {
  const sink = new TestSink(highWaterBytes);
  const outbox = new Outbox({ sink, route, wallMs: () => 42, limits });
  return { sink, outbox };
}

function received(frames: readonly Uint8Array[]): PeerMessage[] {
  const got: PeerMessage[] = [];
  const deliver = (_: number, messages: readonly PeerMessage[]) => void got.push(...messages);
  const inbox = new Inbox({ clusterId: "c", route, deliver, onPing: () => {} });
  const reader = new FrameReader((frame) => inbox.take(frame));
  reader.push(encodeFrame("hello", 0, encodeHello({ clusterId: "c", ...route, newestVersion: 1 })));
  for (const frame of frames) reader.push(frame);
  return got;
}

async function turn(): Promise<void> {
  await Promise.resolve();
}

function drainAll({ sink, outbox }: { sink: TestSink; outbox: Outbox }): void {
  for (let before = -1; before !== sink.frames.length; ) {
    before = sink.frames.length;
    sink.writableLength = 0;
    outbox.drained();
  }
}

describe("Outbox", () => {
  it("packs what one turn brings into one frame, in order", async () => {
    const { sink, outbox } = setUp();
    expect(outbox.offer([appendOf(1, 100), beat(1)])).toBe(true);
    expect(outbox.offer([appendOf(2, 100)])).toBe(true);
    expect(sink.frames.length).toBe(0);
    await turn();
    expect(sink.frames.length).toBe(1);
    expect(received(sink.frames)).toEqual([appendOf(1, 100), beat(1), appendOf(2, 100)]);
  });

  it("loses nothing and keeps the order of appends, whatever the sizes and however slow the socket", async () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 500 }), fc.nat({ max: 150_000 })), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.array(arbitraryMessage(route.from, route.to)),
        fc.nat({ max: 200_000 }),
        async (sizes, others, mark) => {
          const parts = setUp(mark, { ...DEFAULT_OUTBOX_LIMITS, urgentBytes: Number.POSITIVE_INFINITY });
          const appends = sizes.map((size, at) => appendOf(at, size));
          for (const message of appends) {
            expect(parts.outbox.offer([message])).toBe(true);
            if (message.index % 3 === 0) await turn();
          }
          expect(parts.outbox.offer(others)).toBe(true);
          await turn();
          drainAll(parts);
          const got = received(parts.sink.frames);
          const isOurs = (message: PeerMessage) =>
            message.type === "MsgApp" && message.entries.length === 1 && message.commit === 0;
          expect(got.filter(isOurs).slice(0, appends.length)).toEqual(appends);
          expect(got.length).toBe(appends.length + others.length);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("lets heartbeats between the parts of a large entry", async () => {
    const parts = setUp(1);
    parts.outbox.offer([appendOf(1, 500_000)]);
    await turn();
    expect(parts.sink.frames.length).toBe(1);
    parts.outbox.offer([beat(7)]);
    await turn();
    drainAll(parts);
    expect(received(parts.sink.frames)).toEqual([beat(7), appendOf(1, 500_000)]);
    expect(parts.sink.frames.length).toBe(9);
  });

  it("drops appends past the bound and says so, but sends the newest heartbeat of all", async () => {
    const parts = setUp(1, { backlogBytes: 100_000, urgentBytes: 50_000 });
    expect(parts.outbox.offer([appendOf(1, 120_000)])).toBe(true);
    await turn();
    expect(parts.outbox.offer([appendOf(2, 10)])).toBe(false);
    for (let position = 1; position <= 5; position++) expect(parts.outbox.offer([beat(position)])).toBe(true);
    await turn();
    drainAll(parts);
    expect(received(parts.sink.frames)).toEqual([beat(5), appendOf(1, 120_000)]);
    expect(parts.outbox.offer([appendOf(3, 10)])).toBe(true);
  });

  it("takes one message past the bound, so that the largest command can pass, but none past the limit", async () => {
    const parts = setUp(1, { backlogBytes: 10, urgentBytes: 10 });
    expect(parts.outbox.offer([appendOf(1, 9_000_000)])).toBe(true);
    expect(setUp().outbox.offer([appendOf(1, 17_000_000)])).toBe(false);
    await turn();
    drainAll(parts);
    const [message] = received(parts.sink.frames);
    expect(message?.type === "MsgApp" && message.entries[0]?.data.length).toBe(9_000_000);
  });

  it("sends nothing once closed", async () => {
    const { sink, outbox } = setUp();
    outbox.offer([beat(1)]);
    outbox.close();
    await turn();
    expect(outbox.offer([beat(2)])).toBe(false);
    expect(sink.frames).toEqual([]);
  });
});

describe("Inbox", () => {
  const inboxWith = () => {
    const inbox = new Inbox({ clusterId: "c", route, deliver: () => {}, onPing: () => {} });
    return (kind: Parameters<typeof encodeFrame>[0], payload: Uint8Array) => inbox.take({ kind, wallMs: 0, payload });
  };
  const hello = (change: object) => encodeHello({ clusterId: "c", from: 1, to: 2, newestVersion: 1, ...change });

  it("takes nothing before a greeting that agrees with the certificates", () => {
    expect(() => inboxWith()("batch", new Uint8Array(0))).toThrow("does not begin with a greeting");
    for (const change of [{ clusterId: "d" }, { from: 3 }, { to: 3 }])
      expect(() => inboxWith()("hello", hello(change))).toThrow("disagrees");
  });

  it("refuses frames and parts that are out of place", () => {
    const frames = ["hello", "pong"] as const;
    for (const kind of frames) {
      const take = inboxWith();
      take("hello", hello({}));
      expect(() => take(kind, hello({}))).toThrow(FrameError);
    }
    const take = inboxWith();
    take("hello", hello({}));
    expect(() => take("next-part", Uint8Array.of(1))).toThrow("belongs to no message");
    expect(() => take("first-part", Uint8Array.of(255, 0, 0, 0, 1))).toThrow("a message of");
    expect(() => take("first-part", Uint8Array.of(0, 0, 0, 1, 1, 1))).toThrow("belongs to no message");
    const again = inboxWith();
    again("hello", hello({}));
    again("first-part", Uint8Array.of(0, 0, 0, 9, 1));
    expect(() => again("first-part", Uint8Array.of(0, 0, 0, 9, 1))).toThrow("inside another");
    expect(() => again("next-part", new Uint8Array(9))).toThrow("belongs to no message");
  });
});
