/** Caps how many connections one address holds, handshakes included: who opens thousands keeps nobody else out. */
import type { Socket } from "node:net";

export class ConnectionLimit {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  constructor(maxPerAddress: number) {
    this.#max = maxPerAddress;
  }

  /** Counts `socket` until it closes; one too many is closed at once, without a word. */
  admit(socket: Socket): void {
    const address = socket.remoteAddress;
    // Gone already.
    if (address === undefined) return;
    const open = this.#open.get(address) ?? 0;
    if (open >= this.#max) {
      socket.destroy();
      return;
    }
    this.#open.set(address, open + 1);
    socket.once("close", () => this.#release(address));
  }

  #release(address: string): void {
    const open = (this.#open.get(address) ?? 0) - 1;
    if (open > 0) this.#open.set(address, open);
    else this.#open.delete(address);
  }
}
