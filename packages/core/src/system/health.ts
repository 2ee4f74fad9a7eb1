/**
 * `sys/health`: for load balancers. Codes are Vault's with one difference: an unsealed follower answers 200 with
 * `standby: true`, because it serves everything; `standbycode` still overrides.
 */
import { coerceField, definePath, LogicalError } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

const CODES = {
  activecode: { type: "int", default: 200, description: "Status for the leader." },
  standbycode: { type: "int", default: 200, description: "Status for an open node that does not lead." },
  sealedcode: { type: "int", default: 503, description: "Status for a sealed node." },
  uninitcode: { type: "int", default: 501, description: "Status for a node without a cluster." },
} as const;

export function healthPath({ dependencies }: SystemServices): SystemPath {
  const { seal, store, cluster, clock, version, auditDevices } = dependencies;
  const path = definePath({
    pattern: "health",
    fields: {
      ...CODES,
      standbyok: {
        type: "string",
        description: "An open follower counts as the leader does, unless it is false; the name alone does.",
        default: "false",
      },
      perfstandbyok: { type: "string", description: "Ignored." },
    },
    operations: {
      read: {
        summary: "The health of this node.",
        handler: async (_context, _request, fields) => {
          const codes = readCodes((name) => fields.get(name));
          const standbyOk = isSet("standbyok", fields.get("standbyok"));
          const status = await seal.status();
          const leader = store.isLeaderNode();
          const { diskLow } = await cluster.status();
          const answer = !status.initialized
            ? codes.uninitcode
            : status.sealed
              ? codes.sealedcode
              : leader || standbyOk
                ? codes.activecode
                : codes.standbycode;
          const identity =
            status.sealed || status.clusterId === undefined
              ? {}
              : { cluster_name: status.clusterName ?? "", cluster_id: status.clusterId };
          return {
            kind: "data",
            status: answer,
            data: {
              initialized: status.initialized,
              sealed: status.sealed,
              standby: status.sealed || !leader,
              performance_standby: false,
              replication_performance_mode: "disabled",
              replication_dr_mode: "disabled",
              server_time_utc: Math.floor(clock.wallMs() / 1000),
              version,
              disk_low: diskLow === true,
              audit_devices_failing: auditDevices.statuses().filter(({ error }) => error !== "").length,
              ...identity,
            },
          };
        },
      },
    },
    synopsis: "The health of this node.",
    description: "GET and HEAD. The status tells the state; each can be set by a parameter.",
  });
  return { path, access: "open", run: "effect", reply: "plain" };
}

/** Load balancers ask for `?standbyok`, without a value. Throws `LogicalError` for what is no boolean. */
function isSet(name: string, given: string): boolean {
  return given === "" || coerceField("bool", name, given) === true;
}

type CodeName = keyof typeof CODES;

/** Throws `LogicalError` for a code that no status line may carry. */
function readCodes(get: (name: CodeName) => number): Readonly<Record<CodeName, number>> {
  const read = (name: CodeName): number => {
    const value = get(name);
    if (value >= 200 && value <= 599) return value;
    throw new LogicalError("invalid_field", `${name} must be a status code from 200 to 599`);
  };
  return {
    activecode: read("activecode"),
    standbycode: read("standbycode"),
    sealedcode: read("sealedcode"),
    uninitcode: read("uninitcode"),
  };
}
