/** The node that is asked, and its seal. With several addresses that is whichever answers; for a certain one, connect to it. */
import { SysService } from "@strongroom/proto";
import { fromHex } from "@strongroom/runtime";
import type { Caller } from "./caller.ts";
import { nodeStatusFrom, sealStateFrom } from "./convert.ts";
import { ClientOptionsError } from "./errors.ts";
import type { CallOptions, NodeStatus, SealState } from "./types.ts";

const OPEN = { write: false, authenticated: false } as const;

export class Sys {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async status(options: CallOptions = {}): Promise<NodeStatus> {
    return nodeStatusFrom(await this.#caller.call(SysService.method.status, {}, OPEN, options));
  }

  async sealStatus(options: CallOptions = {}): Promise<SealState> {
    return sealStateFrom((await this.#caller.call(SysService.method.sealStatus, {}, OPEN, options)).state);
  }

  /** Gives one share: its bytes, or their text in base64 or hexadecimal. A share given twice counts once. */
  async unseal(share: string | Uint8Array, options: CallOptions = {}): Promise<SealState> {
    const request = { share: typeof share === "string" ? shareBytes(share) : share };
    return sealStateFrom((await this.#caller.call(SysService.method.unseal, request, OPEN, options)).state);
  }

  /** Forgets the shares that were given so far. */
  async resetUnseal(options: CallOptions = {}): Promise<SealState> {
    return sealStateFrom((await this.#caller.call(SysService.method.unseal, { reset: true }, OPEN, options)).state);
  }
}

function shareBytes(text: string): Uint8Array {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return fromHex(text);
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return Uint8Array.from(Buffer.from(text, "base64"));
  throw new ClientOptionsError("the share is neither hexadecimal nor base64");
}
