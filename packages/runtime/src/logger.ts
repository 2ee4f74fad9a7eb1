/** Values that may stand in a log line. Secrets have types of their own, which print `[redacted]`. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined | Error>>;

/** Lines for operators: a sentence, and its data as fields. Never holds a secret, a token or a request's body. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry `fields` too. */
  child(fields: LogFields): Logger;
}

/** Drops every line. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
