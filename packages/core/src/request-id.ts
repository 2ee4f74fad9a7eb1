/**
 * A client that does not know whether its write was done sends it again, to whatever node, under the same request id: it is
 * done once and answered alike. The command that writes also writes a row under the id, guarded by its absence; so of two
 * at a time one commits, and the other conflicts, runs again, finds the row and gives the answer that lies in it.
 *
 * Rows are swept, and a proposal that a partition held up can arrive long after. So that it is not done a second time it
 * guards a fence too, which the sweep moves before it deletes: safety hangs on no clock. Clocks only say how long to wait.
 */
import type { Barrier } from "@strongroom/barrier";
import { assert, ByteReader, ByteWriter, type Clock, type Entropy, StrongroomError, utf8 } from "@strongroom/runtime";
import type { ReplicatedStore, Transaction } from "@strongroom/storage";
import type { CoreRequest, CoreResult } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./request-id-answer.ts";
import { bucketOf, fenceKey, minuteOf, parseRequestId, type RequestId, requestIdKey } from "./request-id-key.ts";
import { AnswerSeal, digestRequest } from "./request-id-seal.ts";

/** How far an id's time may lie from the log's, either way. */
const REQUEST_ID_WINDOW_MS = 10 * 60_000;

const ROW_PURPOSE = "request-id";
const FENCE_PURPOSE = "request-id-fence";
const FENCE_FORMAT = 1;
const MAC_LABEL = utf8("strongroom request id v1");
const NO_TOKEN = new Uint8Array(0);

type RequestIdErrorCode = "idempotency_key_invalid" | "idempotency_key_reused" | "idempotency_key_expired";

/** The request was not run. */
class RequestIdError extends StrongroomError {
  readonly code: RequestIdErrorCode;
  /** That an id is taken is seen in the state, so it is said of a fresh one only. */
  readonly fromState: boolean;

  constructor(code: RequestIdErrorCode, message: string) {
    super(message);
    this.code = code;
    this.fromState = code === "idempotency_key_reused";
  }
}

export interface RequestIdsParts {
  readonly store: Pick<ReplicatedStore, "logTimeMs">;
  readonly barrier: Barrier;
  readonly entropy: Entropy;
  readonly clock: Clock;
}

export class RequestIds {
  readonly #parts: RequestIdsParts;

  constructor(parts: RequestIdsParts) {
    this.#parts = parts;
  }

  /**
   * To be asked before a write's transaction; undefined for a write without an id. Throws `RequestIdError` for an id that is
   * none or is out of time, and `SealedError`.
   */
  begin(request: CoreRequest): OnceOnly | undefined {
    if (request.idempotencyKey === undefined) return undefined;
    const id = parseRequestId(request.idempotencyKey);
    if (id === undefined) {
      throw new RequestIdError(
        "idempotency_key_invalid",
        "an Idempotency-Key (over gRPC: request_id) must be a UUIDv7, drawn anew for each write",
      );
    }
    this.#checkTime(id);
    const { barrier, entropy } = this.#parts;
    const mac = barrier.hashTokenId(
      new ByteWriter()
        .bytes(MAC_LABEL)
        .bytes(request.token ?? NO_TOKEN)
        .bytes(id.bytes)
        .finish(),
    );
    const rowKey = requestIdKey(id, mac);
    const seal = new AnswerSeal({ id: id.bytes, digest: digestRequest(request), rowKey, entropy });
    return new OnceOnly({ barrier, rowKey, bucket: bucketOf(minuteOf(id.timeMs)), seal });
  }

  /**
   * From a restart to the next write the log's time lies in the past. What is ahead of it may still be no further ahead than
   * this node's clock is, which the leader holds to its own when the write comes to it.
   */
  #checkTime({ timeMs }: RequestId): void {
    const logTimeMs = this.#parts.store.logTimeMs();
    const latestMs = Math.max(logTimeMs, this.#parts.clock.wallMs());
    if (timeMs < logTimeMs - REQUEST_ID_WINDOW_MS || timeMs > latestMs + REQUEST_ID_WINDOW_MS) throw expired();
  }
}

/** One write under one id. */
export class OnceOnly {
  readonly #barrier: Barrier;
  readonly #rowKey: Uint8Array;
  readonly #bucket: number;
  readonly #seal: AnswerSeal;

  constructor(parts: { barrier: Barrier; rowKey: Uint8Array; bucket: number; seal: AnswerSeal }) {
    this.#barrier = parts.barrier;
    this.#rowKey = parts.rowKey;
    this.#bucket = parts.bucket;
    this.#seal = parts.seal;
  }

  /**
   * The stored answer, if the request was done before; else what `write` says, which is stored if it has written something
   * and commits. Throws `RequestIdError` when the id was used for another request or its rows are being swept.
   */
  async run(tx: Transaction, write: () => Promise<CoreResult>): Promise<CoreResult> {
    if (readFence(tx, this.#barrier, this.#bucket) >= this.#bucket) throw expired();
    const rows = this.#barrier.rows(tx, ROW_PURPOSE);
    const row = rows.get(this.#rowKey);
    if (row !== undefined) return this.#stored(row);
    const result = await write();
    if (tx.dirty) {
      const answer = encodeAnswer(result);
      rows.put(this.#rowKey, this.#seal.seal(answer));
      answer.fill(0);
    }
    return result;
  }

  #stored(row: Uint8Array): CoreResult {
    const answer = this.#seal.open(row);
    if (answer !== undefined) return decodeAnswer(answer);
    throw new RequestIdError(
      "idempotency_key_reused",
      "this Idempotency-Key (over gRPC: request_id) was used for another request; draw a new one for each write",
    );
  }
}

/** The newest bucket that was swept among those that share this one's fence, -1 for none; guarded. */
function readFence(tx: Transaction, barrier: Barrier, bucket: number): number {
  const bytes = barrier.rows(tx, FENCE_PURPOSE).get(fenceKey(bucket));
  if (bytes === undefined) return -1;
  const reader = new ByteReader(bytes);
  assert(reader.u8() === FENCE_FORMAT, "a fence has a known format");
  return reader.u48();
}

/** From its commit on no write with an id of this bucket, or of an earlier one that shares its fence, takes effect. */
export function raiseFence(tx: Transaction, barrier: Barrier, bucket: number): void {
  if (readFence(tx, barrier, bucket) >= bucket) return;
  barrier.rows(tx, FENCE_PURPOSE).put(fenceKey(bucket), new ByteWriter(7).u8(FENCE_FORMAT).u48(bucket).finish());
}

function expired(): RequestIdError {
  return new RequestIdError(
    "idempotency_key_expired",
    "the Idempotency-Key (over gRPC: request_id) was made more than ten minutes before or after the cluster's time; " +
      "look whether the write was done, set the client's clock right, and draw a new one",
  );
}
