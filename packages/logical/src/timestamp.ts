/** `ms` since 1970 as Go's RFC3339Nano in UTC: no zeros at the fraction's end, no fraction when there is none. */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0*Z$/, "Z");
}
