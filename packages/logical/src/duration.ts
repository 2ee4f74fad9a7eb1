/** Durations as Vault's clients write and read them: Go's notation, with `d` for days; whole seconds inside. */
import { parseInteger } from "./json/document.ts";

const UNIT_NANOSECONDS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["μs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
  ["d", 86_400_000_000_000n],
]);

/** What Go's 64 bits of nanoseconds hold: 292 years. */
const MAX_SECONDS = 9_223_372_036;

/**
 * Whole seconds, fractions cut off: "90" (seconds), "1h30m", "1.5h", "-10s", "50d". `undefined` for anything else, an empty
 * text and what Go could not hold included.
 */
export function parseDuration(text: string): number | undefined {
  const plain = parseInteger(text);
  if (plain !== undefined) return inRange(plain);
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === "" || rest.length > 64) return undefined;
  let nanoseconds = 0n;
  while (rest !== "") {
    const part = /^([0-9]*)(?:\.([0-9]*))?([a-zµμ]+)/.exec(rest);
    const [all = "", whole = "", fraction = "", name = ""] = part ?? [];
    const unit = UNIT_NANOSECONDS.get(name);
    if (unit === undefined || whole + fraction === "") return undefined;
    nanoseconds += BigInt(whole) * unit + (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
    rest = rest.slice(all.length);
  }
  return inRange(sign * Number(nanoseconds / 1_000_000_000n));
}

function inRange(seconds: number): number | undefined {
  if (Math.abs(seconds) > MAX_SECONDS) return undefined;
  // No minus zero: "-300ms" is 0.
  return seconds === 0 ? 0 : seconds;
}

/** As Go prints a duration: "0s", "1m0s", "3h25m19s", "-1s". */
export function formatDuration(seconds: number): string {
  const sign = seconds < 0 ? "-" : "";
  const total = Math.abs(seconds);
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  if (hours > 0) return `${sign}${hours}h${minutes}m${total % 60}s`;
  if (minutes > 0) return `${sign}${minutes}m${total % 60}s`;
  return `${sign}${total}s`;
}
