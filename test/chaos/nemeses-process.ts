/** Faults of processes, disks and clocks. */
import { setTimeout as sleep } from "node:timers/promises";
import { between, type Fault, killAs, letEnd, type NemesisKind, onPlaces } from "./nemesis.ts";

const DAY_MS = 86_400_000;
const BULK_BYTES = 200 * 1024;

function crash(fault: Fault, count: number, kind: "crash" | "power"): Promise<string | undefined> {
  return onPlaces(fault, count, async (places) => {
    await killAs(kind, places);
    const downMs = between(fault.random, 0, 3_000);
    await sleep(downMs);
    return `${kind === "power" ? "lost power" : "killed"} for ${downMs} ms`;
  });
}

async function storm(fault: Fault): Promise<string | undefined> {
  const { random } = fault;
  return onPlaces(fault, 2, async (places) => {
    const rounds = 3 + random.below(3);
    for (let i = 0; i < rounds; i++) {
      await killAs(random.chance(50) ? "power" : "crash", places);
      for (const place of places) place.start();
      await sleep(between(random, 100, 1_500));
      for (const place of places) place.endExpected = true;
    }
    await killAs("crash", places);
    return `restarted ${rounds} times`;
  });
}

/** As for maintenance: the node ends in order, and leaves its place as leader first. */
async function stop(fault: Fault): Promise<string | undefined> {
  return onPlaces(fault, 1, async ([place]) => {
    await place?.kill("SIGTERM");
    const downMs = between(fault.random, 0, 2_000);
    await sleep(downMs);
    return `was stopped in order for ${downMs} ms`;
  });
}

async function seal(fault: Fault): Promise<string | undefined> {
  const { random, cluster } = fault;
  return onPlaces(fault, 1 + random.below(cluster.places.length), async (places) => {
    const answers = await Promise.all(places.map((place) => cluster.call(place, { method: "PUT", path: "sys/seal" })));
    const sealedMs = between(random, 0, 3_000);
    await sleep(sealedMs);
    return `sealed (${answers.map(({ status }) => status).join(" ")}) for ${sealedMs} ms`;
  });
}

async function pause(fault: Fault): Promise<string | undefined> {
  const { random, cluster } = fault;
  return onPlaces(fault, random.chance(70) ? 1 : 1 + random.below(cluster.places.length), async (places) => {
    const pauseMs = between(random, 100, 6_000);
    for (const place of places) place.signal("SIGSTOP");
    await sleep(pauseMs);
    for (const place of places) place.signal("SIGCONT");
    return `stood still for ${pauseMs} ms`;
  });
}

async function failSync(fault: Fault): Promise<string | undefined> {
  return onPlaces(fault, 1, async ([place]) => {
    if (place?.control === undefined) return "has no faulty disk";
    const failure = fault.random.chance(50) ? "keep" : "lose";
    place.endExpected = true;
    place.control.failSyncs(failure);
    // A node that hears nothing from a leader has nothing to sync.
    await Promise.race([place.exited, sleep(8_000)]);
    place.control.failSyncs("none");
    await letEnd([place]);
    const ended = !place.isRunning;
    return `failed to sync (what was written is ${failure === "keep" ? "kept" : "lost"}): ${ended ? "ended" : "had nothing to sync"}`;
  });
}

async function fullDisk(fault: Fault): Promise<string | undefined> {
  const { random, cluster, smallDisks } = fault;
  const count = random.chance(60) ? 1 : cluster.places.length;
  return onPlaces(fault, count, async (places) => {
    for (const place of places) {
      place.endExpected = true;
      smallDisks[place.place]?.fill(between(random, 0, 4) * 1024 * 1024);
    }
    const untilMs = performance.now() + between(random, 3_000, 7_000);
    const answers = new Map<number, number>();
    while (performance.now() < untilMs) {
      const place = cluster.places[random.below(cluster.places.length)];
      if (place === undefined) continue;
      const body = { data: { filler: "x".repeat(BULK_BYTES) } };
      const { status } = await cluster.call(place, { method: "PUT", path: `bulk/data/${random.below(4)}`, body });
      answers.set(status, (answers.get(status) ?? 0) + 1);
      await sleep(20);
    }
    for (const { place } of places) smallDisks[place]?.free();
    await letEnd(places);
    const ended = places.filter(({ isRunning }) => !isRunning).length;
    const told = [...answers].map(([status, times]) => `${status === 0 ? "no answer" : status} ×${times}`).join(", ");
    return `had full disks: ${ended} of ${places.length} ended; large writes got ${told}`;
  });
}

async function jumpClock(fault: Fault): Promise<string | undefined> {
  const { random } = fault;
  return onPlaces(fault, 1, async ([place]) => {
    if (place?.control === undefined) return "has no faulty clock";
    const offsets = [DAY_MS, -DAY_MS, 90_000, -90_000, 3_000, -3_000];
    const offsetMs = offsets[random.below(offsets.length)] ?? DAY_MS;
    place.control.setClockOffset(offsetMs);
    await sleep(between(random, 1_000, 5_000));
    place.control.setClockOffset(0);
    return `had its clock ${offsetMs / 1000} s off`;
  });
}

export const PROCESS_NEMESES: readonly NemesisKind[] = [
  { name: "kill", lane: "process", strike: (fault) => crash(fault, 1, "crash") },
  { name: "storm", lane: "process", strike: storm },
  { name: "kill-all", lane: "process", strike: (fault) => crash(fault, fault.cluster.places.length, "crash") },
  { name: "stop", lane: "process", strike: stop },
  { name: "seal", lane: "process", strike: seal },
  { name: "pause", lane: "process", strike: pause },
  { name: "power", lane: "process", strike: (fault) => crash(fault, 1, "power") },
  { name: "power-all", lane: "process", strike: (fault) => crash(fault, fault.cluster.places.length, "power") },
  { name: "fsync", lane: "process", strike: failSync },
  { name: "full-disk", lane: "process", strike: fullDisk },
  { name: "clock", lane: "process", strike: jumpClock },
];
