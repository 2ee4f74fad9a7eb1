/**
 * The door between the replica and the keys. It opens when a worker has published keys and closes before they are wiped:
 * once `close` was called no key is read any more, so the wiping can begin when the replica has answered.
 */
import type { Authenticity, CommandAuthenticator } from "../authenticator.ts";

export class AuthenticatorGate implements CommandAuthenticator {
  readonly #inner: CommandAuthenticator;
  #isOpen = false;

  constructor(inner: CommandAuthenticator) {
    this.#inner = inner;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
  }

  verify(keyId: number, message: Uint8Array, mac: Uint8Array): Authenticity {
    return this.#isOpen ? this.#inner.verify(keyId, message, mac) : "sealed";
  }
}
