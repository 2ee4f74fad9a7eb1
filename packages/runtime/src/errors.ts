/**
 * The base of every error that an operator or a client can meet. `code` is stable and lower_snake_case: one table in the
 * front doors maps it to HTTP and gRPC. The message says what happened and what to do next, and never holds a secret.
 */
export abstract class StrongroomError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Whatever was thrown, as an `Error`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
