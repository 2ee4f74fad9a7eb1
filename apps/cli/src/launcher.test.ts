import { execFile, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const LAUNCHER = fileURLToPath(new URL("../bin/strongroom.js", import.meta.url));

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strongroom-launcher-"));
});
afterEach(() => rmSync(home, { recursive: true }));

function launch(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return new Promise<{ code: unknown; pid: number | undefined; out: string }>((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "", HOME: home, ...environment };
    const child = execFile(process.execPath, [LAUNCHER, ...args], { env }, (error, out) => {
      resolve({ code: error === null ? 0 : error.code, pid: child.pid, out });
    });
  });
}

describe("the launcher", () => {
  it("runs the command and hands its exit code on", async () => {
    expect(await launch(["version"])).toMatchObject({ code: 0, out: expect.stringMatching(/^Strongroom v/) });
    expect(await launch(["no-such-command"])).toMatchObject({ code: 1 });
    expect(await launch(["server", "-help"])).toMatchObject({ code: 0, out: expect.stringContaining("-config") });
  });

  it("keeps compiled code where only this user can write", async () => {
    await launch(["version"]);
    const directory = join(home, ".cache", "strongroom", "compiled");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory).length).toBe(1);
  });

  it("keeps none where others can write too", async () => {
    const directory = join(home, "cache", "strongroom", "compiled");
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o777);
    expect((await launch(["version"], { XDG_CACHE_HOME: join(home, "cache") })).code).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("ends without a word when nobody reads on", async () => {
    const child = spawn(process.execPath, [LAUNCHER, "help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect([code, said]).toEqual([141, ""]);
  });

  it("works without a home", async () => {
    expect((await launch(["version"], { HOME: "/dev/null" })).code).toBe(0);
  });
});
