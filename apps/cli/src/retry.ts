/** When a request that failed may be sent again without asking whoever gave it. */

/** Nobody has read it. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
/** The state asked for is not here yet, too many ask, or nobody could take it: nothing was done. */
const NOT_TAKEN = new Set([412, 429, 503]);

/** Between two tries. */
export const RETRY_PAUSE_MS = 1000;

/**
 * Whether to repeat it after this failure or answer. A read, whenever the reason may pass; a write only if it cannot have
 * been done.
 */
export function mayRepeat(method: string, failed: Error | { readonly statusCode?: number | undefined }): boolean {
  const reads = method === "GET";
  if (failed instanceof Error)
    return "code" in failed && (NEVER_SENT.has(String(failed.code)) || (reads && isBroken(failed)));
  const { statusCode = 0 } = failed;
  return NOT_TAKEN.has(statusCode) || (reads && statusCode >= 500 && statusCode !== 501);
}

/** The connection was there and ended. */
function isBroken({ code }: { readonly code?: unknown }): boolean {
  return code === "ECONNRESET" || code === "EPIPE";
}
