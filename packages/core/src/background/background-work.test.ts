import { MetricsRegistry, metricsText, silentLogger } from "@strongroom/runtime";
import { VirtualTime } from "@strongroom/runtime/testing";
import { KEY_KIND } from "@strongroom/storage";
import { MemoryStore } from "@strongroom/storage/testing";
import { describe, expect, it } from "vitest";
import { BackgroundWork } from "./background-work.ts";
import type { LeaderStore } from "./leader-store.ts";

const KEY = Uint8Array.of(KEY_KIND.index, 9);
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface World {
  readonly time: VirtualTime;
  readonly store: MemoryStore;
  readonly barrier: { sealed: boolean };
  readonly metrics: MetricsRegistry;
  readonly work: BackgroundWork;
}

function world(run: (store: LeaderStore) => Promise<void>): World {
  const time = new VirtualTime();
  const store = new MemoryStore({ clock: time, timers: time });
  const barrier = { sealed: false };
  const metrics = new MetricsRegistry();
  const work = new BackgroundWork({ store, barrier, logger: silentLogger, metrics });
  const wakesOn = (event: { type: string }): boolean => event.type === "all";
  work.register({ name: "t", everyMs: 1000, wakesOn, run });
  return { time, store, barrier, metrics, work };
}

describe("BackgroundWork", () => {
  it("runs at its interval and on the changes that it waits for, on the open leader alone", async () => {
    let runs = 0;
    const { time, store, barrier, work } = world(async () => {
      runs++;
    });
    work.start();
    work.start();
    await settle();
    expect(runs).toBe(0);
    time.advance(1000);
    await settle();
    expect(runs).toBe(1);
    store.install([{ key: KEY, term: 0, value: KEY }]);
    await settle();
    expect(runs).toBe(2);
    store.setLeadership({ leader: false, raftTerm: 2 });
    time.advance(1000);
    await settle();
    store.setLeadership({ leader: true, raftTerm: 3 });
    barrier.sealed = true;
    time.advance(1000);
    await settle();
    expect(runs).toBe(2);
    barrier.sealed = false;
    await work.run("t");
    expect(runs).toBe(3);
  });

  it("never runs twice at a time, and runs again after what asked while it ran", async () => {
    let running = 0;
    let runs = 0;
    const { work } = world(async () => {
      expect(++running).toBe(1);
      await settle();
      running--;
      runs++;
    });
    await Promise.all([work.run("t"), work.run("t"), work.run("t")]);
    expect(runs).toBe(2);
  });

  it("commits nothing for a leadership that is over", async () => {
    let outcome = "";
    const { store, work, metrics } = world(async (guarded) => {
      store.setLeadership({ leader: true, raftTerm: 7 });
      try {
        await guarded.write((tx) => tx.put(KEY, 0, KEY));
        outcome = "written";
      } catch (error) {
        outcome = (error as Error).constructor.name;
        throw error;
      }
    });
    await work.run("t");
    expect(outcome).toBe("LeadershipLostError");
    expect(await store.rows()).toEqual([]);
    expect(metricsText([metrics.snapshot()])).toContain('strongroom_background_failures{task="t"} 0');
  });

  it("counts what fails and goes on", async () => {
    let runs = 0;
    const { work, metrics } = world(async () => {
      if (++runs === 1) throw new Error("once");
    });
    await work.run("t");
    await work.run("t");
    expect(runs).toBe(2);
    expect(metricsText([metrics.snapshot()])).toContain('strongroom_background_failures{task="t"} 1');
  });

  it("when it is closed aborts what runs, waits for it, and starts nothing more", async () => {
    let ended = false;
    let runs = 0;
    const { time, store, work } = world(async ({ signal }) => {
      runs++;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await settle();
      ended = true;
    });
    work.start();
    time.advance(1000);
    await settle();
    await Promise.all([work.close(), work.close()]);
    expect(ended).toBe(true);
    store.install([{ key: KEY, term: 0, value: KEY }]);
    time.advance(5000);
    await work.run("t");
    expect(runs).toBe(1);
  });
});
