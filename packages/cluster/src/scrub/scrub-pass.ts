/**
 * One look at every row that a table has on its disk: whether they still are what was applied. The digest that a replica keeps
 * is a sum over the rows as they were written; the same sum over the rows as they are read back tells whether the disk kept
 * them. It is done in slices, on an image of the table, while everything goes on.
 */
import { FIRST_REPLICATED_KIND, type KeyRange, type TableImage } from "@strongroom/storage";
import { REPLICA_STATE_KEY } from "../state/keys.ts";
import { decodeReplicaState } from "../state/replica-state.ts";
import { hashRow, RowDigest } from "../state/row-digest.ts";

export interface ScrubResult {
  /** The index that was looked at. */
  readonly index: number;
  readonly rows: number;
  /** What the disk's rows have more than the kept digest, modulo 2^256; undefined if nothing: all is as it was applied. */
  readonly difference: Uint8Array | undefined;
}

const REPLICATED: KeyRange = { gte: Uint8Array.of(FIRST_REPLICATED_KIND), lt: Uint8Array.of(0xff) };
const ROWS_PER_SLICE = 64;

/**
 * `pause` is waited for after each slice; what it throws ends the pass, and so does a row that cannot be read. `image` is
 * the caller's. Undefined where nothing was ever applied: a newcomer's snapshot may be a long time on its way.
 */
export async function scrubPass(image: TableImage, pause: () => Promise<void>): Promise<ScrubResult | undefined> {
  const row = await image.get(REPLICA_STATE_KEY);
  if (row === undefined) return undefined;
  const { appliedIndex, digest } = decodeReplicaState(row);
  const found = new RowDigest();
  const iterator = image.iterator(REPLICATED);
  let rows = 0;
  try {
    for (;;) {
      const slice = await iterator.next(ROWS_PER_SLICE);
      if (slice.length === 0) break;
      for (const { key, value } of slice) found.add(hashRow(key, value));
      rows += slice.length;
      await pause();
    }
  } finally {
    await iterator.close();
  }
  found.subtract(String.fromCharCode(...digest));
  const difference = found.bytes();
  return { index: appliedIndex, rows, difference: difference.some((byte) => byte !== 0) ? difference : undefined };
}
