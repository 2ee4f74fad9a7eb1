import { VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { ConflictQueue, type Place } from "./conflict-queue.ts";
import { NotCommittedError } from "./errors.ts";

const KEY = Uint8Array.of(0x20, 1);
const OTHER = Uint8Array.of(0x20, 2);

function setUp(): { time: VirtualTime; queue: ConflictQueue } {
  const time = new VirtualTime();
  return { time, queue: new ConflictQueue({ clock: time, timers: time }) };
}

describe("ConflictQueue", () => {
  it("lets one try at a time, in the order of arrival, and rows do not wait for each other", async () => {
    const { queue } = setUp();
    const order: string[] = [];
    const first = await queue.enter(KEY, { deadlineMs: 100 });
    const rest = ["b", "c", "d"].map(async (name) => {
      const place = await queue.enter(KEY, { deadlineMs: 100 });
      order.push(name);
      place.leave();
    });
    const other = await queue.enter(OTHER, { deadlineMs: 100 });
    order.push("other", "a");
    first.leave();
    first.leave();
    await Promise.all(rest);
    other.leave();
    expect(order).toEqual(["other", "a", "b", "c", "d"]);
    expect(queue.size).toBe(0);
  });

  it("hands on the highest index that a holder wrote at", async () => {
    const { queue } = setUp();
    const first = await queue.enter(KEY, { deadlineMs: 100 });
    const waiting = [1, 2].map(() => queue.enter(KEY, { deadlineMs: 100 }));
    first.leave(17);
    const second = (await waiting[0]) as Place;
    second.leave();
    const third = (await waiting[1]) as Place;
    expect([first.writtenIndex, second.writtenIndex, third.writtenIndex]).toEqual([0, 17, 17]);
    third.leave();
  });

  it("ends a wait at its deadline and goes on with the next", async () => {
    const { time, queue } = setUp();
    const first = await queue.enter(KEY, { deadlineMs: 500 });
    const late = queue.enter(KEY, { deadlineMs: 100 });
    const patient = queue.enter(KEY, { deadlineMs: 500 });
    time.advance(100);
    await expect(late).rejects.toBeInstanceOf(NotCommittedError);
    first.leave();
    (await patient).leave();
    expect(queue.size).toBe(0);
  });

  it("ends a wait when its signal is aborted", async () => {
    const { queue } = setUp();
    const first = await queue.enter(KEY, { deadlineMs: 500 });
    const controller = new AbortController();
    const waiting = queue.enter(KEY, { deadlineMs: 500, signal: controller.signal });
    controller.abort(new Error("the client went away"));
    await expect(waiting).rejects.toThrow("went away");
    await expect(queue.enter(KEY, { deadlineMs: 500, signal: controller.signal })).rejects.toThrow("went away");
    first.leave();
    expect(queue.size).toBe(0);
  });
});
