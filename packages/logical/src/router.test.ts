import { AssertionError } from "@strongroom/runtime";
import { describe, expect, it } from "vitest";
import { LogicalError } from "./errors.ts";
import { Router } from "./router.ts";

function router(...patterns: readonly string[]): Router<{ readonly pattern: string }> {
  return new Router(patterns.map((pattern) => ({ pattern })));
}

/** The pattern that serves `path`, then its captures. */
function routed(patterns: readonly string[], path: string): unknown {
  const match = router(...patterns).route(path);
  return match && [match.route.pattern, Object.fromEntries(match.captures)];
}

describe("Router", () => {
  const patterns = [
    "*rest",
    "data/*path",
    "keys",
    "keys/:name",
    "keys/config",
    "keys/:name/rotate",
    "keys/:name/x/*tail",
    "mounts/*path",
    "mounts/*path/tune",
  ];

  it.each([
    ["keys/config", "keys/config", {}],
    ["keys/a", "keys/:name", { name: "a" }],
    ["keys/config/rotate", "keys/:name/rotate", { name: "config" }],
    ["keys/a/other", "*rest", { rest: "keys/a/other" }],
    ["keys/a/x/b/c", "keys/:name/x/*tail", { name: "a", tail: "b/c" }],
    ["keys", "keys", {}],
    ["keys/", "keys", {}],
    ["keys/a/", "keys/:name", { name: "a" }],
    ["data/a/b", "data/*path", { path: "a/b" }],
    ["data/a/", "data/*path", { path: "a/" }],
    ["data/", "data/*path", { path: "" }],
    ["data", "*rest", { rest: "data" }],
    ["", "*rest", { rest: "" }],
    ["DATA/a", "*rest", { rest: "DATA/a" }],
    ["data/%2e%2e", "data/*path", { path: "%2e%2e" }],
    ["data/...", "data/*path", { path: "..." }],
    ["data/.hidden", "data/*path", { path: ".hidden" }],
    ["mounts/a/b", "mounts/*path", { path: "a/b" }],
    ["mounts/a/b/tune", "mounts/*path/tune", { path: "a/b" }],
    ["mounts/tune/tune", "mounts/*path/tune", { path: "tune" }],
    ["mounts/tune", "mounts/*path", { path: "tune" }],
    ["mounts/a/tune/b", "mounts/*path", { path: "a/tune/b" }],
    ["data/__proto__", "data/*path", { path: "__proto__" }],
  ])("routes %j to %s", (path, pattern, captures) => {
    expect(routed(patterns, path)).toEqual([pattern, captures]);
    expect(routed(patterns.toReversed(), path)).toEqual([pattern, captures]);
  });

  it("finds nothing where no pattern fits", () => {
    expect(routed(["config", "keys/:name"], "keys/a/b")).toBeUndefined();
    expect(routed(["config"], "")).toBeUndefined();
    expect(routed(["data/*path"], "data")).toBeUndefined();
  });

  it("serves the empty path by the empty pattern", () => {
    expect(routed(["", "a"], "")).toEqual(["", {}]);
  });

  it.each(["..", "a/../b", "./a", "a/.", "/", "/a", "a//b", "a//", "a\\b", "a\u0000", "a\u007f"])(
    "refuses %j",
    (path) => {
      expect(() => routed(patterns, path)).toThrow(LogicalError);
    },
  );

  it.each([[["a", "a"]], [["a/:x", "a/:y"]], [["*x", "*y"]], [["*x/:a"]], [["*x/*y"]], [["*x/a", "*y/a"]], [["a//b"]]])(
    "asserts against %j",
    (bad) => {
      expect(() => router(...bad)).toThrow(AssertionError);
    },
  );
});
