/**
 * Finds the winning pattern of a path. Exact paths are a map; all others are a tree by segments, `+` among them, in which a
 * pattern that ends in `*` hangs its last, unfinished segment on the node above. A search visits each node at most once, so
 * its cost hangs on what matches and not on how many rules there are.
 */
import { comparePatterns, type PathPattern } from "./path-pattern.ts";

interface Ranked<T> {
  readonly value: T;
  /** Higher wins. */
  readonly rank: number;
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  plus: Node<T> | undefined;
  end: Ranked<T> | undefined;
  /** What follows before the `*`, longest first, so that the first that fits is the best of this node. */
  tails: { readonly length: number; readonly byText: Map<string, Ranked<T>> }[];
}

export class PatternIndex<T extends { readonly pattern: PathPattern }> {
  readonly #exact = new Map<string, T>();
  readonly #root: Node<T> = newNode();

  /** No two of `values` have the same key. */
  constructor(values: readonly T[]) {
    const ordered: T[] = [];
    for (const value of values) {
      if (value.pattern.kind === "exact") this.#exact.set(value.pattern.literal, value);
      else ordered.push(value);
    }
    ordered.sort((a, b) => comparePatterns(a.pattern, b.pattern));
    for (const [rank, value] of ordered.entries()) this.#add(value, rank);
  }

  exact(path: string): T | undefined {
    return this.#exact.get(path);
  }

  /** The best of the prefixes and `+` patterns that match, and its rank among all of them. */
  best(path: string): Ranked<T> | undefined {
    return search(this.#root, path, 0, undefined);
  }

  #add(value: T, rank: number): void {
    const segments = value.pattern.literal.split("/");
    const tail = value.pattern.glob ? segments.pop() : undefined;
    let node = this.#root;
    for (const segment of segments) node = child(node, segment);
    const ranked = { value, rank };
    if (tail === undefined) {
      node.end = ranked;
      return;
    }
    let tails = node.tails.find(({ length }) => length === tail.length);
    if (tails === undefined) {
      tails = { length: tail.length, byText: new Map() };
      node.tails = [...node.tails, tails].sort((a, b) => b.length - a.length);
    }
    tails.byText.set(tail, ranked);
  }
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), plus: undefined, end: undefined, tails: [] };
}

function child<T>(node: Node<T>, segment: string): Node<T> {
  if (segment === "+") {
    node.plus ??= newNode();
    return node.plus;
  }
  let next = node.literals.get(segment);
  if (next === undefined) {
    next = newNode();
    node.literals.set(segment, next);
  }
  return next;
}

/** `at` is where the next segment begins; past the path's end when there is none. Recurses as deep as the deepest pattern. */
function search<T>(node: Node<T>, path: string, at: number, best: Ranked<T> | undefined): Ranked<T> | undefined {
  if (at > path.length) return better(best, node.end);
  const slash = path.indexOf("/", at);
  const end = slash < 0 ? path.length : slash;
  let found = best;
  for (const { length, byText } of node.tails) {
    if (length > end - at) continue;
    const ranked = byText.get(path.slice(at, at + length));
    if (ranked === undefined) continue;
    found = better(found, ranked);
    break;
  }
  if (node.literals.size > 0) {
    const literal = node.literals.get(path.slice(at, end));
    if (literal !== undefined) found = search(literal, path, end + 1, found);
  }
  return node.plus === undefined ? found : search(node.plus, path, end + 1, found);
}

function better<T>(a: Ranked<T> | undefined, b: Ranked<T> | undefined): Ranked<T> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.rank >= b.rank ? a : b;
}
