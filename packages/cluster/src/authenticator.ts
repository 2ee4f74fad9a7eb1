/**
 * Who signed a command. The replica thread asks this before it stores an append and again when it applies, through a key
 * table that only an unsealed node holds; the barrier implements both sides. Declared here because the replica needs it.
 */

/** `sealed`: this node holds no keys at the moment, so nothing can be said. `unknown-key`: a keyring not yet opened here. */
export type Authenticity = "ok" | "unknown-key" | "bad" | "sealed";

/** Reads keys from shared memory; constant time; survives sealing (it then answers `sealed`). */
export interface CommandAuthenticator {
  /** `message` is what `commandMacInput` of `@strongroom/storage` returns, prefixed with nothing: see the signer. */
  verify(keyId: number, message: Uint8Array, mac: Uint8Array): Authenticity;
}

/** A worker's side: signs with the newest key of the keyring. Throws the barrier's own error while sealed. */
export interface CommandSigner {
  sign(message: Uint8Array): { readonly keyId: number; readonly mac: Uint8Array };
}

/** For a node that has never been opened: believes everything that needs no MAC, and can say nothing else. */
export const sealedAuthenticator: CommandAuthenticator = { verify: () => "sealed" };
