/** A user as stored: the hash of the password, never the password, and what its tokens get. */
import type { LogicalStorage } from "@strongroom/logical";
import { readRow, writeRow } from "../common/rows.ts";
import type { TokenSettings } from "../common/token-settings.ts";

export interface UserEntry {
  /** argon2id in the PHC format, or bcrypt; empty: nobody can log in yet. */
  readonly passwordHash: string;
  readonly token: TokenSettings;
}

export function readUser(storage: Pick<LogicalStorage, "get">, name: string): UserEntry | undefined {
  return readRow<UserEntry>(storage, `user/${name}`);
}

export function writeUser(storage: LogicalStorage, name: string, user: UserEntry): void {
  writeRow(storage, `user/${name}`, user);
}

export function deleteUser(storage: LogicalStorage, name: string): void {
  storage.delete(`user/${name}`);
}
