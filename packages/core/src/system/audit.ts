/** `sys/audit` and `sys/audit/:path`: the devices that are given what this cluster's nodes record. */
import { type DeviceConfig, DeviceOptionError, parseDevice } from "@strongroom/audit";
import { definePath, type JsonMember, type JsonNode, type JsonValue, LogicalError } from "@strongroom/logical";
import { asError } from "@strongroom/runtime";
import { randomUuid } from "../base62.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const PATH = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/;
const MAX_PATH_LENGTH = 256;
const MAX_DEVICES = 64;
const MAX_DESCRIPTION_LENGTH = 1024;

export function auditPath({ auditTable }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "audit",
    fields: {},
    operations: {
      read: {
        summary: "All audit devices.",
        handler: (context) => {
          const { devices } = auditTable.settings(SystemContext.of(context).transaction);
          return { kind: "data", data: Object.fromEntries(devices.map((device) => [device.path, deviceBody(device)])) };
        },
      },
    },
    synopsis: "List audit devices.",
    description:
      "Each node records in a stream of its own and gives that to the devices; one that fails stops nothing and loses nothing.",
  });
  return { path, access: "sudo", run: "transaction", reply: "top-level" };
}

export function auditDevicePath({ auditTable, dependencies }: SystemServices): SystemPath {
  const path = definePath({
    pattern: "audit/*path",
    fields: {
      path: { type: "string", description: "The device's name, such as file." },
      type: { type: "string", description: '"file", "socket", "syslog" or "http".', default: "" },
      description: { type: "string", description: "For people.", default: "" },
      options: {
        type: "json",
        description: "Of the type, such as file_path: an object of strings, numbers and booleans.",
      },
      local: { type: "bool", description: "Stored and shown: there is one cluster.", default: false },
    },
    operations: {
      update: {
        summary: "Enable it.",
        prepare: async (_context, _request, fields) => {
          const { type, options } = deviceOf(fields.get("type"), fields.get("options"));
          if (["true", "1"].includes(options["skip_test"] ?? "")) return;
          try {
            await dependencies.auditDevices.probe(type, options);
          } catch (error) {
            if (error instanceof DeviceOptionError) throw error;
            throw new LogicalError(
              "invalid_request",
              `the device takes nothing (${asError(error).message}); with the option skip_test=true it is enabled all the same`,
            );
          }
        },
        handler: (context, _request, fields) => {
          const { transaction, nowMs, entropy } = SystemContext.of(context);
          const at = devicePath(fields.get("path"));
          const { type, options } = deviceOf(fields.get("type"), fields.get("options"));
          const device: DeviceConfig = {
            path: at,
            type,
            description: fields.get("description").slice(0, MAX_DESCRIPTION_LENGTH),
            options,
            local: fields.get("local"),
            uuid: randomUuid(entropy),
            enabledMs: nowMs,
          };
          auditTable.change(transaction, (state) => {
            const taken = state.devices.find(({ path }) => path.startsWith(at) || at.startsWith(path));
            if (taken !== undefined) throw conflict(`path already in use: ${taken.path}`);
            if (state.devices.length >= MAX_DEVICES) throw conflict(`there are ${MAX_DEVICES} audit devices already`);
            return { ...state, devices: [...state.devices, device] };
          });
          return { kind: "empty" };
        },
      },
      delete: {
        summary: "Disable it.",
        handler: (context, _request, fields) => {
          const { transaction } = SystemContext.of(context);
          const at = devicePath(fields.get("path"));
          if (auditTable.settings(transaction).devices.every(({ path }) => path !== at)) return { kind: "empty" };
          auditTable.change(transaction, (state) => ({
            ...state,
            devices: state.devices.filter(({ path }) => path !== at),
          }));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Enable and disable audit devices.",
    description:
      "A device is tested on the node that is asked, and enabled on all. It gets what is recorded from then on. A node on which " +
      "it fails keeps its records for it, up to the limit of its retention.",
  });
  return { path, access: "sudo", run: "transaction", reply: "envelope" };
}

/** As Vault shows a device; what headers it sends is shown without their values, which may be credentials. */
function deviceBody({ path, type, description, options, local }: DeviceConfig): JsonValue {
  const { headers, ...shown } = options;
  const redacted = headers === undefined || headers === "" ? {} : { headers: "[redacted]" };
  return { type, description, options: { ...shown, ...redacted }, local, path };
}

function deviceOf(
  type: string,
  options: JsonNode | undefined,
): { readonly type: string; readonly options: Readonly<Record<string, string>> } {
  if (type === "") throw new LogicalError("invalid_request", "audit device type must be specified as a string");
  const given = Object.fromEntries((options === undefined ? [] : optionMembers(options)).map(asTexts));
  parseDevice(type, given);
  return { type, options: given };
}

function optionMembers(options: JsonNode): readonly JsonMember[] {
  if (options.isNull()) return [];
  if (!options.isObject()) throw new LogicalError("invalid_field", "options must be an object");
  return options.members();
}

/** Clients send `true` as well as `"true"`. */
function asTexts({ key, value }: JsonMember): readonly [string, string] {
  const text = value.asString() ?? value.asNumberText() ?? value.asBoolean()?.toString();
  if (text === undefined)
    throw new LogicalError("invalid_field", "each of the options must be a text, number or boolean");
  return [key, text];
}

/** With the slash at its end. */
export function devicePath(text: string | undefined): string {
  const path = (text ?? "").replace(/\/$/, "");
  if (path.length > MAX_PATH_LENGTH || !PATH.test(path) || path.split("/").some((part) => /^\.+$/.test(part))) {
    throw new LogicalError("invalid_request", "the path of an audit device consists of letters, digits, -, _ and .");
  }
  return `${path}/`;
}

function conflict(message: string): LogicalError {
  return new LogicalError("invalid_request", message, { fromState: true });
}
