/**
 * What may be said of a device. A device is a way to write to files and to reach hosts with the server's rights, so what
 * Vault's options allow is narrowed: no prefix, no executable or otherwise special file mode, no file of another kind or
 * owner, no file in the system's directories or the node's own, and no address that only a machine's own services have.
 */
import { BlockList, isIP } from "node:net";
import { isAbsolute, normalize, sep } from "node:path";
import { DeviceOptionError } from "../errors.ts";

export type DeviceTarget =
  | { readonly type: "file"; readonly path: string; readonly mode: number | undefined }
  | { readonly type: "stdout" }
  | { readonly type: "discard" }
  | {
      readonly type: "socket";
      readonly socketType: "tcp" | "udp" | "unix";
      readonly address: string;
      readonly writeTimeoutMs: number;
    }
  | {
      readonly type: "syslog";
      /** `local` is the machine's own, at the Unix socket `address` or, where that is empty, at the usual one. */
      readonly server: { readonly socketType: "tcp" | "udp" | "local"; readonly address: string };
      readonly facility: number;
      readonly facilityName: string;
      readonly tag: string;
      readonly writeTimeoutMs: number;
    }
  | { readonly type: "http"; readonly uri: string; readonly headers: Readonly<Record<string, string>> };

export interface ParsedDevice {
  readonly target: DeviceTarget;
  readonly hmacAccessor: boolean;
  readonly elideListResponses: boolean;
}

const COMMON = new Set(["format", "hmac_accessor", "log_raw", "elide_list_responses", "prefix", "skip_test"]);
const OWN: Readonly<Record<string, ReadonlySet<string>>> = {
  file: new Set(["file_path", "path", "mode"]),
  socket: new Set(["address", "socket_type", "write_timeout"]),
  syslog: new Set(["facility", "tag", "address", "socket_type", "write_timeout"]),
  http: new Set(["uri", "headers"]),
};

/** RFC 5424 §6.2.1. */
const FACILITIES = [
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "syslog",
  "lpr",
  "news",
  "uucp",
  "cron",
  "authpriv",
  "ftp",
  "ntp",
  "security",
  "console",
  "solaris-cron",
  "local0",
  "local1",
  "local2",
  "local3",
  "local4",
  "local5",
  "local6",
  "local7",
];

const SYSTEM_DIRECTORIES = [
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib64",
  "/proc",
  "/run",
  "/sbin",
  "/sys",
  "/usr",
];
const TAG = /^[\x21-\x7e]{1,48}$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const HEADER_VALUE = /^[\x20-\x7e\x80-\xff]{0,4096}$/;

/** Throws `DeviceOptionError`. */
export function parseDevice(type: string, options: Readonly<Record<string, string>>): ParsedDevice {
  const own = OWN[type];
  if (own === undefined) {
    throw new DeviceOptionError(
      `unknown audit device type ${JSON.stringify(type)}: it is file, socket, syslog or http`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!COMMON.has(name) && !own.has(name)) {
      throw new DeviceOptionError(`an audit device of the type ${type} has no option ${JSON.stringify(name)}`);
    }
  }
  if (boolean(options, "log_raw", false)) {
    throw new DeviceOptionError("log_raw is refused: values are never recorded in the clear, for no device");
  }
  if ((options["format"] ?? "json") !== "json") throw new DeviceOptionError('the only format is "json"');
  if ((options["prefix"] ?? "") !== "")
    throw new DeviceOptionError("prefix is refused: each line is one record and nothing else");
  boolean(options, "skip_test", false);
  return {
    target: targetOf(type, options),
    hmacAccessor: boolean(options, "hmac_accessor", true),
    elideListResponses: boolean(options, "elide_list_responses", false),
  };
}

/**
 * Whether this node may write a file there: below `directories`, or, where none are named, outside the system's; never below
 * `own`, its data's and its streams', of which a device would make what it reads.
 */
export function checkFilePath(
  path: string,
  { directories, own }: { readonly directories: readonly string[]; readonly own: readonly string[] },
): void {
  if (own.some((directory) => isBelow(path, directory))) {
    throw new DeviceOptionError("an audit file may not lie in the node's data directory or among its audit streams");
  }
  if (directories.length > 0) {
    if (directories.some((directory) => isBelow(path, directory))) return;
    throw new DeviceOptionError(
      `this node writes audit files only below ${directories.join(", ")} (file_directories in audit_stream of its configuration)`,
    );
  }
  const system = SYSTEM_DIRECTORIES.find((directory) => isBelow(path, directory));
  if (system !== undefined) {
    throw new DeviceOptionError(
      `an audit file may not lie below ${system}; name the directories that are meant with file_directories in audit_stream of the configuration`,
    );
  }
}

/** Link-local addresses: the machine's own services, such as a cloud's metadata, and nobody's log. */
export function isForbiddenAddress(address: string): boolean {
  const [plain = ""] = address.split("%");
  const version = isIP(plain);
  // By what they are: each can be written in many ways, and one of version 4 stands for itself in version 6, too.
  return version !== 0 && FORBIDDEN.check(plain, version === 4 ? "ipv4" : "ipv6");
}

const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet("169.254.0.0", 16, "ipv4");
FORBIDDEN.addAddress("0.0.0.0", "ipv4");
FORBIDDEN.addSubnet("fe80::", 10, "ipv6");
FORBIDDEN.addAddress("::", "ipv6");
FORBIDDEN.addAddress("fd00:ec2::254", "ipv6");
// What a NAT64 makes of 169.254.0.0/16.
FORBIDDEN.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");

function targetOf(type: string, options: Readonly<Record<string, string>>): DeviceTarget {
  switch (type) {
    case "file":
      return fileTarget(options);
    case "socket":
      return socketTarget(options);
    case "syslog":
      return syslogTarget(options);
    default:
      return httpTarget(options);
  }
}

function fileTarget(options: Readonly<Record<string, string>>): DeviceTarget {
  if (options["file_path"] !== undefined && options["path"] !== undefined) {
    throw new DeviceOptionError("file_path and its old name path say the same: give one of them");
  }
  const path = options["file_path"] ?? options["path"] ?? "";
  if (path === "") throw new DeviceOptionError("file_path is required");
  if (path === "stdout") return { type: "stdout" };
  if (path === "discard") return { type: "discard" };
  if (!isAbsolute(path) || normalize(path) !== path || path.endsWith(sep) || path.includes("\0")) {
    throw new DeviceOptionError('file_path must be an absolute path without "." or "..", or "stdout" or "discard"');
  }
  return { type: "file", path, mode: fileMode(options["mode"]) };
}

/** Vault's `0000` means: leave the file's mode as it is. */
function fileMode(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return 0o600;
  if (!/^[0-7]{3,5}$/.test(text)) throw new DeviceOptionError("mode must be octal digits such as 0600");
  const mode = Number.parseInt(text, 8);
  if (mode === 0) return undefined;
  if ((mode & ~0o664) !== 0 || (mode & 0o200) === 0) {
    throw new DeviceOptionError(
      "mode must let the owner write, and may not make a file executable, special or writable for all",
    );
  }
  return mode;
}

function socketTarget(options: Readonly<Record<string, string>>): DeviceTarget {
  const address = options["address"] ?? "";
  const socketType = options["socket_type"] ?? "tcp";
  if (socketType !== "tcp" && socketType !== "udp" && socketType !== "unix") {
    throw new DeviceOptionError("socket_type must be tcp, udp or unix");
  }
  if (socketType === "unix") {
    if (!isAbsolute(address)) throw new DeviceOptionError("address must be the absolute path of a Unix socket");
  } else {
    splitHostPort(address);
  }
  return { type: "socket", socketType, address, writeTimeoutMs: writeTimeout(options) };
}

function syslogTarget(options: Readonly<Record<string, string>>): DeviceTarget {
  const facilityName = (options["facility"] ?? "AUTH").toLowerCase();
  const facility = FACILITIES.indexOf(facilityName);
  if (facility < 0) throw new DeviceOptionError(`facility must be one of ${FACILITIES.join(", ")}`);
  const tag = options["tag"] ?? "vault";
  if (!TAG.test(tag)) throw new DeviceOptionError("tag must be 1 to 48 printable characters without blanks");
  return {
    type: "syslog",
    server: syslogServer(options),
    facility,
    facilityName,
    tag,
    writeTimeoutMs: writeTimeout(options),
  };
}

function syslogServer(
  options: Readonly<Record<string, string>>,
): Extract<DeviceTarget, { readonly type: "syslog" }>["server"] {
  const address = options["address"] ?? "";
  const socketType = options["socket_type"] ?? (address === "" || isAbsolute(address) ? "unix" : "udp");
  if (socketType === "unix") {
    if (address !== "" && !isAbsolute(address))
      throw new DeviceOptionError("address must be the path of a Unix socket");
    return { socketType: "local", address };
  }
  if (socketType !== "tcp" && socketType !== "udp") throw new DeviceOptionError("socket_type must be unix, tcp or udp");
  splitHostPort(address);
  return { socketType, address };
}

function httpTarget(options: Readonly<Record<string, string>>): DeviceTarget {
  const uri = options["uri"] ?? "";
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new DeviceOptionError("uri must be an http or https URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new DeviceOptionError("uri may hold no user and password: put them into a header, which is not shown");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isForbiddenAddress(host)) throw new DeviceOptionError("uri may not name a link-local address");
  return { type: "http", uri, headers: httpHeaders(options["headers"]) };
}

function httpHeaders(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined || text === "") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new DeviceOptionError('headers must be a JSON object such as {"Authorization":"Bearer …"}');
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
    if (!HEADER_NAME.test(name) || typeof only !== "string" || !HEADER_VALUE.test(only)) {
      throw new DeviceOptionError("headers must be names with one text each");
    }
    headers[name] = only;
  }
  return headers;
}

/** Throws `DeviceOptionError`. */
export function splitHostPort(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3] ?? 0);
  if (match === null || port === 0 || port > 65_535) throw new DeviceOptionError("address must be host:port");
  if (isForbiddenAddress(host)) throw new DeviceOptionError("address may not be link-local");
  return { host, port };
}

function writeTimeout(options: Readonly<Record<string, string>>): number {
  const text = options["write_timeout"] ?? "2s";
  const match = /^(\d{1,6})(ms|s|m)?$/.exec(text);
  const unit = match?.[2] === "ms" ? 1 : match?.[2] === "m" ? 60_000 : 1000;
  const ms = Number(match?.[1] ?? 0) * unit;
  if (match === null || ms < 1 || ms > 600_000)
    throw new DeviceOptionError("write_timeout must be a duration such as 2s");
  return ms;
}

function boolean(options: Readonly<Record<string, string>>, name: string, otherwise: boolean): boolean {
  const text = options[name];
  if (text === undefined || text === "") return otherwise;
  if (["true", "1", "t", "T", "TRUE", "True"].includes(text)) return true;
  if (["false", "0", "f", "F", "FALSE", "False"].includes(text)) return false;
  throw new DeviceOptionError(`${name} must be true or false`);
}

function isBelow(path: string, directory: string): boolean {
  const base = directory.endsWith(sep) ? directory : `${directory}${sep}`;
  return path.startsWith(base);
}
