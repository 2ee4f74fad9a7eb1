/**
 * `ms` since 1970 as Go's RFC3339Nano in UTC: no zeros at the fraction's end, no fraction when there is none. Parts of a
 * millisecond are cut off.
 */
export function formatTimestamp(ms: number): string {
  const whole = Math.floor(ms);
  const text = new Date(whole).toISOString();
  return whole % 10 === 0 ? text.replace(/\.?0*Z$/, "Z") : text;
}
