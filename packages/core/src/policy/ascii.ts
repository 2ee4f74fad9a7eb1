/** Lower case for identifiers: ASCII alone, so that no other letter ever becomes one of these (U+212A is no k). */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
