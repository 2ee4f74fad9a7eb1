/**
 * The pattern of a rule: an exact path, a prefix (`*` at its end), or segments of which some are `+`. Where several patterns
 * match a path, one rule counts, and which one is Vault's order: an exact path before all others; among the others, of two
 * the later of these loses:
 *
 * 1. its first `+` or its `*` comes earlier;
 * 2. it ends in `*`, the other does not;
 * 3. it has more `+` segments;
 * 4. it is shorter;
 * 5. it comes first in the alphabet.
 */

export interface PathPattern {
  /** As compiled: templates filled in, the `*` still at its end. Two rules with the same key are one rule. */
  readonly key: string;
  /** Without the `*`. */
  readonly literal: string;
  readonly kind: "exact" | "prefix" | "segments";
  readonly glob: boolean;
  /** Of the first `+` or the `*`, in UTF-16 units. */
  readonly firstWildcard: number;
  /** Segments that are `+`. */
  readonly plusSegments: number;
}

export function parsePattern(key: string): PathPattern {
  // As Vault decides it: a segment that begins with + and goes on is no wildcard, but its pattern is no exact path either.
  const segments = key === "+" || key.startsWith("+/") || key.includes("/+");
  const glob = key.endsWith("*");
  const literal = glob ? key.slice(0, -1) : key;
  const plusSegments = segments ? literal.split("/").filter((segment) => segment === "+").length : 0;
  return {
    key,
    literal,
    kind: segments ? "segments" : glob ? "prefix" : "exact",
    glob,
    firstWildcard: segments ? key.indexOf("+") : literal.length,
    plusSegments,
  };
}

/** What made one of two patterns win, for explanations. */
export type Precedence = "exact" | "later-wildcard" | "no-glob" | "fewer-plus" | "longer" | "alphabet";

/** Positive when `a` wins over `b`. Neither is exact. */
export function comparePatterns(a: PathPattern, b: PathPattern): number {
  if (a.firstWildcard !== b.firstWildcard) return a.firstWildcard - b.firstWildcard;
  if (a.glob !== b.glob) return a.glob ? -1 : 1;
  if (a.plusSegments !== b.plusSegments) return b.plusSegments - a.plusSegments;
  if (a.literal.length !== b.literal.length) return a.literal.length - b.literal.length;
  return a.literal < b.literal ? -1 : a.literal > b.literal ? 1 : 0;
}

/** Why `winner` won over `loser`. */
export function precedenceOf(winner: PathPattern, loser: PathPattern): Precedence {
  if (winner.kind === "exact") return "exact";
  if (winner.firstWildcard !== loser.firstWildcard) return "later-wildcard";
  if (winner.glob !== loser.glob) return "no-glob";
  if (winner.plusSegments !== loser.plusSegments) return "fewer-plus";
  return winner.literal.length === loser.literal.length ? "alphabet" : "longer";
}

/** Whether the pattern matches the whole of `path`. */
export function matchesPattern(pattern: PathPattern, path: string): boolean {
  if (pattern.kind === "exact") return path === pattern.literal;
  if (pattern.kind === "prefix") return path.startsWith(pattern.literal);
  const wanted = pattern.literal.split("/");
  const given = path.split("/");
  if (given.length < wanted.length || (!pattern.glob && given.length !== wanted.length)) return false;
  return wanted.every((segment, i) => {
    const at = given[i] as string;
    if (segment === "+" || segment === at) return true;
    return pattern.glob && i === wanted.length - 1 && at.startsWith(segment);
  });
}
