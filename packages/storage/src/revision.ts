/** When a row was last written: the log index of the entry, and the position of the command in that entry. */
export interface Revision {
  readonly index: number;
  readonly position: number;
}

/** The revision of a row that is not there. No command can have it, since the log begins at index 1. */
export const ABSENT_REVISION: Revision = Object.freeze({ index: 0, position: 0 });

export function equalRevisions(a: Revision, b: Revision): boolean {
  return a.index === b.index && a.position === b.position;
}

/** The order of the log: negative, zero or positive. */
export function compareRevisions(a: Revision, b: Revision): number {
  return a.index - b.index || a.position - b.position;
}
