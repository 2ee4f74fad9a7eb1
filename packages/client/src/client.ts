/** A connection to a cluster: one channel a node, typed calls, one place where retries are decided. */
import type { Clock, Entropy, Random, Timers } from "@strongroom/runtime";
import { nodeClock, nodeEntropy, nodeRandom, nodeTimers } from "@strongroom/runtime/node";
import { Caller } from "./caller.ts";
import { Channel } from "./channel.ts";
import { trustFrom } from "./credentials.ts";
import { Kv } from "./kv.ts";
import { type Environment, settingsFrom } from "./settings.ts";
import { Sys } from "./sys.ts";
import type { ConnectOptions } from "./types.ts";
import { uuidV7 } from "./uuid-v7.ts";

export interface ClientParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly entropy: Entropy;
  readonly environment: Environment;
}

/**
 * ```ts
 * await using client = await StrongroomClient.connect({ addresses: ["n1:8202", "n2:8202", "n3:8202"], caCertFile, token });
 * const kv = client.kv("secret");
 * const version = await kv.put("billing/db", { password });
 * const secret = await kv.get("billing/db");
 * ```
 */
export class StrongroomClient {
  readonly sys: Sys;
  readonly #caller: Caller;
  readonly #drawRequestId: () => string;

  private constructor(caller: Caller, drawRequestId: () => string) {
    this.sys = new Sys(caller);
    this.#caller = caller;
    this.#drawRequestId = drawRequestId;
  }

  /**
   * Takes what `options` leave out from the environment. Goes to the network only for a CA that is known by its fingerprint:
   * nodes are dialled when they are called. Throws `ClientOptionsError`, or `UnavailableError`.
   */
  static async connect(options: ConnectOptions = {}, given: Partial<ClientParts> = {}): Promise<StrongroomClient> {
    const clock = given.clock ?? nodeClock;
    const timers = given.timers ?? nodeTimers;
    const entropy = given.entropy ?? nodeEntropy;
    const settings = settingsFrom(options, given.environment ?? process.env);
    const trust = await trustFrom(settings, timers);
    const channels = settings.addresses.map((address) => new Channel(address, trust));
    const caller = new Caller({ ...settings, channels }, { clock, timers, random: given.random ?? nodeRandom });
    return new StrongroomClient(caller, () => uuidV7(clock.wallMs(), entropy));
  }

  /** The KV engine at `mount`, such as `secret`. Costs nothing. */
  kv(mount: string): Kv {
    return new Kv(this.#caller, mount, this.#drawRequestId);
  }

  /** Ends the connections; calls under way fail. Idempotent. */
  close(): void {
    this.#caller.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
