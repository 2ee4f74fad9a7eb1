/** What a fault is given to work with. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "@strongroom/runtime/testing";
import type { ChaosCluster } from "./cluster.ts";
import type { NemesisName } from "./nemesis-names.ts";
import type { NodePlace } from "./node-process.ts";
import type { SmallDisk } from "./small-disk.ts";

export interface Fault {
  readonly cluster: ChaosCluster;
  /** Its own, so that what it does is decided by the run's seed and its number. */
  readonly random: SeededRandom;
  /** By place, where data lie on small disks. */
  readonly smallDisks: readonly SmallDisk[];
}

/** Does its harm and undoes it, as far as it can; what it did, for people, or undefined if others had all nodes. Throws `Violation`. */
type Nemesis = (fault: Fault) => Promise<string | undefined>;

export interface NemesisKind {
  readonly name: NemesisName;
  /** Of one lane only one at a time. */
  readonly lane: "process" | "surgery" | "network" | "control";
  readonly strike: Nemesis;
}

const REVIVE_TIMEOUT_MS = 300_000;
const ENDING_MS = 4_000;

export function between(random: SeededRandom, minMs: number, maxMs: number): number {
  return minMs + random.below(maxMs - minMs + 1);
}

/** `count` places for the fault alone, the leader's first in four of ten cases; none if others have all. */
export async function claimPlaces({ cluster, random }: Fault, count: number): Promise<readonly NodePlace[]> {
  const shuffled = cluster.places
    .map((place) => ({ place, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ place }) => place);
  const leader = random.chance(40) ? await cluster.leader() : undefined;
  return cluster.claim(leader === undefined ? shuffled : [leader, ...shuffled.filter((p) => p !== leader)], count);
}

/** Runs `harm` on claimed places and brings them back, whatever happens. */
export async function onPlaces(
  fault: Fault,
  count: number,
  harm: (places: readonly NodePlace[]) => Promise<string>,
): Promise<string | undefined> {
  const places = await claimPlaces(fault, count);
  if (places.length === 0) return undefined;
  try {
    const told = await harm(places);
    for (const place of places) if (!place.isRunning) place.start();
    await Promise.all(places.map((place) => fault.cluster.revive(place, REVIVE_TIMEOUT_MS)));
    return `${places.map(({ name }) => name).join(" ")} ${told}`;
  } finally {
    fault.cluster.release(places);
  }
}

/** Lets those end that their fault has made end: a process that cannot go on takes a moment for it. */
export async function letEnd(places: readonly NodePlace[]): Promise<void> {
  await sleep(ENDING_MS);
  for (const place of places) if (place.isRunning) place.endExpected = false;
}

/** Kills places as a crash of the process does (what was written stays) or as a loss of power does. */
export async function killAs(kind: "crash" | "power", places: readonly NodePlace[]): Promise<void> {
  if (kind === "crash") {
    for (const place of places) place.control?.setHold(false);
    await sleep(20);
  }
  await Promise.all(places.map((place) => place.kill()));
}
