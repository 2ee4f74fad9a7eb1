/**
 * `npm run chaos:schedules -- [NAME…]`: courses of events that broke such designs on paper, each played on real processes, in
 * order and without chance. Prints a line each; exit code 1 when one ends otherwise than it must.
 */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "@strongroom/runtime/testing";
import { ChaosCluster, Violation } from "./cluster.ts";
import { buildFaultyDisk, type FaultyDisk } from "./faulty-disk.ts";
import { NodePlace } from "./node-process.ts";
import { ProxyNetwork } from "./proxy-network.ts";
import { isSandboxed, raiseLoopback, runSandboxed } from "./sandbox.ts";

const BASE_PORT = 24_300;
const PATIENCE_MS = 90_000;
const DAY_MS = 86_400_000;
const PAGE = 4096;

interface Stage {
  readonly cluster: ChaosCluster;
  readonly places: readonly NodePlace[];
  /** Writes `count` values at one place and remembers those that were acknowledged. */
  readonly write: (place: NodePlace, count: number) => Promise<number>;
  /** Throws unless every acknowledged value is there, read at this place. */
  readonly expectAll: (place: NodePlace) => Promise<void>;
  /** Throws unless these places come to hold one state. */
  readonly expectOneState: (places: readonly NodePlace[]) => Promise<void>;
}

interface Schedule {
  readonly name: string;
  /** How many places there are, and how many of them the cluster begins with. */
  readonly places: number;
  readonly members: number;
  readonly needsFaultyDisk?: true;
  play(stage: Stage): Promise<void>;
}

const SCHEDULES: readonly Schedule[] = [
  {
    name: "a node that was down while {A,B,C} became {D,E,C} finds its new peers and serves",
    places: 5,
    members: 3,
    async play({ cluster, places, write, expectAll, expectOneState }) {
      const [a, b, c, d, e] = five(places);
      await write(a, 20);
      await c.kill();
      // Always with a majority of those that are up.
      for (const [old, young] of [
        [a, d],
        [b, e],
      ] as const) {
        young.start(await cluster.joinToken(PATIENCE_MS));
        await cluster.open(young, PATIENCE_MS);
        await cluster.votes(young, PATIENCE_MS);
        await cluster.removePeer(old.name, PATIENCE_MS);
        await old.kill();
        await write(young, 20);
      }
      c.start();
      await cluster.open(c, PATIENCE_MS);
      await expectAll(c);
      await write(c, 20);
      await expectOneState([c, d, e]);
    },
  },
  {
    name: "a zeroed page in LevelDB's own log hides nothing: the node's log has it all",
    places: 3,
    members: 3,
    async play({ cluster, places, write, expectAll, expectOneState }) {
      const [a] = places;
      if (a === undefined) return;
      await write(a, 60);
      a.control?.setHold(false);
      await write(a, 60);
      await a.kill();
      zeroPages(a.dataDirectory);
      a.start();
      await cluster.open(a, PATIENCE_MS);
      await expectAll(a);
      await expectOneState(places);
    },
  },
  {
    name: "a loss of power that keeps later pages and not earlier ones is a torn tail; a flipped bit in the middle is damage",
    places: 1,
    members: 1,
    needsFaultyDisk: true,
    async play({ cluster, places, write, expectAll }) {
      const [only] = places;
      if (only === undefined) return;
      for (let cut = 0; cut < 8; cut++) {
        const writing = write(only, 40);
        await sleep(100 + 40 * cut);
        await only.kill();
        await writing;
        only.start();
        await cluster.open(only, PATIENCE_MS);
        await expectAll(only);
      }
      await only.kill();
      flipInTheMiddle(join(only.dataDirectory, "wal"));
      only.start();
      only.endExpected = true;
      await Promise.race([only.exited, sleep(PATIENCE_MS)]);
      require(!only.isRunning, "the node runs on a damaged log");
      require(/is damaged/.test(only.lastLogLines(5).join("\n")), "the node does not say that its log is damaged");
    },
  },
  {
    name: "a proposer whose clock is a day ahead is told so and moves no time; set right, it writes",
    places: 3,
    members: 3,
    needsFaultyDisk: true,
    async play({ cluster, places, write, expectOneState }) {
      const leader = await cluster.someLeader(PATIENCE_MS);
      const [ahead, other] = places.filter((place) => place !== leader);
      if (ahead === undefined || other === undefined) return;
      ahead.control?.setClockOffset(DAY_MS);
      await sleep(1_000);
      const answer = await cluster.call(ahead, putOf("ahead", 1));
      require(answer.status === 503 && /clock/.test(answer.text), `a write with a wrong clock got ${answer.text}`);
      require((await write(other, 20)) === 20, "the others go on");
      await expectTimeIsNow(cluster, other);
      ahead.control?.setClockOffset(0);
      await write(ahead, 5);
      await expectOneState(places);
    },
  },
  {
    name: "a leader whose clock jumps a day expires nothing and loses nothing",
    places: 3,
    members: 3,
    needsFaultyDisk: true,
    async play({ cluster, places, write, expectAll, expectOneState }) {
      const leader = await cluster.someLeader(PATIENCE_MS);
      for (const offsetMs of [DAY_MS, -DAY_MS]) {
        leader.control?.setClockOffset(offsetMs);
        await sleep(1_500);
        await write(leader, 10);
        leader.control?.setClockOffset(0);
        await sleep(500);
        for (const place of places) await write(place, 5);
        await expectTimeIsNow(cluster, leader);
      }
      await expectAll(leader);
      await expectOneState(places);
    },
  },
  {
    name: "a sealed leader hands over to an open follower, and stays a member",
    places: 3,
    members: 3,
    async play({ cluster, places, write, expectAll, expectOneState }) {
      const leader = await cluster.someLeader(PATIENCE_MS);
      const [other] = places.filter((place) => place !== leader);
      if (other === undefined) return;
      await write(leader, 10);
      await cluster.call(leader, { method: "PUT", path: "sys/seal" });
      const endMs = performance.now() + PATIENCE_MS;
      while ((await cluster.someLeader(PATIENCE_MS)) === leader) {
        require(performance.now() < endMs, "the sealed leader leads on");
        await sleep(100);
      }
      await write(other, 10);
      await cluster.open(leader, PATIENCE_MS);
      await expectAll(leader);
      await expectOneState(places);
    },
  },
];

/** Log time, as expiry sees it: a request id of now is neither too old nor from the future. */
async function expectTimeIsNow(cluster: ChaosCluster, place: NodePlace): Promise<void> {
  const time = Date.now().toString(16).padStart(12, "0");
  const idempotencyKey = `${time.slice(0, 8)}-${time.slice(8)}-7abc-8def-0123456789ab`;
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { status, text } = await cluster.call(place, { ...putOf("now", time), idempotencyKey });
    if (status === 200) return;
    require(!/idempotency_key_expired/.test(text), `the log's time has moved: ${text}`);
    require(performance.now() < endMs, `no write after the clock was right again: ${text}`);
    await sleep(100);
  }
}

function putOf(key: string, value: unknown) {
  return { method: "PUT", path: `secret/data/${key}`, body: { data: { value } } } as const;
}

function stageOf(cluster: ChaosCluster, places: readonly NodePlace[]): Stage {
  const acknowledged = new Map<string, number>();
  let next = 0;
  return {
    cluster,
    places,
    async write(place, count) {
      let done = 0;
      for (let i = 0; i < count; i++) {
        const n = next++;
        if ((await cluster.call(place, putOf(`n-${n}`, n))).status !== 200) continue;
        acknowledged.set(`n-${n}`, n);
        done++;
      }
      return done;
    },
    async expectAll(place) {
      for (const [key, n] of acknowledged) {
        const endMs = performance.now() + PATIENCE_MS;
        for (;;) {
          const { status, json, text } = await cluster.call(place, { method: "GET", path: `secret/data/${key}` });
          if (status === 200) {
            const { data, metadata } = json.data as {
              readonly data: { readonly value: number };
              readonly metadata: { readonly version: number };
            };
            require(data.value === n && metadata.version === 1, `${key} is ${text}`);
            break;
          }
          require(status !== 404, `${key} was acknowledged and is not there`);
          require(performance.now() < endMs, `${key} cannot be read at ${place.name}: ${status} ${text}`);
          await sleep(50);
        }
      }
    },
    async expectOneState(some) {
      const endMs = performance.now() + PATIENCE_MS;
      for (;;) {
        const answers = await Promise.all(
          some.map((place) => cluster.call(place, { method: "GET", path: "sys/storage/raft/digest" })),
        );
        const states = new Set(answers.map(({ json, text }) => JSON.stringify(json.data ?? text)));
        if (states.size === 1 && answers.every(({ status }) => status === 200)) return;
        require(performance.now() < endMs, `the nodes hold different states: ${[...states].join(" ")}`);
        await sleep(100);
      }
    },
  };
}

/** In each of LevelDB's log files a page in the middle of what was written. */
function zeroPages(dataDirectory: string): void {
  const logs = readdirSync(dataDirectory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".log"),
  );
  require(logs.length > 0, "LevelDB has a log");
  for (const name of logs) {
    const path = join(dataDirectory, name);
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(PAGE), 0, PAGE, Math.floor(statSync(path).size / 2 / PAGE) * PAGE);
    closeSync(file);
  }
}

function flipInTheMiddle(walDirectory: string): void {
  const [name = ""] = readdirSync(walDirectory)
    .filter((file) => file.endsWith(".wal"))
    .sort();
  const path = join(walDirectory, name);
  const bytes = readFileSync(path);
  const end = bytes.findLastIndex((byte) => byte !== 0);
  let offset = Math.floor(end / 2);
  while (bytes[offset] === 0) offset++;
  const file = openSync(path, "r+");
  writeSync(file, Buffer.of((bytes[offset] ?? 0) ^ 1), 0, 1, offset);
  closeSync(file);
}

function five(places: readonly NodePlace[]): readonly [NodePlace, NodePlace, NodePlace, NodePlace, NodePlace] {
  const [a, b, c, d, e] = places;
  if (a === undefined || b === undefined || c === undefined || d === undefined || e === undefined)
    throw new Error("this schedule has five places");
  return [a, b, c, d, e];
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new Violation(what);
}

async function play(schedule: Schedule, directory: string, disk: FaultyDisk | undefined): Promise<void> {
  const places: NodePlace[] = [];
  const options = { nodes: schedule.places, basePort: BASE_PORT };
  const network = await ProxyNetwork.open(options, (node) => places[node]?.pid, new SeededRandom(1));
  for (let place = 0; place < schedule.places; place++) {
    const dataRoot = join(directory, `disk-${place}`);
    places.push(new NodePlace({ place, directory, dataRoot, basePort: BASE_PORT, network, disk, seed: place }));
  }
  const cluster = new ChaosCluster(places, network);
  try {
    await cluster.up(schedule.members);
    await schedule.play(stageOf(cluster, places));
  } finally {
    await Promise.all(places.map((place) => place.kill()));
    for (const { api, control } of places) {
      api.close();
      control?.close();
    }
    await network.close();
  }
}

async function main(names: readonly string[]): Promise<number> {
  if (!isSandboxed()) {
    const code = await runSandboxed(names);
    if (code !== undefined) return code;
  } else raiseLoopback();
  let failed = 0;
  for (const schedule of SCHEDULES) {
    if (names.length > 0 && !names.some((name) => schedule.name.includes(name))) continue;
    const directory = mkdtempSync(join(tmpdir(), "strongroom-schedule-"));
    const startMs = performance.now();
    const disk = buildFaultyDisk(directory, { earlyPercent: 50 });
    if (disk === undefined && schedule.needsFaultyDisk === true) {
      process.stdout.write(`SKIPPED, no gcc for the faulty disk: ${schedule.name}\n`);
      continue;
    }
    try {
      await play(schedule, directory, disk);
      process.stdout.write(`ok    ${schedule.name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)\n`);
      rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      failed++;
      const told = error instanceof Violation ? error.message : String(error instanceof Error ? error.stack : error);
      process.stdout.write(`FAIL  ${schedule.name}: ${told}\n      data and logs are in ${directory}\n`);
    }
  }
  process.stdout.write(`schedules failed: ${failed}\n`);
  return failed === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
