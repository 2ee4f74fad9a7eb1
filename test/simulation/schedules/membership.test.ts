/** Schedules against membership and who leads: nodes that missed changes, sealed ones, and ones that are not what they were. */

import { registrationMutation } from "@strongroom/cluster";
import { entryOf, ManualReplica, PEER, peerCommand, SELF } from "@strongroom/cluster/testing";
import { toIndex, toNodeId, toTerm } from "@strongroom/raft";
import { utf8 } from "@strongroom/runtime";
import { encodeEntryBody } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { rowKey } from "../replica-worker.ts";
import { Stage } from "./stage.ts";

describe("a node that was down while {A, B, C} became {D, E, C}", () => {
  it("hears of its new peers from them, catches up, and elects nobody with the old ones", () => {
    const stage = new Stage({ voters: 3, swarm: { tailEntries: 6, tailBytes: 2_048 } });
    const [a, b, c, d, e] = [1, 2, 3, 4, 5];
    stage.lead(a);
    const client = stage.client(a).register();
    stage.client(b);
    client.wait(client.put("before", "x"));
    stage.node(c).mayRestart = false;
    stage.node(c).end(false, "it is switched off");
    for (const id of [d, e]) {
      const node = stage.add(toNodeId(id));
      node.start();
      expect(client.wait(client.change("ConfChangeAddLearnerNode", id)).outcome).toBe("applied");
      stage.until(() => stage.row(id, "before") !== undefined, `node ${id} has the state`);
      stage.client(id);
      expect(client.wait(client.change("ConfChangeAddNode", id)).outcome).toBe("applied");
    }
    stage.lead(d);
    const next = stage.client(d).register();
    for (const id of [a, b]) expect(next.wait(next.change("ConfChangeRemoveNode", id)).outcome).toBe("applied");
    next.wait(next.put("after", "y"));
    expect(stage.process(d).confState.voters).toEqual([c, d, e]);
    // It comes back with its old configuration; the old peers, which nobody has told, are there too.
    expect(stage.node(c).process).toBeUndefined();
    stage.node(c).start();
    stage.client(c);
    stage.until(() => stage.row(c, "after") !== undefined, "it has caught up");
    expect(stage.process(c).confState.voters).toEqual([c, d, e]);
    stage.pass(5_000);
    for (const id of [a, b]) expect(stage.process(id).replica.status().state).not.toBe("leader");
    expect([d, e, c]).toContain(stage.leader([c, d, e]));
  });
});

describe("a sealed leader", () => {
  it("takes what it cannot check and hands over to an open follower as soon as that has caught up", () => {
    const stage = new Stage({ voters: 3 });
    stage.lead(1);
    const client = stage.client(1).register();
    const other = stage.client(2).register();
    client.wait(client.put("before", "x"));
    // Node 3 stays sealed, so that only node 2 is fit.
    stage.part([2], [1, 3]);
    client.wait(client.put("meanwhile", "y"));
    client.seal();
    stage.pass(3_000);
    expect(stage.leader([1, 3])).toBe(1);
    stage.heal();
    expect(stage.leader([2])).toBe(2);
    expect(other.wait(other.put("after", "z")).outcome).toBe("applied");
    stage.agree([1, 2, 3]);
    expect(stage.row(2, "meanwhile")?.text).toBe("y");
    expect(stage.world.tally.marks.get("sealed leader handed over")).toBeGreaterThan(0);
  });
});

describe("a sealed member that was taken over", () => {
  const unsigned = { keyId: 0, mac: new Uint8Array(0) };
  const put = (name: string) => ({ kind: "put", key: rowKey(name), term: 1, value: utf8("forged") }) as const;

  it("gets nothing into the log by proposing commands without a MAC, with a false one, or other members' old ones", () => {
    const stage = new Stage({ voters: 3 });
    stage.lead(1);
    const [honest, own] = [stage.client(2).register(), stage.client(3).register()];
    stage.client(1);
    honest.wait(honest.put("row", "old"));
    const old = stage.sent.flatMap(({ message }) => (message.type === "propose" ? message.commands : []));
    own.wait(own.put("mine", "once"));
    const mine = stage.sent.flatMap(({ from, message }) =>
      from === 3 && message.type === "propose" ? message.commands : [],
    );
    honest.wait(honest.put("row", "new"));
    own.seal();
    stage.pass(100);
    const forged = [
      peerCommand(900, { ...unsigned, proposer: { node: 3, incarnation: 1 }, mutations: [put("forged")] }),
      peerCommand(901, { proposer: { node: 3, incarnation: 1 }, mutations: [put("forged")] }),
      ...old,
    ];
    const before = stage.process(1).state.digest();
    const { wallMs } = { wallMs: stage.node(3).clock.wallMs() };
    stage.process(1).receive(toNodeId(3), wallMs, [{ type: "propose", batch: 9_000, commands: forged }]);
    stage.process(1).receive(toNodeId(3), wallMs, [{ type: "propose", batch: 9_001, commands: mine }]);
    stage.pass(1_000);
    stage.agree([1, 2, 3]);
    expect(stage.row(1, "forged")).toBeUndefined();
    expect(stage.row(1, "row")?.text).toBe("new");
    // Its own old commands may come again: they are answered, not run.
    expect(Buffer.from(stage.process(1).state.digest()).equals(before)).toBe(true);
  });

  it("that leads has its appends stored by no open follower, and by replaying old commands changes nothing", () => {
    const follower = new ManualReplica({ voters: [SELF, PEER] });
    const register = peerCommand(0, { floor: 0, mutations: [registrationMutation(PEER, [])] });
    const first = peerCommand(1, { mutations: [put("row")] });
    follower.hearAppend([entryOf(2, register), entryOf(3, first)], 3);
    expect(follower.state.appliedIndex).toBe(3);
    const before = follower.state.digest();
    // The very command once more, alone and packed with others, and at a later place.
    follower.hearAppend([entryOf(4, first), entryOf(5, first, first)], 5);
    expect(follower.state.appliedIndex).toBe(5);
    expect(Buffer.from(follower.state.digest()).equals(before)).toBe(true);
    for (const bad of [
      entryOf(6, peerCommand(2, { ...unsigned, mutations: [put("forged")] })),
      entryOf(6, peerCommand(2, { mac: new Uint8Array(32).fill(8), mutations: [put("forged")] })),
      { index: toIndex(6), term: toTerm(2), type: "EntryNormal", data: Uint8Array.of(1, 2, 3) } as const,
      {
        index: toIndex(6),
        term: toTerm(2),
        type: "EntryConfChangeV2",
        data: encodeEntryBody({ kind: "membership", version: 1, logTimeMs: 1, commands: [first] }),
      } as const,
    ]) {
      const stored = follower.appended.length;
      const disconnected = follower.of("disconnect").length;
      follower.hearAppend([bad], 6);
      expect(follower.appended).toHaveLength(stored);
      expect(follower.of("disconnect")).toHaveLength(disconnected + 1);
    }
    expect(follower.state.appliedIndex).toBe(5);
  });
});
