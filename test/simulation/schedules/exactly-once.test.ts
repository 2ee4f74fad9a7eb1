/** Schedules against exactly-once: copies of a proposal that come late, in another order, or to another leader. */
import type { PeerMessage } from "@strongroom/cluster";
import { toNodeId } from "@strongroom/raft";
import { describe, expect, it } from "vitest";
import { rowKey } from "../replica-worker.ts";
import { Stage } from "./stage.ts";

const isProposal = (message: PeerMessage): boolean => message.type === "propose";

describe("a proposal", () => {
  it("lost at a leader change is applied once when it is retried, after its successor committed", () => {
    const stage = new Stage({ voters: 3 });
    stage.lead(1);
    const client = stage.client(3).register();
    for (const id of [1, 2]) stage.client(id);
    // The leader takes it and can tell nobody any more.
    stage.world.network.cut(toNodeId(1), toNodeId(2));
    stage.world.network.cut(toNodeId(1), toNodeId(3));
    const first = client.put("first", "x");
    stage.pass(10);
    expect(stage.node(1).mirror.lastIndex).toBeGreaterThan(stage.node(2).mirror.lastIndex);
    // Its next copy is lost on the way to the next leader.
    let lost = 0;
    stage.loses = (message, from) => {
      const loses = from === 3 && isProposal(message) && lost === 0;
      if (loses) lost++;
      return loses;
    };
    const next = stage.leader([2, 3]);
    if (next === 3) stage.lead(2);
    stage.until(() => lost === 1, "a copy is lost");
    const second = client.wait(client.put("second", "y"));
    expect([first.outcome, second.outcome]).toEqual(["open", "applied"]);
    client.wait(first);
    expect([first.outcome, first.verdicts, second.verdicts]).toEqual(["applied", 1, 1]);
    expect(first.index).toBeGreaterThan(second.index);
    stage.heal();
    stage.agree([1, 2, 3]);
    for (const id of [1, 2, 3]) expect(stage.row(id, "first")).toEqual({ text: "x", index: first.index });
  });

  it("that conflicted is not applied by a late copy, though what it wants to be absent is absent by then", () => {
    const stage = new Stage({ voters: 3 });
    stage.lead(1);
    const [other, client] = [stage.client(1).register(), stage.client(3).register()];
    stage.client(2);
    expect(other.wait(other.put("lock", "taken")).outcome).toBe("applied");
    const refused = client.wait(client.put("lock", "mine", [{ kind: "absent", key: rowKey("lock") }]));
    expect(refused.outcome).toBe("conflict");
    const copy = stage.sent.findLast(({ from, to, message }) => from === 3 && to === 1 && isProposal(message));
    if (copy === undefined) throw new Error("the proposal went to the leader");
    expect(other.wait(other.remove("lock")).outcome).toBe("applied");
    const again = () => {
      const before = stage.process(1).state.appliedIndex;
      stage.process(1).receive(toNodeId(3), stage.node(3).clock.wallMs(), [copy.message]);
      stage.until(() => stage.process(1).state.appliedIndex > before, "the copy is in the log");
      stage.agree([1, 2, 3]);
      expect(stage.row(1, "lock")).toBeUndefined();
    };
    again();
    // Nor when its verdict is forgotten, since its proposer has gone on.
    expect(client.wait(client.put("else", "z")).outcome).toBe("applied");
    again();
    expect(refused.outcome).toBe("conflict");
  });

  it("whose time is over is not sent again, and has an end when its proposer's next command is applied without it", () => {
    const stage = new Stage({ voters: 3 });
    stage.lead(1);
    const client = stage.client(3).register();
    for (const id of [1, 2]) stage.client(id);
    // The leader takes it and can tell nobody any more.
    stage.world.network.cut(toNodeId(1), toNodeId(2));
    stage.world.network.cut(toNodeId(1), toNodeId(3));
    const first = client.put("first", "x", [], 30);
    stage.pass(10);
    expect(stage.node(1).mirror.lastIndex).toBeGreaterThan(stage.node(2).mirror.lastIndex);
    expect(client.wait(first).outcome).toBe("unknown");
    if (stage.leader([2, 3]) === 3) stage.lead(2);
    const sendings = () => stage.sent.filter(({ from, message }) => from === 3 && isProposal(message)).length;
    const before = sendings();
    stage.pass(2_000);
    expect([first.outcome, sendings()]).toEqual(["unknown", before]);
    expect(client.wait(client.put("second", "y")).outcome).toBe("applied");
    expect(first.outcome).toMatch(/^not-committed/);
    stage.heal();
    stage.agree([1, 2, 3]);
    for (const id of [1, 2, 3]) expect(stage.row(id, "first")).toBeUndefined();
  });

  it("whose time is over before a leader commits it after all ends with its verdict", () => {
    const stage = new Stage({ voters: 3 });
    stage.lead(1);
    const client = stage.client(3).register();
    for (const id of [1, 2]) stage.client(id);
    stage.loses = (message, from) => from === 1 && message.type === "MsgApp";
    const first = client.put("first", "x", [], 20);
    expect(client.wait(first).outcome).toBe("unknown");
    stage.loses = () => false;
    expect(client.wait(client.put("second", "y")).outcome).toBe("applied");
    expect([first.outcome, first.verdicts]).toEqual(["applied", 1]);
    stage.agree([1, 2, 3]);
  });

  it("whose verdict a snapshot skipped is answered from the snapshot, though no copy of it gets through any more", () => {
    const stage = new Stage({ voters: 3, swarm: { tailEntries: 4, tailBytes: 1_024 } });
    stage.lead(1);
    const [other, client] = [stage.client(1).register(), stage.client(3).register()];
    stage.client(2);
    const sendings = () => stage.sent.filter(({ from, message }) => from === 3 && isProposal(message)).length;
    const before = sendings();
    const proposed = client.put("mine", "x");
    stage.until(() => sendings() > before, "it is on its way");
    // It reaches the leader; its proposer hears nothing more.
    stage.part([3], [1, 2]);
    stage.loses = (message, from) => from === 3 && isProposal(message);
    stage.until(() => stage.row(1, "mine") !== undefined, "it is committed");
    for (let i = 0; i < 40; i++) other.wait(other.put(`more ${i}`, "y"));
    expect(proposed.outcome).toBe("open");
    stage.heal();
    client.wait(proposed);
    expect(stage.world.tally.marks.get("snapshot installed")).toBe(1);
    expect(proposed).toMatchObject({ outcome: "applied", index: stage.row(1, "mine")?.index, verdicts: 1 });
  });
});
