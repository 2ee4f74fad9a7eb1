/**
 * `sys/health`: for load balancers. Codes are Vault's with one difference: an unsealed follower answers 200 with
 * `standby: true`, because it serves everything; `standbycode` still overrides.
 */
import { definePath, LogicalError, type LogicalRequest, parseInteger } from "@strongroom/logical";
import type { SystemPath, SystemServices } from "./system-path.ts";

const CODES = {
  activecode: { default: 200, description: "Status for the leader." },
  standbycode: { default: 200, description: "Status for an open node that does not lead." },
  sealedcode: { default: 503, description: "Status for a sealed node." },
  uninitcode: { default: 501, description: "Status for a node without a cluster." },
} as const;

/** Vault's codes for states that do not exist here; probes send them, so they are checked like the others. */
const CODES_WITHOUT_USE = ["performancestandbycode", "drsecondarycode", "haunhealthycode", "removedcode"];

export function healthPath({ dependencies }: SystemServices): SystemPath {
  const { seal, store, clock, version } = dependencies;
  const path = definePath({
    pattern: "health",
    fields: {
      ...code("activecode"),
      ...code("standbycode"),
      ...code("sealedcode"),
      ...code("uninitcode"),
      standbyok: { type: "bool", description: "An open follower counts as the leader does.", default: false },
      perfstandbyok: { type: "bool", description: "Ignored.", default: false },
    },
    takesArbitraryInput: true,
    operations: {
      read: {
        summary: "The health of this node.",
        handler: async (_context, request, fields) => {
          const codes = readCodes(request);
          const status = await seal.status();
          const leader = store.isLeaderNode();
          const answer = !status.initialized
            ? codes.uninitcode
            : status.sealed
              ? codes.sealedcode
              : leader || fields.get("standbyok")
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

function code(name: keyof typeof CODES): Record<string, { readonly type: "int"; readonly description: string }> {
  return { [name]: { type: "int", description: `${CODES[name].description} Default ${CODES[name].default}.` } };
}

/** Throws `LogicalError` for a code that no status line may carry. */
function readCodes({ query }: LogicalRequest): Readonly<Record<keyof typeof CODES, number>> {
  const read = (name: string, fallback: number): number => {
    const text = query.get(name)?.at(-1);
    if (text === undefined) return fallback;
    const value = parseInteger(text);
    if (value === undefined || value < 200 || value > 599) {
      throw new LogicalError("invalid_field", `${name} must be a status code from 200 to 599`);
    }
    return value;
  };
  for (const name of CODES_WITHOUT_USE) read(name, 0);
  return {
    activecode: read("activecode", CODES.activecode.default),
    standbycode: read("standbycode", CODES.standbycode.default),
    sealedcode: read("sealedcode", CODES.sealedcode.default),
    uninitcode: read("uninitcode", CODES.uninitcode.default),
  };
}
