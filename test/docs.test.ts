/**
 * Shell sessions in the documents are run. In a block that begins with ```` ```console dev-server ````, lines that begin with `$ ` are
 * commands; what follows is what they print, where `…` stands for anything within a line, and `[exit n]` for an exit code
 * other than 0. They run in order against one development server, with the launcher in place of `npx strongroom`.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, STRONGROOM } from "./guarantees/server-process.ts";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const DOCUMENTED_ADDRESS = "127.0.0.1:8200";

interface Step {
  readonly page: string;
  readonly command: string;
  readonly expected: string;
  readonly exitCode: number;
}

const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => join("docs", name))].filter((name) =>
  name.endsWith(".md"),
);
const steps = pages.flatMap(stepsOf);

function stepsOf(page: string): readonly Step[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```console dev-server\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = "", ...lines] = part.trimEnd().split("\n");
        const exit = /^\[exit (\d+)\]$/.exec(lines.at(-1) ?? "");
        const expected = (exit === null ? lines : lines.slice(0, -1)).join("\n");
        return { page, command, expected, exitCode: Number(exit?.[1] ?? 0) };
      }),
  );
}

let server: ChildProcess;
let address = "";
let rootToken = "";

beforeAll(async () => {
  address = `127.0.0.1:${await freePort()}`;
  server = spawn(
    process.execPath,
    [STRONGROOM, "server", "-dev", "-dev-root-token-id=root", `-dev-listen-address=${address}`],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  server.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  for (let i = 0; i < 300 && rootToken === ""; i++) {
    rootToken = /^Root Token: (\S+)$/m.exec(output)?.[1] ?? "";
    await sleep(100);
  }
});

afterAll(async () => {
  if (server.exitCode === null) {
    const ended = once(server, "close");
    server.kill();
    await ended;
  }
});

function run(command: string): { readonly output: string; readonly exitCode: number | null } {
  const launcher = `"${process.execPath}" "${STRONGROOM}"`;
  const { stdout, stderr, status } = spawnSync("sh", ["-c", command.replaceAll("npx strongroom", launcher)], {
    cwd: root,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", VAULT_ADDR: `http://${address}`, VAULT_TOKEN: rootToken },
  });
  return { output: (stdout + stderr).replaceAll(address, DOCUMENTED_ADDRESS).trimEnd(), exitCode: status };
}

/** `…` stands for anything within a line; blanks at the ends of lines do not count. */
function pattern(expected: string): RegExp {
  const lines = expected.split("\n").map((line) =>
    line
      .split("…")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join("[^\n]*"),
  );
  return new RegExp(`^${lines.join("[ \t]*\n")}[ \t]*$`);
}

describe("the documents' shell sessions", () => {
  it("are there", () => {
    expect(rootToken).toBe("root");
    expect(steps.length).toBeGreaterThan(8);
  });

  it.each(steps)("$page: $command", ({ command, expected, exitCode }) => {
    const done = run(command);
    expect(done.output).toMatch(pattern(expected));
    expect(done.exitCode).toBe(exitCode);
  });
});
