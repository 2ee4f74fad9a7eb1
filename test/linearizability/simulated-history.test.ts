import { describe, expect, it } from "vitest";
import { Choices } from "../simulation/choices.ts";
import { ReplicaSimulation } from "../simulation/replica-simulation.ts";
import { COUNTER } from "../simulation/replica-worker.ts";
import { checkHistory } from "./checker.ts";
import { byKey } from "./history.ts";
import { SimulatedHistory, sharedRow } from "./simulated-history.ts";

const EVENTS = 8_000;

function historyOf(seed: number) {
  const options = { choices: Choices.seeded(seed), events: EVENTS, liveness: false, transcribed: false };
  const simulation = new ReplicaSimulation(options);
  const observer = new SimulatedHistory();
  simulation.history.observer = observer;
  simulation.run();
  return byKey(observer.operations(), ({ key }) => key);
}

describe("simulated replicas", () => {
  it.each([101, 103, 109])("give their clients a linearizable history (seed %i)", (seed) => {
    let operations = 0;
    for (const [key, history] of historyOf(seed)) {
      operations += history.length;
      expect([key, checkHistory(sharedRow, history).verdict]).toEqual([key, "linearizable"]);
    }
    expect(operations).toBeGreaterThan(50);
  });

  it("are found out by one stale read", () => {
    const history = historyOf(101).get(COUNTER) ?? [];
    const reads = history.filter(({ input, output }) => input.written === undefined && output !== undefined);
    const last = reads.reduce((latest, read) => (read.callAt > latest.callAt ? read : latest));
    const older = reads.find(({ output }) => output?.value !== last.output?.value);
    expect(older).toBeDefined();
    const stale = history.map((operation) => (operation === last ? { ...last, output: older?.output } : operation));
    expect(checkHistory(sharedRow, stale).verdict).toBe("illegal");
  });
});
