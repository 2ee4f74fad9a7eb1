/**
 * Finds which of a backend's paths serves a request. At each segment a literal wins over a `:name`, and that over the rest
 * (`*name`), whatever the order of declaration: so `keys/config` and `keys/:name` may stand together. A rest may end in a
 * literal (`*name/tune`), which wins over the rest alone. Matching visits each node of the tree of patterns at most once.
 */
import { assert } from "@strongroom/runtime";
import { LogicalError } from "./errors.ts";

export interface RouteMatch<T> {
  readonly route: T;
  readonly captures: ReadonlyMap<string, string>;
}

interface Leaf<T> {
  readonly route: T;
  readonly names: readonly string[];
}

interface Branch<T> {
  readonly literals: Map<string, Branch<T>>;
  param: Branch<T> | undefined;
  glob: Leaf<T> | undefined;
  /** Rests that end in "/" and this text. */
  readonly endings: Map<string, Leaf<T>>;
  end: Leaf<T> | undefined;
}

export class Router<T extends { readonly pattern: string }> {
  readonly #root: Branch<T> = newBranch();

  constructor(routes: readonly T[]) {
    for (const route of routes) this.#add(route);
  }

  /**
   * A slash at the end is not a segment of its own, so that LIST `keys/` finds `keys`; the rest (`*name`) keeps it. Throws
   * `LogicalError` invalid_path for empty, `.` and `..` segments, backslashes and control characters.
   */
  route(path: string): RouteMatch<T> | undefined {
    checkPath(path);
    const values: string[] = [];
    const leaf = match(this.#root, path, 0, values);
    if (leaf === undefined) return undefined;
    const captures = new Map<string, string>();
    for (const [i, name] of leaf.names.entries()) captures.set(name, values[i] ?? "");
    return { route: leaf.route, captures };
  }

  #add(route: T): void {
    const names: string[] = [];
    let branch = this.#root;
    const segments = route.pattern === "" ? [] : route.pattern.split("/");
    for (const [i, segment] of segments.entries()) {
      assert(segment !== "", `the pattern "${route.pattern}" has an empty segment`);
      if (segment.startsWith("*")) {
        this.#addRest(branch, { route, names: [...names, segment.slice(1)] }, segments.slice(i + 1));
        return;
      }
      if (segment.startsWith(":")) {
        names.push(segment.slice(1));
        branch.param ??= newBranch();
        branch = branch.param;
        continue;
      }
      let next = branch.literals.get(segment);
      if (next === undefined) {
        next = newBranch();
        branch.literals.set(segment, next);
      }
      branch = next;
    }
    assert(branch.end === undefined, `the pattern "${route.pattern}" is declared twice`);
    branch.end = { route, names };
  }

  #addRest(branch: Branch<T>, leaf: Leaf<T>, ending: readonly string[]): void {
    const { pattern } = leaf.route;
    assert(
      ending.every((segment) => /^[^:*]/.test(segment)),
      `behind the rest of "${pattern}" only literals may stand`,
    );
    if (ending.length === 0) {
      assert(branch.glob === undefined, `the pattern "${pattern}" is declared twice`);
      branch.glob = leaf;
      return;
    }
    const text = `/${ending.join("/")}`;
    assert(!branch.endings.has(text), `the pattern "${pattern}" is declared twice`);
    branch.endings.set(text, leaf);
  }
}

/** The captures of `pattern`, in order. */
export function captureNames(pattern: string): readonly string[] {
  return pattern.split("/").flatMap((segment) => (/^[:*]/.test(segment) ? [segment.slice(1)] : []));
}

function newBranch<T>(): Branch<T> {
  return { literals: new Map(), param: undefined, glob: undefined, endings: new Map(), end: undefined };
}

/** As deep as the deepest pattern of the backend, whatever the path's length. */
function match<T>(branch: Branch<T>, path: string, at: number, values: string[]): Leaf<T> | undefined {
  if (at >= path.length) {
    // "data/" ends exactly here and still has its (empty) rest to give; "data" ended one slash earlier.
    if (branch.end === undefined && branch.glob !== undefined && at === path.length) {
      values.push("");
      return branch.glob;
    }
    return branch.end;
  }
  const slash = path.indexOf("/", at);
  const segment = slash === -1 ? path.slice(at) : path.slice(at, slash);
  const next = slash === -1 ? path.length + 1 : slash + 1;
  const literal = branch.literals.get(segment);
  const mark = values.length;
  if (literal !== undefined) {
    const leaf = match(literal, path, next, values);
    if (leaf !== undefined) return leaf;
    values.length = mark;
  }
  if (branch.param !== undefined) {
    values.push(segment);
    const leaf = match(branch.param, path, next, values);
    if (leaf !== undefined) return leaf;
    values.length = mark;
  }
  for (const [ending, leaf] of branch.endings) {
    if (!path.endsWith(ending) || path.length - ending.length <= at) continue;
    values.push(path.slice(at, path.length - ending.length));
    return leaf;
  }
  if (branch.glob !== undefined) values.push(path.slice(at));
  return branch.glob;
}

/** The front doors refuse these too; an engine is not to depend on it. */
function checkPath(path: string): void {
  let start = 0;
  for (let i = 0; i <= path.length; i++) {
    const c = i === path.length ? 0x2f : path.charCodeAt(i);
    if (c < 0x20 || c === 0x7f || c === 0x5c) {
      throw new LogicalError("invalid_path", "path cannot contain control characters or backslashes");
    }
    if (c !== 0x2f) continue;
    const length = i - start;
    if (length === 0 && i < path.length) throw new LogicalError("invalid_path", "path cannot contain empty segments");
    const dots = length > 0 && length < 3 && path.charCodeAt(start) === 0x2e && path.charCodeAt(i - 1) === 0x2e;
    if (dots) throw new LogicalError("invalid_path", "path cannot contain parent references");
    start = i + 1;
  }
}
