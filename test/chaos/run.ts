/**
 * One run: a cluster, its load, rounds of faults that strike at the same time, calm after each round in which every node must
 * serve again, and the verdict.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "@strongroom/runtime/testing";
import { Load } from "./clients.ts";
import { ChaosCluster, Violation } from "./cluster.ts";
import { buildFaultyDisk } from "./faulty-disk.ts";
import { NamespaceNetwork } from "./namespace-network.ts";
import { CLUSTER_NEMESES } from "./nemeses-cluster.ts";
import { PROCESS_NEMESES } from "./nemeses-process.ts";
import type { NemesisKind } from "./nemesis.ts";
import { NEEDS_FAULTY_DISK, NEEDS_MOUNT, type NemesisName } from "./nemesis-names.ts";
import { NodePlace } from "./node-process.ts";
import type { ChaosOptions } from "./options.ts";
import { ProxyNetwork } from "./proxy-network.ts";
import { isSandboxed } from "./sandbox.ts";
import { SmallDisk } from "./small-disk.ts";
import { type Findings, judge } from "./verdict.ts";

const BASE_PORT = 24_100;
/** From the end of the last fault of a round until every node has acknowledged a write at its own door. */
const RECOVERY_MAX_MS = 60_000;
/** Of the pages that a loss of power finds unsynced, those that are on the disk all the same. */
const EARLY_PERCENT = 25;
/** So many of a lane at once. Two that each cost a node its log could leave no majority of logs. */
const LANE_WIDTH: Readonly<Record<NemesisKind["lane"], number>> = { process: 2, surgery: 1, network: 1, control: 1 };
const CALM_MS = 2_000;
/** A run that did nothing proves nothing: acknowledged writes a second, faults included. */
const WRITES_A_SECOND_MIN = 1;

export interface RunResult {
  readonly seconds: number;
  readonly struck: ReadonlyMap<NemesisName, number>;
  readonly recoveriesMs: readonly number[];
  readonly load: Load;
  readonly findings: Findings | undefined;
  readonly violations: readonly string[];
  readonly skipped: readonly string[];
  /** Where the nodes' data and logs are, when something was wrong. */
  readonly kept: string | undefined;
}

export async function runChaos(options: ChaosOptions, print: (line: string) => void): Promise<RunResult> {
  if (options.directory !== undefined) mkdirSync(options.directory, { recursive: true });
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), `strongroom-chaos-${options.seed}-`));
  const run = await Run.begin(options, directory, print);
  try {
    const result = await run.toTheEnd();
    await run.close();
    if (result.kept === undefined) run.remove();
    return result;
  } catch (error) {
    await run.close();
    print(`the run broke off; the nodes' data and logs are in ${directory}`);
    throw error;
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #directory: string;
  readonly #print: (line: string) => void;
  readonly #random: SeededRandom;
  readonly #cluster: ChaosCluster;
  readonly #smallDisks: readonly SmallDisk[];
  readonly #nemeses: readonly NemesisKind[];
  readonly #skipped: readonly string[];
  readonly #startMs = performance.now();
  readonly #struck = new Map<NemesisName, number>();
  readonly #recoveriesMs: number[] = [];
  #faults = 0;
  #deck: NemesisKind[] = [];

  private constructor(
    options: ChaosOptions,
    directory: string,
    print: (line: string) => void,
    parts: {
      readonly random: SeededRandom;
      readonly cluster: ChaosCluster;
      readonly smallDisks: readonly SmallDisk[];
      readonly nemeses: readonly NemesisKind[];
      readonly skipped: readonly string[];
    },
  ) {
    this.#options = options;
    this.#directory = directory;
    this.#print = print;
    this.#random = parts.random;
    this.#cluster = parts.cluster;
    this.#smallDisks = parts.smallDisks;
    this.#nemeses = parts.nemeses;
    this.#skipped = parts.skipped;
  }

  static async begin(options: ChaosOptions, directory: string, print: (line: string) => void): Promise<Run> {
    const { nodes, seed } = options;
    const skipped: string[] = [];
    let wanted = options.nemeses;
    // What a lying disk loses is to be whole groups: half of one is damage, which a node finds.
    const disk = buildFaultyDisk(directory, { earlyPercent: options.lyingDisks ? 0 : EARLY_PERCENT });
    if (disk === undefined) {
      skipped.push(`SKIPPED, no gcc for the faulty disk: ${NEEDS_FAULTY_DISK.join(", ")}, and kills lose no power`);
      wanted = wanted.filter((name) => !NEEDS_FAULTY_DISK.includes(name));
    }
    if (!isSandboxed()) {
      skipped.push(`SKIPPED, no namespaces to be had: ${NEEDS_MOUNT.join(", ")}`);
      wanted = wanted.filter((name) => !NEEDS_MOUNT.includes(name));
    }
    if (options.network === "netns" && wanted.includes("slow")) {
      skipped.push("SKIPPED, a network of namespaces cannot be slowed down: slow");
      wanted = wanted.filter((name) => name !== "slow");
    }
    if (options.lyingDisks && disk === undefined) throw new Error("--lying-disks needs gcc");
    for (const line of skipped) print(line);
    const random = new SeededRandom(seed);
    const places: NodePlace[] = [];
    const pidOf = (node: number): number | undefined => places[node]?.pid;
    const network =
      options.network === "netns"
        ? new NamespaceNetwork({ nodes, basePort: BASE_PORT })
        : await ProxyNetwork.open({ nodes, basePort: BASE_PORT }, pidOf, random);
    const smallDisks: SmallDisk[] = [];
    for (let place = 0; place < nodes; place++) {
      const dataRoot = join(directory, `disk-${place}`);
      if (wanted.includes("full-disk")) smallDisks.push(new SmallDisk(dataRoot));
      places.push(new NodePlace({ place, directory, dataRoot, basePort: BASE_PORT, network, disk, seed }));
    }
    const nemeses = [...PROCESS_NEMESES, ...CLUSTER_NEMESES].filter(({ name }) => wanted.includes(name));
    return new Run(options, directory, print, {
      random,
      cluster: new ChaosCluster(places, network),
      smallDisks,
      nemeses,
      skipped,
    });
  }

  async toTheEnd(): Promise<RunResult> {
    const violations: string[] = [];
    let findings: Findings | undefined;
    await this.#cluster.up();
    if (this.#options.lyingDisks) for (const { control } of this.#cluster.places) control?.setLie(true);
    this.#say(
      `${this.#options.nodes} nodes serve, on a ${this.#cluster.network.kind} network; data in ${this.#directory}`,
    );
    const beganMs = performance.now();
    const load = new Load(this.#cluster, this.#options.seed);
    try {
      const endMs = beganMs + this.#options.minutes * 60_000;
      await this.#recovered();
      while (performance.now() < endMs) await this.#round();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violations.push(error.message);
      this.#say(`VIOLATION: ${error.message}`);
    }
    const seconds = (performance.now() - beganMs) / 1000;
    await load.stop();
    if (violations.length === 0) {
      this.#say(`reading back what ${load.acknowledged} acknowledged writes left`);
      try {
        findings = await judge(this.#cluster, load);
        violations.push(...violationsOf(findings));
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        violations.push(error.message);
      }
      if (load.acknowledged < WRITES_A_SECOND_MIN * seconds)
        violations.push(
          `only ${load.acknowledged} writes were acknowledged in ${seconds.toFixed(0)} s: this run proves nothing`,
        );
    }
    const kept = violations.length > 0 ? this.#keep() : undefined;
    return {
      seconds,
      struck: this.#struck,
      recoveriesMs: this.#recoveriesMs,
      load,
      findings,
      violations,
      skipped: this.#skipped,
      kept,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#cluster.places.map((place) => place.kill()));
    for (const { api, control } of this.#cluster.places) {
      api.close();
      control?.close();
    }
    await this.#cluster.network.close();
    for (const disk of this.#smallDisks) disk.unmount();
  }

  /** One to three faults at once, then calm. */
  async #round(): Promise<void> {
    const count = 1 + Number(this.#random.chance(60)) + Number(this.#random.chance(40));
    const faults = this.#deal(count);
    const ends = await Promise.allSettled(faults.map((kind) => this.#strike(kind)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    this.#cluster.network.heal();
    await this.#recovered();
    await sleep(CALM_MS);
  }

  /** Each kind once before any comes again. */
  #deal(count: number): readonly NemesisKind[] {
    const hand: NemesisKind[] = [];
    if (this.#deck.length === 0)
      this.#deck = this.#nemeses
        .map((kind) => ({ kind, order: this.#random.next() }))
        .sort((a, b) => a.order - b.order)
        .map(({ kind }) => kind);
    for (const kind of this.#deck.slice()) {
      if (hand.length === count) break;
      if (hand.filter(({ lane }) => lane === kind.lane).length === LANE_WIDTH[kind.lane]) continue;
      hand.push(kind);
      this.#deck.splice(this.#deck.indexOf(kind), 1);
    }
    return hand;
  }

  async #strike(kind: NemesisKind): Promise<void> {
    const { name } = kind;
    const random = new SeededRandom(this.#options.seed + 7919 * ++this.#faults);
    const told = await kind.strike({ cluster: this.#cluster, random, smallDisks: this.#smallDisks });
    if (told === undefined) {
      this.#deck.push(kind);
      return;
    }
    this.#struck.set(name, (this.#struck.get(name) ?? 0) + 1);
    this.#say(`${name.padEnd(11)} ${told}`);
  }

  /** Until every node has acknowledged a write at its own door. */
  async #recovered(): Promise<void> {
    const beganMs = performance.now();
    await Promise.all(
      this.#cluster.places.map(async (place) => {
        for (;;) {
          if (!place.isRunning)
            throw new Violation(`${place.name} ended by itself (${place.end}):\n${place.lastLogLines(8).join("\n")}`);
          const call = {
            method: "PUT",
            path: `secret/data/probe-${place.place}`,
            body: { data: {} },
            timeoutMs: 2_000,
          } as const;
          const answer = await this.#cluster.call(place, call);
          if (answer.status === 200) return;
          if (performance.now() - beganMs > RECOVERY_MAX_MS)
            throw new Violation(
              `${place.name} takes no write ${RECOVERY_MAX_MS / 1000} s after the last fault: ${answer.status} ${answer.text}`,
            );
          await sleep(20);
        }
      }),
    );
    this.#recoveriesMs.push(performance.now() - beganMs);
  }

  #keep(): string {
    if (this.#smallDisks.length === 0) return this.#directory;
    // Small disks go with the sandbox.
    for (const place of this.#cluster.places) {
      place.signal("SIGKILL");
      cpSync(place.dataRoot, join(this.#directory, `kept-${place.place}`), { recursive: true });
    }
    return this.#directory;
  }

  /** Removes everything; for a run without violations. */
  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #say(text: string): void {
    this.#print(`${((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(7)} s  ${text}`);
  }
}

function violationsOf(findings: Findings): string[] {
  const all: [string, readonly string[]][] = [
    ["lost", findings.lost],
    ["duplicated", findings.duplicated],
    ["not asked for", findings.unasked],
    ["not linearizable", findings.illegal],
    ["not decided by the checker", findings.undecided],
  ];
  return all.flatMap(([what, cases]) => cases.map((text) => `${what}: ${text}`));
}
