/**
 * The networks from which a token, a secret id or a user may be used: blocks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3)
 * and single addresses, IPv4 and IPv6. What is asked about is the socket's peer.
 */
import { BlockList, isIP } from "node:net";

const MAX_NETWORKS = 256;

export class Networks {
  /** As they were written; what is stored. */
  readonly texts: readonly string[];
  readonly #blocks = new BlockList();

  private constructor(texts: readonly string[]) {
    this.texts = texts;
  }

  /** Undefined if one of `texts` is no network, or if they are too many. */
  static parse(texts: readonly string[]): Networks | undefined {
    if (texts.length > MAX_NETWORKS) return undefined;
    const networks = new Networks(texts);
    return texts.every((text) => networks.#add(text)) ? networks : undefined;
  }

  /** Whether `address` lies in one of them; none at all leave every address in. IPv4 may come mapped into IPv6. */
  admit(address: string): boolean {
    if (this.texts.length === 0) return true;
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#blocks.check(plain, family === 4 ? "ipv4" : "ipv6");
  }

  /** Whether all of `text`, one network, lies in one of them; none at all hold all. */
  covers(text: string): boolean {
    if (this.texts.length === 0) return true;
    const [address = "", digits] = text.split("/");
    const width = isIP(plainAddress(address)) === 4 ? 32 : 128;
    const bits = digits === undefined ? width : Number(digits);
    return this.texts.some((own) => {
      const [ownAddress = "", ownDigits] = own.split("/");
      const ownWidth = isIP(plainAddress(ownAddress)) === 4 ? 32 : 128;
      const ownBits = ownDigits === undefined ? ownWidth : Number(ownDigits);
      return ownWidth === width && ownBits <= bits && Networks.parse([own])?.admit(address) === true;
    });
  }

  #add(text: string): boolean {
    const slash = text.indexOf("/");
    const address = plainAddress(slash < 0 ? text : text.slice(0, slash));
    const family = isIP(address);
    if (family === 0) return false;
    const type = family === 4 ? "ipv4" : "ipv6";
    if (slash < 0) {
      this.#blocks.addAddress(address, type);
      return true;
    }
    const digits = text.slice(slash + 1);
    const bits = Number(digits);
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits) || bits > (family === 4 ? 32 : 128)) return false;
    this.#blocks.addSubnet(address, bits, type);
    return true;
  }
}

/** Without a zone, and IPv4 without the IPv6 around it (RFC 4291 §2.5.5.2). */
function plainAddress(address: string): string {
  return address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
