import { LIMITS } from "@strongroom/storage";

/** How much JSON a body may hold. Each limit is checked by the scanner before anything of that size is allocated. */
export interface JsonLimits {
  readonly maxBytes: number;
  /** Containers open at once; a lone `{}` has depth 1. */
  readonly maxDepth: number;
  readonly maxObjectEntries: number;
  readonly maxArrayElements: number;
  /** Keys and string values together. */
  readonly maxStrings: number;
  /** Values of every kind, containers included, keys not. */
  readonly maxValues: number;
}

/** For bodies of callers whose token was good. */
export const DEFAULT_JSON_LIMITS: JsonLimits = {
  maxBytes: 32 * 1024 * 1024,
  maxDepth: 64,
  maxObjectEntries: 10_000,
  maxArrayElements: 10_000,
  maxStrings: 100_000,
  maxValues: 200_000,
};

/** For what is open to anybody. */
export const UNAUTHENTICATED_JSON_LIMITS: JsonLimits = { ...DEFAULT_JSON_LIMITS, maxBytes: 64 * 1024, maxDepth: 8 };

/** For documents that passed a scan before they were stored, and may have grown by patches since: a row bounds them. */
export const STORED_JSON_LIMITS: JsonLimits = {
  maxBytes: LIMITS.rowBytes,
  maxDepth: 64,
  maxObjectEntries: Number.MAX_SAFE_INTEGER,
  maxArrayElements: Number.MAX_SAFE_INTEGER,
  maxStrings: Number.MAX_SAFE_INTEGER,
  maxValues: Number.MAX_SAFE_INTEGER,
};
