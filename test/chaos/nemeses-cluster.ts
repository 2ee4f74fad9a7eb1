/** Faults of the network, of leadership and of membership, and damage that takes a node's membership with it. */

import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "@strongroom/runtime/testing";
import { type ChaosCluster, Violation } from "./cluster.ts";
import { between, claimPlaces, type Fault, type NemesisKind } from "./nemesis.ts";
import type { NodePlace } from "./node-process.ts";

const REPLACE_TIMEOUT_MS = 300_000;
const QUARANTINE_TIMEOUT_MS = 60_000;

function pairOf({ cluster, random }: Fault): readonly [number, number] {
  const { length } = cluster.places;
  const from = random.below(length);
  return [from, (from + 1 + random.below(Math.max(1, length - 1))) % length];
}

async function cutOneWay(fault: Fault): Promise<string> {
  const { cluster, random } = fault;
  const [from, to] = pairOf(fault);
  const cutMs = between(random, 500, 6_000);
  cluster.network.cut(from, to);
  await sleep(cutMs);
  cluster.network.heal();
  return `node ${from} could not be heard by node ${to} for ${cutMs} ms`;
}

async function cut(fault: Fault): Promise<string> {
  const { cluster, random } = fault;
  const [one, other] = pairOf(fault);
  const cutMs = between(random, 500, 6_000);
  cluster.network.cut(one, other);
  cluster.network.cut(other, one);
  await sleep(cutMs);
  cluster.network.heal();
  return `nodes ${one} and ${other} were cut off from each other for ${cutMs} ms`;
}

async function isolate(fault: Fault): Promise<string> {
  const { cluster, random } = fault;
  const leader = random.chance(60) ? (await cluster.leader())?.place : undefined;
  const alone = leader ?? random.below(cluster.places.length);
  const directions = random.chance(60) ? "both" : random.chance(50) ? "in" : "out";
  for (const { place } of cluster.places) {
    if (place === alone) continue;
    if (directions !== "in") cluster.network.cut(alone, place);
    if (directions !== "out") cluster.network.cut(place, alone);
  }
  const cutMs = between(random, 500, 6_000);
  if (directions === "both") await expectSilence(cluster, alone, cutMs);
  else await sleep(cutMs);
  cluster.network.heal();
  const told = { both: "was alone", in: "could not hear", out: "could not be heard" }[directions];
  return `node ${alone}${leader === undefined ? "" : ", the leader,"} ${told} for ${cutMs} ms`;
}

/** Who is alone can neither write nor read, though it may lead for a moment yet. Takes `cutMs`. */
async function expectSilence(cluster: ChaosCluster, alone: number, cutMs: number): Promise<void> {
  const place = cluster.places[alone];
  const heals = sleep(cutMs);
  const timeoutMs = cutMs - 200;
  if (place !== undefined && cluster.places.length > 2) {
    const calls = [
      { method: "PUT", path: `secret/data/probe-${alone}`, body: { data: {} }, timeoutMs },
      { method: "GET", path: `secret/data/probe-${alone}`, timeoutMs },
    ] as const;
    for (const [i, answer] of (await Promise.all(calls.map((call) => cluster.call(place, call)))).entries())
      if (answer.status === 200)
        throw new Violation(`${place.name} answered a ${calls[i]?.method} while it was alone: ${answer.text}`);
  }
  await heals;
}

async function slow(fault: Fault): Promise<string> {
  const { cluster, random } = fault;
  const node = random.below(cluster.places.length);
  const delayMs = between(random, 20, 400);
  const slowMs = between(random, 1_000, 5_000);
  const others = cluster.places.filter(({ place }) => place !== node);
  for (const { place } of others) {
    cluster.network.delay(node, place, delayMs);
    cluster.network.delay(place, node, delayMs);
  }
  await sleep(slowMs);
  cluster.network.heal();
  return `node ${node} was ${delayMs} ms away for ${slowMs} ms`;
}

async function transfer({ cluster, random }: Fault): Promise<string> {
  let moved = 0;
  const times = 2 + random.below(3);
  for (let i = 0; i < times; i++) {
    const leader = await cluster.leader();
    if (leader !== undefined) {
      const { status } = await cluster.call(leader, { method: "PUT", path: "sys/step-down" });
      if (status === 204 || status === 200) moved++;
    }
    await sleep(between(random, 200, 1_000));
  }
  return `leadership was handed over ${moved} of ${times} times`;
}

async function changeMembers(fault: Fault): Promise<string | undefined> {
  const { cluster, random } = fault;
  const [place] = await claimPlaces(fault, 1);
  if (place === undefined) return undefined;
  try {
    const old = place.name;
    const dead = random.chance(50);
    if (dead) {
      await place.kill();
      await sleep(between(random, 0, 2_000));
    }
    // A removed node may end by itself, or serve no more.
    place.endExpected = true;
    await replace(fault, place);
    return `${old} was removed ${dead ? "dead" : "alive"}, and ${place.name} joined in its place`;
  } finally {
    cluster.release([place]);
  }
}

async function flipBit(fault: Fault): Promise<string | undefined> {
  const { cluster, random } = fault;
  const [place] = await claimPlaces(fault, 1);
  if (place === undefined) return undefined;
  try {
    const old = place.name;
    await place.kill();
    const inTable = random.chance(40) ? flipInTable(place, random) : undefined;
    const where = inTable ?? flipInLog(place, random);
    place.start();
    place.endExpected = true;
    if (inTable === undefined) {
      // What vouches for the damaged record is in the same log: this node must find it and not take part.
      await Promise.race([place.exited, sleep(QUARANTINE_TIMEOUT_MS)]);
      if (place.isRunning) throw new Violation(`${old} runs on a log with a flipped bit (${where})`);
      if (!place.lastLogLines(20).some((line) => line.includes("is damaged")))
        throw new Violation(`${old} does not say that its log is damaged:\n${place.lastLogLines(5).join("\n")}`);
    } else {
      // It may notice only when it reads that block: it serves meanwhile, and must serve no wrong answer.
      await cluster.open(place, 5_000).catch(() => {});
      await sleep(2_000);
    }
    await replace(fault, place);
    return `${old} had a bit flipped in ${where}; ${place.name} joined in its place`;
  } finally {
    cluster.release([place]);
  }
}

/** In the first half of what was written to a segment, so that later records vouch for it. */
function flipInLog(place: NodePlace, random: SeededRandom): string {
  const directory = join(place.dataDirectory, "wal");
  const segments = readdirSync(directory)
    .filter((name) => name.endsWith(".wal"))
    .sort();
  const name = segments[random.below(segments.length)] ?? "";
  const path = join(directory, name);
  const bytes = readFileSync(path);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const written = [...bytes.subarray(0, end / 2).keys()].filter((offset) => bytes[offset] !== 0);
  return flip(path, bytes, written[random.below(written.length)] ?? 0, random);
}

/** Undefined when there is no table yet. */
function flipInTable(place: NodePlace, random: SeededRandom): string | undefined {
  const tables = readdirSync(place.dataDirectory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ldb"),
  );
  const name = tables[random.below(Math.max(1, tables.length))];
  if (name === undefined) return undefined;
  const path = join(place.dataDirectory, name);
  const bytes = readFileSync(path);
  return flip(path, bytes, random.below(bytes.length), random);
}

function flip(path: string, bytes: Buffer, offset: number, random: SeededRandom): string {
  const bit = random.below(8);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.of((bytes[offset] ?? 0) ^ (1 << bit)), 0, 1, offset);
  closeSync(file);
  return `${path.split("/").slice(-2).join("/")} at ${offset}`;
}

async function replace({ cluster }: Fault, place: NodePlace): Promise<void> {
  const old = place.dataDirectory;
  await cluster.replace(place, REPLACE_TIMEOUT_MS);
  if (existsSync(old)) rmSync(old, { recursive: true, force: true });
}

export const CLUSTER_NEMESES: readonly NemesisKind[] = [
  { name: "bit-flip", lane: "surgery", strike: flipBit },
  { name: "members", lane: "surgery", strike: changeMembers },
  { name: "cut-one-way", lane: "network", strike: cutOneWay },
  { name: "cut", lane: "network", strike: cut },
  { name: "isolate", lane: "network", strike: isolate },
  { name: "slow", lane: "network", strike: slow },
  { name: "transfer", lane: "control", strike: transfer },
];
