/** Log lines through pino: one JSON object a line on standard error, or a line for people. */
import { asError, type LogFields, type Logger } from "@strongroom/runtime";
import { destination, type Logger as PinoLogger, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "standard" | "json";
  /** Stands in each line: the node's name, and which of its threads speaks. */
  readonly fields: Readonly<Record<string, string>>;
}

const STANDARD_ERROR = 2;

/** Written synchronously: a line that explains why the process ends is not lost with it. */
export function createLogger({ level, format, fields }: LogOptions): Logger {
  if (format === "standard") return new PlainLogger(level, fields);
  const options = {
    level,
    base: fields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: errorFields },
  };
  return new JsonLogger(pino(options, destination({ dest: STANDARD_ERROR, sync: true })));
}

class JsonLogger implements Logger {
  readonly #pino: PinoLogger;

  constructor(inner: PinoLogger) {
    this.#pino = inner;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#pino.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new JsonLogger(this.#pino.child(fields));
  }
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** `2026-11-22T10:00:00.000Z [INFO]  message: key=value`, as Vault prints. Control characters cannot forge a line. */
class PlainLogger implements Logger {
  readonly #least: number;
  readonly #level: LogLevel;
  readonly #fields: LogFields;

  constructor(level: LogLevel, fields: LogFields) {
    this.#level = level;
    this.#least = LEVELS.indexOf(level);
    this.#fields = fields;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write("error", message, fields);
  }

  child(fields: LogFields): Logger {
    return new PlainLogger(this.#level, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    if (LEVELS.indexOf(level) < this.#least) return;
    const pairs = Object.entries({ ...this.#fields, ...fields })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${plain(value)}`);
    const label = `[${level.toUpperCase()}]`.padEnd(7);
    const line = `${new Date().toISOString()} ${label} ${plain(message, false)}${pairs.length === 0 ? "" : `: ${pairs.join(" ")}`}`;
    process.stderr.write(`${line}\n`);
  }
}

function plain(value: LogFields[string], quote = true): string {
  const text = value instanceof Error ? value.message : String(value);
  const escaped = text.replaceAll(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return quote && /[\s"=]/.test(escaped) ? JSON.stringify(escaped) : escaped;
}

function errorFields(thrown: unknown): {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
} {
  const error = asError(thrown);
  return {
    name: error.name,
    message: error.message,
    ...("code" in error ? { code: String(error.code) } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}
