/** Durations of a token, which clients also send empty: "" and null are none. */
import { type JsonNode, LogicalError, parseDuration } from "@strongroom/logical";

/** Whole seconds, 0 for none. Throws `LogicalError` for what is no duration, is below 0, or is less than a second. */
export function durationField(name: string, node: JsonNode | undefined): number {
  if (node === undefined || node.isNull()) return 0;
  const text = node.asString() ?? node.asNumberText() ?? "?";
  if (text === "" || text === "0") return 0;
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new LogicalError("invalid_field", `${name} must be a duration, as 90 or "1h30m"`);
  if (seconds < 0) throw new LogicalError("invalid_field", `${name} must be positive`);
  if (seconds === 0 && !/^0[a-z]*$/.test(text)) {
    throw new LogicalError("invalid_field", `${name} is less than a second, which would mean none`);
  }
  return seconds;
}
