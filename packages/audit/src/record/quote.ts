/** Text into a record: JSON, on one line, with nothing that a terminal or a line reader takes for something else. */

/** Text that JSON quotes as it is: nearly every path, name and time. */
const PLAIN = /^[\w .:/@*+,;=-]*$/;

export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : onOneLine(JSON.stringify(text));
}

export function quoteAll(texts: readonly string[]): string {
  return texts.length === 1 ? `[${quote(texts[0] as string)}]` : `[${texts.map(quote).join(",")}]`;
}

/** DEL, the C1 controls, and what Unicode calls line and paragraph separators: JSON lets them stand, readers of lines do not. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

/** JSON in whose strings only such characters may stand. */
export function onOneLine(json: string): string {
  return json.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
