/**
 * What a run went through: faults that were injected, and marks, which are rare things that happened to the product. Runs
 * that met none of them prove little, so the suite and the command line look at the counts.
 */

export class Tally {
  readonly marks: Map<string, number> = new Map();
  readonly faults: Map<string, number> = new Map();

  mark(what: string): void {
    this.marks.set(what, (this.marks.get(what) ?? 0) + 1);
  }

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  add(other: { readonly marks: ReadonlyMap<string, number>; readonly faults: ReadonlyMap<string, number> }): void {
    for (const [what, count] of other.marks) this.marks.set(what, (this.marks.get(what) ?? 0) + count);
    for (const [kind, count] of other.faults) this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
  }
}
