/** Runs `run` for each item, at most `count` at a time. All that began have ended before anything is thrown on. */
export async function eachAtMost<T>(
  count: number,
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await run(item);
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(count, items.length) }, worker));
  for (const result of settled) if (result.status === "rejected") throw result.reason;
}
