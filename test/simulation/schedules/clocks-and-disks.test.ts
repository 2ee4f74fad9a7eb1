/** Schedules against clocks that are a day off and disks that fill, alone and all together. */

import { toNodeId } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { WALL_START_MS } from "../replica-clock.ts";
import { Stage } from "./stage.ts";

const DAY_MS = 24 * 3_600_000;

function three(): { readonly stage: Stage; readonly clients: readonly ReturnType<Stage["client"]>[] } {
  const stage = new Stage({ voters: 3 });
  stage.lead(1);
  return { stage, clients: [1, 2, 3].map((id) => stage.client(id).register()) };
}

/** How far the log's time is ahead of the true one. */
const ahead = (stage: Stage) => stage.process(1).state.logTimeMs - (WALL_START_MS + stage.time.now);

describe("clocks that are a day off", () => {
  it("of a proposer: it is refused with the reason, the log's time stays right, and the others go on", () => {
    const { stage, clients } = three();
    const [first, , third] = clients as [(typeof clients)[0], unknown, (typeof clients)[0]];
    stage.node(3).clock.wallOffsetMs = DAY_MS;
    expect(third.wait(third.put("a", "x")).outcome).toBe("not-committed: clock-skew");
    expect(first.wait(first.put("b", "y")).outcome).toBe("applied");
    stage.agree([1, 2, 3]);
    expect(stage.row(1, "a")).toBeUndefined();
    expect(Math.abs(ahead(stage))).toBeLessThan(2_000);
    stage.node(3).clock.wallOffsetMs = 0;
    expect(third.wait(third.put("a", "x")).outcome).toBe("applied");
  });

  it("of a leader, suddenly: time goes on by its monotonic clock, with an alarm, until its clock is right again", () => {
    const { stage, clients } = three();
    const [first, second] = clients as [(typeof clients)[0], (typeof clients)[0]];
    expect(first.wait(first.put("a", "0")).outcome).toBe("applied");
    stage.node(1).clock.wallOffsetMs = DAY_MS;
    for (let i = 1; i <= 5; i++) {
      expect(first.wait(first.put("a", String(i))).outcome).toBe("applied");
      stage.pass(10_000);
      expect(ahead(stage)).toBeLessThan(2_000);
      // Nor does it stand still.
      expect(ahead(stage)).toBeGreaterThan(-11_000);
    }
    expect(stage.world.tally.marks.get("leader's clock doubted")).toBe(1);
    // The others' clocks are right, and differ from its own: it does not know better.
    expect(second.wait(second.put("b", "x")).outcome).toBe("not-committed: clock-skew");
    stage.node(1).clock.wallOffsetMs = 0;
    expect(second.wait(second.put("b", "x")).outcome).toBe("applied");
    expect(Math.abs(ahead(stage))).toBeLessThan(2_000);
  });
});

describe("disks that fill", () => {
  const looked = (stage: Stage, id: number, isLow: boolean) => {
    const process = stage.process(id);
    process.tell(() => process.replica.diskLooked(isLow));
  };

  it("all three together: growth is refused and deletes are taken; then nothing acknowledged is lost, and all goes on", () => {
    const { stage, clients } = three();
    const [first, , third] = clients as [(typeof clients)[0], unknown, (typeof clients)[0]];
    for (let i = 0; i < 20; i++) expect(first.wait(first.put(`row ${i}`, `${i}`)).outcome).toBe("applied");
    for (const id of [1, 2, 3]) looked(stage, id, true);
    stage.pass(500);
    expect(first.wait(first.put("new", "x")).outcome).toBe("not-committed: disk-full");
    expect(third.wait(third.put("new", "x")).outcome).toBe("not-committed: disk-full");
    expect(third.wait(third.put("row 1", "2")).outcome).toBe("applied");
    expect(third.wait(third.remove("row 0")).outcome).toBe("applied");
    // Others take the last of the room: the logs cannot grow by a byte.
    for (const id of [1, 2, 3]) {
      stage.node(id).mayRestart = false;
      stage.node(id).disk.isFull = true;
    }
    const large = first.propose({
      guards: [],
      mutations: [{ kind: "delete", key: new Uint8Array(2_000).fill(0x20) }],
    });
    for (let i = 0; i < 60; i++) first.remove(`row ${i}`);
    for (let i = 0; i < 400 && stage.node(1).process !== undefined; i++) {
      first.propose({ guards: [], mutations: [{ kind: "delete", key: new Uint8Array(2_000).fill(0x21) }] });
      stage.pass(5);
    }
    expect(stage.node(1).process).toBeUndefined();
    for (const id of [1, 2, 3]) {
      stage.node(id).end(true, "its disk is full");
      stage.node(id).disk.isFull = false;
      stage.node(id).start();
    }
    stage.leader();
    const again = stage.client(1).register();
    for (const id of [2, 3]) stage.client(id);
    expect(again.wait(again.put("new", "x")).outcome).toBe("applied");
    stage.agree([1, 2, 3]);
    expect(stage.row(2, "row 0")).toBeUndefined();
    if (large.outcome === "applied") expect(stage.row(2, "row 1")?.text).not.toBe("1");
  });

  it("under a write that an earlier leader may have taken: it has an end with its proposer's next command", () => {
    const { stage, clients } = three();
    const third = clients[2] as (typeof clients)[0];
    for (const id of [2, 3]) stage.world.network.cut(toNodeId(1), toNodeId(id));
    const grown = third.put("grown", "x");
    stage.pass(10);
    expect(stage.node(1).mirror.lastIndex).toBeGreaterThan(stage.node(2).mirror.lastIndex);
    for (const id of [2, 3]) looked(stage, id, true);
    stage.leader([2, 3]);
    expect(third.wait(grown).outcome).toBe("given-up");
    expect(third.wait(third.remove("nothing")).outcome).toBe("applied");
    expect(grown.outcome).toBe("not-committed: disk-full");
    stage.heal();
    stage.agree([1, 2, 3]);
    for (const id of [1, 2, 3]) expect(stage.row(id, "grown")).toBeUndefined();
  });

  it("one alone, its leader's: it hands over, runs full and stops, and the others never miss it", () => {
    const { stage, clients } = three();
    const [, second] = clients as [unknown, (typeof clients)[0]];
    looked(stage, 1, true);
    const next = stage.leader([2, 3]);
    expect(second.wait(second.put("grown", "x")).outcome).toBe("applied");
    stage.node(1).mayRestart = false;
    stage.node(1).disk.isFull = true;
    for (let i = 0; i < 400 && stage.node(1).process !== undefined; i++)
      expect(second.wait(second.put(`more ${i}`, "y".repeat(2_000))).outcome).toBe("applied");
    expect(stage.node(1).process).toBeUndefined();
    expect(stage.leader([2, 3])).toBe(next);
    expect(second.wait(second.put("after", "z")).outcome).toBe("applied");
    stage.node(1).disk.isFull = false;
    stage.node(1).start();
    stage.client(1);
    stage.agree([1, 2, 3]);
    expect(stage.row(1, "after")?.text).toBe("z");
  });
});
