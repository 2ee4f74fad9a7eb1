/** The token that `login` leaves for later commands: `~/.vault-token`, readable by its owner alone, as Vault's tool has it. */
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { asError } from "@strongroom/runtime";
import { type Context, LocalError } from "./command.ts";

export function storedToken(environment: Context["environment"]): string | undefined {
  try {
    const token = readFileSync(fileOf(environment), "utf8").trim();
    return token === "" ? undefined : token;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. Throws `LocalError`. */
export function storeToken(environment: Context["environment"], token: string): void {
  const file = fileOf(environment);
  const part = `${file}.${process.pid}`;
  try {
    writeFileSync(part, token, { mode: 0o600, flag: "wx" });
    chmodSync(part, 0o600);
    renameSync(part, file);
  } catch (cause) {
    rmSync(part, { force: true });
    throw new LocalError(
      `Cannot store the token in ${file}: ${asError(cause).message}. Use -no-store and VAULT_TOKEN.`,
      {
        cause,
      },
    );
  }
}

function fileOf(environment: Context["environment"]): string {
  return join(environment["HOME"] ?? homedir(), ".vault-token");
}
