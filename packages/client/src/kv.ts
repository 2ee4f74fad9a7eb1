/** Secrets with versions, below one mount of the KV engine. */
import { KvService } from "@strongroom/proto";
import { utf8 } from "@strongroom/runtime";
import type { Caller } from "./caller.ts";
import { metadataFrom, secretFrom, versionFrom } from "./convert.ts";
import { CallError, ClientOptionsError } from "./errors.ts";
import type {
  CallOptions,
  DeleteOptions,
  GetOptions,
  JsonObject,
  PutOptions,
  Secret,
  SecretMetadata,
  SecretVersion,
} from "./types.ts";
import { isUuidV7 } from "./uuid-v7.ts";

const READ = { write: false, authenticated: true } as const;
const WRITE = { write: true, authenticated: true } as const;

export class Kv {
  readonly #caller: Caller;
  readonly #mount: string;
  readonly #drawRequestId: () => string;

  constructor(caller: Caller, mount: string, drawRequestId: () => string) {
    this.#caller = caller;
    this.#mount = mount;
    this.#drawRequestId = drawRequestId;
  }

  /** The newest version, or the one asked for; undefined for one that never was. `Data` is taken on trust. */
  async get<Data = JsonObject>(path: string, options: GetOptions = {}): Promise<Secret<Data> | undefined> {
    const request = {
      mount: this.#mount,
      path,
      ...(options.version === undefined ? {} : { version: wholeNumber(options.version, "version") }),
    };
    const response = await this.#orUndefined(this.#caller.call(KvService.method.get, request, READ, options));
    return response === undefined ? undefined : secretFrom<Data>(response);
  }

  /** Writes a new version. `data` is an object for `JSON.stringify`, or the bytes of one JSON object, kept as they are. */
  async put(path: string, data: object | Uint8Array, options: PutOptions = {}): Promise<SecretVersion> {
    const request = {
      mount: this.#mount,
      path,
      data: data instanceof Uint8Array ? data : utf8(JSON.stringify(data)),
      requestId: this.#requestId(options.requestId),
      ...(options.cas === undefined ? {} : { cas: wholeNumber(options.cas, "cas") }),
    };
    return versionFrom((await this.#caller.call(KvService.method.put, request, WRITE, options)).version);
  }

  /** The names directly below `path`, the mount itself unless given; those of directories end in "/". */
  async list(path = "", options: CallOptions = {}): Promise<readonly string[]> {
    return (await this.#caller.call(KvService.method.list, { mount: this.#mount, path }, READ, options)).keys;
  }

  /** Deletes the newest version, or those given, so that they can come back. What is not there stays so. */
  async delete(path: string, options: DeleteOptions = {}): Promise<void> {
    const request = {
      mount: this.#mount,
      path,
      versions: (options.versions ?? []).map((version) => wholeNumber(version, "versions")),
      requestId: this.#requestId(options.requestId),
    };
    await this.#caller.call(KvService.method.delete, request, WRITE, options);
  }

  /** The secret's settings, and its versions without their data; undefined for a secret that never was. */
  async metadata(path: string, options: CallOptions = {}): Promise<SecretMetadata | undefined> {
    const request = { mount: this.#mount, path };
    const response = await this.#orUndefined(this.#caller.call(KvService.method.getMetadata, request, READ, options));
    return response === undefined ? undefined : metadataFrom(response);
  }

  #requestId(given: string | undefined): string {
    if (given === undefined) return this.#drawRequestId();
    if (!isUuidV7(given)) throw new ClientOptionsError("requestId must be a UUIDv7 in lower case");
    return given;
  }

  async #orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof CallError && error.code === "not_found") return undefined;
      throw error;
    }
  }
}

function wholeNumber(value: number, name: string): bigint {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ClientOptionsError(`${name} must be a whole number of at least 0`);
  }
  return BigInt(value);
}
