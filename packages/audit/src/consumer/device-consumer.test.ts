import { silentLogger } from "@strongroom/runtime";
import { nodeClock, nodeTimers } from "@strongroom/runtime/node";
import { SeededRandom } from "@strongroom/runtime/testing";
import { describe, expect, it } from "vitest";
import type { AuditDevice } from "../devices/device.ts";
import { StreamWriter } from "../stream/stream-writer.ts";
import { MemoryAuditDisk } from "../testing/memory-disk.ts";
import { testSalt } from "../testing/salt.ts";
import { DeviceConsumer } from "./device-consumer.ts";
import { Rewriter } from "./rewrite.ts";

const never = (): Promise<never> => new Promise(() => undefined);

describe("the consumer of a device", () => {
  it("can be stopped though the device hangs in a write, and in closing; its records come again", async () => {
    const disk = new MemoryAuditDisk();
    const stream = new StreamWriter(
      { node: "n", worker: "w", segmentBytes: 1e9, segmentAgeMs: 1e9 },
      { disk, clock: nodeClock, entropy: new SeededRandom(1) },
    );
    stream.add(`{"time":"${stream.time()}","type":"request"`);
    stream.flush();
    const asked = Promise.withResolvers<void>();
    const got: string[] = [];
    const device = (hangs: boolean): AuditDevice => ({
      maxLineBytes: Number.POSITIVE_INFINITY,
      settleMs: 0,
      write: async (lines) => {
        asked.resolve();
        if (hangs) await never();
        got.push(...lines.map((line) => Buffer.from(line).toString("utf8")));
      },
      reopen: () => undefined,
      close: () => (hangs ? never() : Promise.resolve()),
    });
    const open = (hangs: boolean): DeviceConsumer => {
      const { salt } = testSalt();
      const config = { path: "d/", type: "file", description: "", options: {}, local: false, uuid: "u", enabledMs: 0 };
      const rewriter = new Rewriter({ elideListResponses: false, hmacAccessor: true, maxLineBytes: 1e9 }, salt);
      return new DeviceConsumer({
        config,
        device: device(hangs),
        rewriter,
        disk,
        clock: nodeClock,
        timers: nodeTimers,
        logger: silentLogger,
      });
    };
    const hanging = open(true);
    hanging.start();
    await asked.promise;
    await hanging.stop();
    const working = open(false);
    working.start();
    await expect.poll(() => got.length).toBe(2);
    await working.stop();
    expect(got.join("")).toBe(`${disk.lines().join("\n")}\n`);
  });
});
