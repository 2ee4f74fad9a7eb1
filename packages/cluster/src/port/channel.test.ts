import { MessageChannel } from "node:worker_threads";
import { VirtualTime } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import { localChannelPair, portChannel } from "./channel.ts";

describe("localChannelPair", () => {
  it("delivers in order, in a later turn, and what came before anybody listened", () => {
    const time = new VirtualTime();
    const [a, b] = localChannelPair<string, string>(time);
    const heard: string[] = [];
    a.post("early");
    b.onMessage((message) => heard.push(message));
    a.post("late");
    expect(heard).toEqual([]);
    time.advance(1);
    expect(heard).toEqual(["early", "late"]);
  });

  it("closes at both ends, and is silent from then on", () => {
    const time = new VirtualTime();
    const [a, b] = localChannelPair<string, string>(time);
    const heard: string[] = [];
    b.onMessage((message) => heard.push(message));
    b.onClose(() => heard.push("closed"));
    a.post("lost");
    a.close();
    a.post("after");
    time.advance(1);
    expect(heard).toEqual(["closed"]);
  });
});

describe("portChannel", () => {
  it("hands buffers over instead of copying them", async () => {
    const { port1, port2 } = new MessageChannel();
    const [a, b] = [portChannel<Uint8Array, Uint8Array>(port1), portChannel<Uint8Array, Uint8Array>(port2)];
    const bytes = Uint8Array.of(1, 2, 3);
    const heard = new Promise<Uint8Array>((resolve) => b.onMessage(resolve));
    a.post(bytes, [bytes.buffer]);
    expect(bytes.length).toBe(0);
    expect([...(await heard)]).toEqual([1, 2, 3]);
    const closed = new Promise<void>((resolve) => b.onClose(resolve));
    a.close();
    await closed;
  });
});
