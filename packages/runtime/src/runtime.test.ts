import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { MetricsRegistry, metricsText } from "./metrics.ts";
import { nodeClock, nodeEntropy, nodeRandom, nodeTimers } from "./node.ts";
import { SecretBytes } from "./redacted.ts";
import { SeededRandom } from "./testing/seeded-random.ts";
import { VirtualTime } from "./testing/virtual-time.ts";

describe("SecretBytes", () => {
  it("shows itself to no printer, and is empty once wiped", () => {
    const bytes = Uint8Array.of(104, 117, 115, 104);
    const secret = new SecretBytes(bytes);
    expect([String(secret), JSON.stringify({ secret }), inspect({ secret })].join()).not.toMatch(/hush|104|68757368/);
    secret.wipe();
    expect(bytes).toEqual(new Uint8Array(4));
    expect(secret.expose()).toEqual(new Uint8Array(0));
  });
});

describe("nodeEntropy", () => {
  it("hands out each byte once, in buffers that share nothing", () => {
    const drawn = Array.from({ length: 2000 }, (_, i) => nodeEntropy.bytes(16 + (i % 3) * 1200));
    expect(new Set(drawn.map((bytes) => Buffer.from(bytes).toString("hex"))).size).toBe(drawn.length);
    expect(drawn.every((bytes) => bytes.buffer.byteLength === bytes.length)).toBe(true);
  });
});

describe("the real clock, timers and random numbers", () => {
  it("move on, run once or until cancelled, and stay within bounds", async () => {
    const before = nodeClock.monotonicMs();
    await new Promise<void>((resolve) => nodeTimers.after(1, resolve));
    await new Promise<void>((resolve) => nodeTimers.immediate(resolve));
    expect(nodeClock.monotonicMs()).toBeGreaterThan(before);
    expect(Math.abs(nodeClock.wallMs() - Date.now())).toBeLessThan(60_000);
    await new Promise<void>((resolve) => {
      const cancel = nodeTimers.every(1, () => {
        cancel();
        resolve();
      });
    });
    expect(Array.from({ length: 100 }, () => nodeRandom.below(3)).every((n) => n >= 0 && n < 3)).toBe(true);
  });
});

describe("VirtualTime", () => {
  it("runs what falls due, in order, and nothing else", () => {
    const time = new VirtualTime();
    const seen: string[] = [];
    time.after(20, () => seen.push(`b${time.monotonicMs()}`));
    time.after(10, () => seen.push(`a${time.monotonicMs()}`));
    time.after(15, () => seen.push("cancelled"))();
    const stop = time.every(10, () => seen.push(`tick${time.monotonicMs()}`));
    time.advance(25);
    stop();
    time.advance(100);
    expect(seen).toEqual(["a10", "tick10", "b20", "tick20"]);
  });
});

describe("SeededRandom", () => {
  it("gives the same numbers for the same seed and others for another", () => {
    const draw = (seed: number) =>
      Array.from(
        { length: 8 },
        (
          (random) => () =>
            random.below(1000)
        )(new SeededRandom(seed)),
      );
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});

describe("MetricsRegistry", () => {
  it("prints the Prometheus text format", () => {
    const metrics = new MetricsRegistry();
    metrics.counter("a_total", "Things.", { kind: 'q"' }).add(2);
    metrics.gauge("b", "Level.").set(1.5);
    const histogram = metrics.histogram("c_seconds", "Times.", [0.1, 1]);
    for (const value of [0.05, 0.5, 5]) histogram.observe(value);
    expect(metricsText([metrics.snapshot()])).toBe(
      [
        "# HELP a_total Things.",
        "# TYPE a_total counter",
        'a_total{kind="q\\""} 2',
        "# HELP b Level.",
        "# TYPE b gauge",
        "b 1.5",
        "# HELP c_seconds Times.",
        "# TYPE c_seconds histogram",
        'c_seconds_bucket{le="0.1"} 1',
        'c_seconds_bucket{le="1"} 2',
        'c_seconds_bucket{le="+Inf"} 3',
        "c_seconds_sum 5.55",
        "c_seconds_count 3",
        "",
      ].join("\n"),
    );
  });

  it("adds up what several threads counted", () => {
    const [a, b] = [new MetricsRegistry(), new MetricsRegistry()];
    a.counter("n_total", "Things.").add(2);
    b.counter("n_total", "Things.").add(3);
    expect(metricsText([a.snapshot(), b.snapshot()])).toContain("n_total 5\n");
  });
});
