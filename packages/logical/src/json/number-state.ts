/** The grammar of a JSON number (RFC 8259 §6), a byte at a time, so that one may be cut by the end of a chunk anywhere. */

/** Where a number stands between two of its bytes. */
export type NumberState = "minus" | "zero" | "integer" | "point" | "fraction" | "e" | "sign" | "exponent";

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** The state after a number's first byte, or nothing when no number begins with it. */
export function firstState(c: number): NumberState | undefined {
  return c === MINUS ? "minus" : c === ZERO ? "zero" : isDigit(c) ? "integer" : undefined;
}

/** The state after byte `c`, or nothing when `c` is not part of the number. */
export function nextState(state: NumberState, c: number): NumberState | undefined {
  switch (state) {
    case "minus":
      return c === ZERO ? "zero" : isDigit(c) ? "integer" : undefined;
    case "zero":
      return c === POINT ? "point" : isExponentMark(c) ? "e" : undefined;
    case "integer":
      return isDigit(c) ? "integer" : c === POINT ? "point" : isExponentMark(c) ? "e" : undefined;
    case "point":
      return isDigit(c) ? "fraction" : undefined;
    case "fraction":
      return isDigit(c) ? "fraction" : isExponentMark(c) ? "e" : undefined;
    case "e":
      return isDigit(c) ? "exponent" : c === MINUS || c === PLUS ? "sign" : undefined;
    case "sign":
    case "exponent":
      return isDigit(c) ? "exponent" : undefined;
  }
}

export function mayEnd(state: NumberState): boolean {
  return state === "zero" || state === "integer" || state === "fraction" || state === "exponent";
}

export function isDigit(c: number): boolean {
  return c >= ZERO && c <= NINE;
}

function isExponentMark(c: number): boolean {
  return c === 0x65 || c === 0x45;
}
