/** `ms` since 1970 as Go's RFC3339Nano in UTC: no zeros at the fraction's end, no fraction when there is none. */
export function formatTimestamp(ms: number): string {
  const text = new Date(ms).toISOString();
  return ms % 10 === 0 ? text.replace(/\.?0*Z$/, "Z") : text;
}
