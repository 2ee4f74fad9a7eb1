/**
 * Names of peers to addresses, one at a time. `dns.lookup` blocks a thread of libuv's pool, which the whole process
 * shares with LevelDB; a name server that hangs must cost one of its four threads at most, never all.
 */
import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { asError } from "@strongroom/runtime";

export class SerialLookup {
  #last: Promise<unknown> = Promise.resolve();

  /** For the `lookup` option of `net.connect`. */
  readonly forSocket: LookupFunction = (hostname, options, callback) => {
    void this.resolve(hostname).then(
      ({ address, family }) => {
        if (options.all === true) callback(null, [{ address, family }]);
        else callback(null, address, family);
      },
      (error: unknown) => callback(asError(error), "", 0),
    );
  };

  /** The first address of `hostname`, as the system resolves it. Addresses are answered at once. */
  async resolve(hostname: string): Promise<{ readonly address: string; readonly family: number }> {
    const family = isIP(hostname);
    if (family !== 0) return { address: hostname, family };
    const found = this.#last.then(() => lookup(hostname));
    this.#last = found.catch(() => undefined);
    return found;
  }
}
