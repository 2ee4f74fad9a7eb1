import { VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { type LimitedWait, limitWait } from "./limited-wait.ts";

function begin(signal?: AbortSignal): { time: VirtualTime; told: unknown[]; wait: LimitedWait | undefined } {
  const time = new VirtualTime();
  const told: unknown[] = [];
  const ends = {
    atDeadline: () => new Error("too late"),
    atAbort: (reason: unknown) => `aborted: ${String(reason)}`,
    reject: (error: unknown) => told.push(error),
  };
  const wait = limitWait({ deadlineMs: 100, signal }, ends, { clock: time, timers: time });
  return { time, told, wait };
}

describe("limitWait", () => {
  it("ends at its deadline, once", () => {
    const { time, told, wait } = begin();
    time.advance(99);
    expect(told).toEqual([]);
    time.advance(10);
    expect(told).toEqual([new Error("too late")]);
    expect(wait?.close()).toBe(false);
  });

  it("is silent once it was closed", () => {
    const { time, told, wait } = begin();
    expect(wait?.close()).toBe(true);
    time.advance(200);
    expect([told, wait?.isOpen()]).toEqual([[], false]);
  });

  it("ends with the signal, also with one that was aborted before", () => {
    const controller = new AbortController();
    const { told } = begin(controller.signal);
    controller.abort("gone");
    expect(told).toEqual(["aborted: gone"]);
    expect(begin(controller.signal).told).toEqual(["gone"]);
  });
});
