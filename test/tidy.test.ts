/**
 * Style and structure as a test: the layers of docs/architecture.md as data, held against every import and every
 * package.json; no skipped tests; no dead links; no production import of the seeded worlds.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** What each package may import at run time, in full; `testing` folders and tests may import more. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  raft: [],
  storage: ["runtime"],
  proto: ["runtime"],
  barrier: ["runtime", "storage"],
  seal: ["runtime", "storage"],
  logical: ["runtime", "storage"],
  cluster: ["runtime", "raft", "storage", "proto"],
  audit: ["runtime", "storage", "logical"],
  secrets: ["runtime", "storage", "logical"],
  auth: ["runtime", "storage", "logical"],
  client: ["runtime", "proto"],
  core: ["runtime", "storage", "barrier", "seal", "logical", "audit"],
  api: ["runtime", "proto", "logical", "audit", "core"],
  cli: ["runtime", "client", "logical", "audit", "core", "cluster", "server"],
  server: [
    "runtime",
    "raft",
    "storage",
    "proto",
    "barrier",
    "seal",
    "logical",
    "cluster",
    "audit",
    "secrets",
    "auth",
    "client",
    "core",
    "api",
  ],
};

/** Files past this length want another look at the design. */
const LINES_MAX = 500;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(root, path)));
const sources = files.filter((path) => /^(packages|apps)\/[^/]+\/src\/.*\.ts$/.test(path) && !path.includes("/gen/"));
const text = (path: string): string => readFileSync(join(root, path), "utf8");
const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.includes("/testing/");

interface Import {
  readonly file: string;
  readonly owner: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const owner = file.split("/")[1] ?? "";
  const found: Import[] = [];
  for (const match of text(file).matchAll(/^(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)";/gm)) {
    found.push({ file, owner, specifier: match[2] ?? "", typeOnly: match[1] !== undefined });
  }
  for (const match of text(file).matchAll(/\bimport\("([^"]+)"\)/g)) {
    found.push({ file, owner, specifier: match[1] ?? "", typeOnly: false });
  }
  return found;
}

function packageJson(path: string): {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
} {
  return JSON.parse(text(path)) as { dependencies?: Record<string, string>; devDependencies?: Record<string, string> };
}

describe("the layers", () => {
  const all = sources.flatMap(importsOf);

  it("no package imports what the table does not grant it", () => {
    const broken = all
      .filter(({ file, specifier }) => specifier.startsWith("@strongroom/") && !isTest(file))
      .filter(({ owner, specifier }) => {
        const target = specifier.split("/")[1] ?? "";
        return target !== owner && !(MAY_IMPORT[owner] ?? []).includes(target);
      });
    expect(broken.map(({ file, specifier }) => `${file} -> ${specifier}`)).toEqual([]);
  });

  it("of the cli only the commands that run the server, or restore for it, import it", () => {
    const broken = all.filter(
      ({ owner, file, specifier }) =>
        owner === "cli" &&
        specifier.startsWith("@strongroom/server") &&
        !/commands\/(server|operator-raft-snapshot-restore)\.ts$/.test(file),
    );
    expect(broken.map(({ file }) => file)).toEqual([]);
  });

  it("every import is declared in the package's own package.json", () => {
    const broken = all
      .filter(({ file, specifier }) => !specifier.startsWith(".") && !specifier.startsWith("node:") && !isTest(file))
      .filter(({ file, owner, specifier }) => {
        const name = specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/");
        if (name === `@strongroom/${owner}` || builtinModules.includes(name)) return false;
        return packageJson(`${file.split("/").slice(0, 2).join("/")}/package.json`).dependencies?.[name] === undefined;
      });
    expect(broken.map(({ file, specifier }) => `${file} -> ${specifier}`)).toEqual([]);
  });

  it("every declared workspace dependency is granted by the table", () => {
    const broken: string[] = [];
    for (const [name, granted] of Object.entries(MAY_IMPORT)) {
      const path = [`packages/${name}/package.json`, `apps/${name}/package.json`].find((candidate) =>
        files.includes(candidate),
      );
      if (path === undefined) continue;
      for (const dependency of Object.keys(packageJson(path).dependencies ?? {})) {
        const target = dependency.startsWith("@strongroom/") ? dependency.slice("@strongroom/".length) : undefined;
        if (target !== undefined && !granted.includes(target)) broken.push(`${path}: ${dependency}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it("seeded randomness and virtual time stay out of production code", () => {
    const broken = all.filter(({ file, specifier }) => specifier === "@strongroom/runtime/testing" && !isTest(file));
    expect(broken.map(({ file }) => file)).toEqual([]);
  });

  it("no index re-exports by star", () => {
    expect(sources.filter((file) => /^export \*/m.test(text(file)))).toEqual([]);
  });
});

describe("the files", () => {
  it("none is too long to be one idea", () => {
    const long = sources.filter((file) => text(file).split("\n").length > LINES_MAX + 1);
    expect(long).toEqual([]);
  });

  it("no test is skipped, focused or left to be written", () => {
    const tests = files.filter((file) => file.endsWith(".test.ts") && file !== "test/tidy.test.ts");
    expect(tests.filter((file) => /\b(it|test|describe)\.(skip|only|todo)\(/.test(text(file)))).toEqual([]);
  });

  it("names are in kebab case", () => {
    const named = sources.filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(file.split("/").at(-1) ?? ""));
    expect(named).toEqual([]);
  });
});

describe("the docs", () => {
  const pages = files.filter((file) => file.endsWith(".md"));

  it("have no dead link to a file of the project", () => {
    const dead: string[] = [];
    for (const page of pages) {
      for (const match of text(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const target = match[1] ?? "";
        if (/^[a-z]+:/.test(target)) continue;
        const path = relative(root, resolve(root, dirname(page), target));
        if (!existsSync(join(root, path))) dead.push(`${page}: ${target}`);
      }
    }
    expect(dead).toEqual([]);
  });
});
