/** `sys/leases/renew`, and Vault's older `sys/renew`: gives a lease more time, as its engine and its mount allow. */
import { definePath, type FieldSchemas, LogicalError } from "@strongroom/logical";
import type { FoundLease } from "../lease/lease-manager.ts";
import { calculateTtl } from "../ttl.ts";
import { leaseIdOf } from "./lease-body.ts";
import { noSuchLease } from "./leases-lookup.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  url_lease_id: { type: "string", description: "The lease." },
  lease_id: { type: "string", description: "The lease, where the path does not name it." },
  increment: {
    type: "duration",
    description: "How long it shall live from now; as it was granted unless said.",
    default: 0,
  },
} as const satisfies FieldSchemas;

export function leaseRenewPaths(services: SystemServices): readonly SystemPath[] {
  return ["leases/renew", "leases/renew/*url_lease_id", "renew", "renew/*url_lease_id"].map((pattern) =>
    pathOf(services, pattern),
  );
}

function pathOf(services: SystemServices, pattern: string): SystemPath {
  const path = definePath({
    pattern,
    fields: FIELDS,
    operations: {
      update: {
        summary: "Renew a lease.",
        handler: async (context, _request, fields) => {
          const system = SystemContext.of(context);
          const leaseId = leaseIdOf(fields.get("url_lease_id"), fields.get("lease_id"));
          const found = services.leases.manager.find(system.transaction, leaseId, "write");
          const renewable = checked(found, system.nowMs);
          const warnings = await renew(services, system, renewable, fields.get("increment"));
          return { kind: "empty", ...(warnings.length === 0 ? {} : { warnings }) };
        },
      },
    },
    synopsis: "Renew a lease.",
    description:
      "No renewal goes past the greatest time that the lease's role and mount allow, counted from its issue.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

async function renew(
  { leases, mounts }: SystemServices,
  context: SystemContext,
  { ref, entry, leaseId }: FoundLease,
  incrementSeconds: number,
): Promise<readonly string[]> {
  const { transaction, nowMs, entropy } = context;
  const { byUuid, byPath } = mounts.table(transaction, "write");
  const mount = byUuid.get(ref.mountUuid);
  // Of a mount that is closing nothing lives on.
  if (mount === undefined || byPath.get(mount.entry.path) !== mount) throw noSuchLease();
  const { issueTimeMs, expireTimeMs, internal } = entry;
  const path = ref.path.slice(0, Math.max(0, ref.path.lastIndexOf("/")));
  const held = { leaseId, path, issueTimeMs, expireTimeMs, incrementSeconds, internal };
  const world = { storage: mounts.storage(transaction, mount), nowMs, mount: mount.info, entropy };
  const granted = (await mount.backend.renew?.(world, held)) ?? entry;
  const { ttlSeconds, warnings } = calculateTtl({
    incrementSeconds,
    ttlSeconds: granted.ttlSeconds,
    maxTtlSeconds: granted.maxTtlSeconds,
    explicitMaxTtlSeconds: 0,
    periodSeconds: 0,
    mount: mount.info.config,
    issueTimeMs,
    nowMs,
  });
  leases.manager.renew(transaction, leaseId, {
    expireTimeMs: Math.floor(nowMs) + ttlSeconds * 1000,
    internal: granted.internal,
    renewable: granted.renewable,
  });
  context.answerLease({ leaseId, renewable: granted.renewable, ttlSeconds });
  return warnings;
}

/** A lease that may be renewed. Throws `LogicalError`. */
function checked(found: FoundLease | undefined, nowMs: number): FoundLease {
  if (found === undefined || found.entry.state !== "live") throw noSuchLease();
  if (found.entry.expireTimeMs <= nowMs) throw refusal("lease expired");
  if (found.entry.kind === "token") throw refusal("tokens cannot be renewed through this endpoint");
  if (!found.entry.renewable) throw refusal("lease is not renewable");
  return found;
}

function refusal(words: string): LogicalError {
  return new LogicalError("invalid_request", words, { fromState: true });
}
