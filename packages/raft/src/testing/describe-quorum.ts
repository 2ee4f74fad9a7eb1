/** A picture of acknowledged indices, as etcd's quorum transcripts draw it. */

import type { AckedIndex, MajorityConfig } from "../quorum/majority.ts";

interface Row {
  readonly id: number;
  readonly index: number;
  readonly known: boolean;
  bar: number;
}

/** One line a voter: the bar tells how many voters have acknowledged less; `?` stands for a voter of which nothing is known. */
export function describeMajority(voters: MajorityConfig, acked: AckedIndex): string {
  if (voters.length === 0) return "<empty majority quorum>";
  const count = voters.length;
  const rows: Row[] = voters.map((id) => ({ id, index: acked(id) ?? 0, known: acked(id) !== undefined, bar: 0 }));
  for (const row of rows) row.bar = rows.filter(({ index }) => index < row.index).length;
  let text = `${" ".repeat(count)}    idx\n`;
  for (const { id, index, known, bar } of rows) {
    const drawn = known ? `${"x".repeat(bar)}>${" ".repeat(count - bar)}` : `?${" ".repeat(count)}`;
    text += `${drawn} ${String(index).padStart(5)}    (id=${id})\n`;
  }
  return text;
}
