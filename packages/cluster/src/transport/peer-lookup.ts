/**
 * Names of peers to addresses. `dns.lookup` blocks a thread of libuv's pool, which the whole process shares with LevelDB,
 * for as long as a name server takes. So at most two run at a time, never two for one name; and once a name has
 * been found, nobody waits for it again: the last address is given at once and looked up anew behind it. A peer that
 * moved is found at the second try.
 */
import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { asError } from "@strongroom/runtime";

export interface ResolvedAddress {
  readonly address: string;
  /** 4 or 6. */
  readonly family: number;
}

const MAX_RUNNING = 2;

export class PeerLookup {
  readonly #resolve: (hostname: string) => Promise<ResolvedAddress>;
  readonly #known = new Map<string, ResolvedAddress>();
  readonly #running = new Map<string, Promise<ResolvedAddress>>();
  readonly #waiting: (() => void)[] = [];
  #slots: number = MAX_RUNNING;

  /** `resolve` is the system's unless a test says otherwise. */
  constructor(resolve: (hostname: string) => Promise<ResolvedAddress> = (hostname) => lookup(hostname)) {
    this.#resolve = resolve;
  }

  /** For the `lookup` option of `net.connect`. */
  readonly forSocket: LookupFunction = (hostname, options, callback) => {
    this.resolve(hostname).then(
      ({ address, family }) => {
        if (options.all === true) callback(null, [{ address, family }]);
        else callback(null, address, family);
      },
      (error: unknown) => callback(asError(error), "", 0),
    );
  };

  /** An address of `hostname`. Rejects with the system's error when none has ever been found. */
  async resolve(hostname: string): Promise<ResolvedAddress> {
    const family = isIP(hostname);
    if (family !== 0) return { address: hostname, family };
    const fresh = this.#lookUp(hostname);
    const known = this.#known.get(hostname);
    if (known === undefined) return fresh;
    fresh.catch(() => {}); // The known address stays; the next try asks again.
    return known;
  }

  #lookUp(hostname: string): Promise<ResolvedAddress> {
    const running = this.#running.get(hostname);
    if (running !== undefined) return running;
    const started = this.#inSlot(async () => {
      const found = await this.#resolve(hostname);
      this.#known.set(hostname, found);
      return found;
    }).finally(() => this.#running.delete(hostname));
    this.#running.set(hostname, started);
    return started;
  }

  async #inSlot<T>(work: () => Promise<T>): Promise<T> {
    if (this.#slots > 0) this.#slots--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // A slot is handed on, or given back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#slots++;
      else next();
    }
  }
}
