import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

export const VERSION: string = manifest.version;

/** When this version was made, as `sys/seal-status` shows it. */
export const BUILD_DATE: string = "2026-11-22T00:00:00Z";
