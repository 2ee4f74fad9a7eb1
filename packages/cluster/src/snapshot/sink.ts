/**
 * Receives a snapshot into a generation of its own, which counts for nothing until the log says so. Whatever goes wrong,
 * what was written is removed and the running state is as it was.
 */
import { assert, equalBytes, present } from "@strongroom/runtime";
import type { TableOp } from "@strongroom/storage";
import type { CommandAuthenticator } from "../authenticator.ts";
import type { GenerationBuild, GenerationStore } from "../state/generation-store.ts";
import { encodeOrigin, ORIGIN_KEY } from "../state/origin.ts";
import { SnapshotDamagedError, SnapshotRefusedError } from "./errors.ts";
import { SnapshotParser } from "./parser.ts";
import { snapshotMacInput } from "./payload.ts";
import type { ReceivedSnapshot, SnapshotHeader, SnapshotTrailer } from "./types.ts";

export interface SnapshotSinkOptions {
  /** A snapshot of another cluster is refused; empty while this node knows none. */
  readonly clusterId: Uint8Array;
}

const BATCH_BYTES = 1024 * 1024;

/** `write` as often as bytes come, one call at a time; then `finish`. `abort` instead, at any time, gives up. */
export class SnapshotSink {
  readonly #options: SnapshotSinkOptions;
  readonly #generations: GenerationStore;
  readonly #authenticator: CommandAuthenticator;
  readonly #parser = new SnapshotParser();
  #build: Promise<GenerationBuild> | undefined;
  #ops: TableOp[] = [];
  #opsBytes = 0;
  #ended = false;

  constructor(
    options: SnapshotSinkOptions,
    components: { readonly generations: GenerationStore; readonly authenticator: CommandAuthenticator },
  ) {
    this.#options = options;
    this.#generations = components.generations;
    this.#authenticator = components.authenticator;
  }

  /** What comes is a snapshot of this, as soon as that was read. */
  get header(): SnapshotHeader | undefined {
    return this.#parser.header;
  }

  /** Resolves when the bytes are taken and may change. Throws `SnapshotDamagedError` or `SnapshotRefusedError`; then `abort`. */
  async write(bytes: Uint8Array): Promise<void> {
    assert(!this.#ended, "a sink that has ended takes no more");
    const rows = this.#parser.push(bytes);
    const { header } = this.#parser;
    if (header === undefined) return;
    this.#build ??= this.#begin(header);
    const build = await this.#build;
    for (const { key, value } of rows) {
      this.#ops.push({ type: "put", key, value });
      this.#opsBytes += key.length + value.length;
      if (this.#opsBytes >= BATCH_BYTES) await this.#writeBatch(build);
    }
  }

  /** After the last bytes. The generation is complete and durable when this resolves; if it throws, `abort`. */
  async finish(): Promise<ReceivedSnapshot> {
    assert(!this.#ended, "a sink ends once");
    const { header, trailer } = this.#parser.finish();
    const authenticity = this.#authenticate(trailer);
    const build = await present(this.#build, "a snapshot with a header is being built");
    const { index } = header.metadata;
    this.#ops.push({ type: "put", key: ORIGIN_KEY, value: encodeOrigin({ index, chain: header.chain, trailer }) });
    await this.#writeBatch(build);
    await build.complete();
    this.#ended = true;
    return { header, trailer, generation: build.name, authenticity };
  }

  /** Removes what was written, unless `finish` has resolved. Idempotent. */
  async abort(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    // A build that could not even begin has left nothing, and `write` has told why.
    const build = await this.#build?.catch(() => undefined);
    await build?.abort();
  }

  async #begin(header: SnapshotHeader): Promise<GenerationBuild> {
    const own = this.#options.clusterId;
    if (own.length > 0 && header.clusterId.length > 0 && !equalBytes(own, header.clusterId)) {
      throw new SnapshotRefusedError("The snapshot is of another cluster.");
    }
    return this.#generations.build(header.metadata.index);
  }

  async #writeBatch(build: GenerationBuild): Promise<void> {
    const ops = this.#ops;
    this.#ops = [];
    this.#opsBytes = 0;
    if (ops.length > 0) await build.table.write(ops);
  }

  #authenticate(trailer: SnapshotTrailer): ReceivedSnapshot["authenticity"] {
    if (trailer.mac.length === 0) return "unsigned";
    const authenticity = this.#authenticator.verify(trailer.keyId, snapshotMacInput(trailer), trailer.mac);
    if (authenticity === "bad") {
      throw new SnapshotDamagedError(
        "The snapshot is not what an unsealed member of this cluster signed: its MAC is wrong.",
      );
    }
    return authenticity;
  }
}
