/**
 * `sys/leases/revoke`, and Vault's older `sys/revoke`: ends a lease. From the commit on nobody can renew it; what it stands for
 * is undone by the leader, and with `sync` the answer waits for that.
 */
import { definePath, type FieldSchemas } from "@strongroom/logical";
import { awaitRevocation } from "../lease/await-revocation.ts";
import { leaseIdOf, revocationOf } from "./lease-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  url_lease_id: { type: "string", description: "The lease." },
  lease_id: { type: "string", description: "The lease, where the path does not name it." },
  sync: { type: "bool", description: "Whether the answer waits until all is undone.", default: true },
} as const satisfies FieldSchemas;

/** Stands with 202: the order is committed, its fulfilment is not waited for. */
export const QUEUED = "All revocation operations queued successfully.";

export function leaseRevokePaths(services: SystemServices): readonly SystemPath[] {
  return ["leases/revoke", "leases/revoke/*url_lease_id", "revoke", "revoke/*url_lease_id"].map((pattern) =>
    pathOf(services, pattern),
  );
}

function pathOf({ leases, dependencies }: SystemServices, pattern: string): SystemPath {
  const path = definePath({
    pattern,
    fields: FIELDS,
    operations: {
      update: {
        summary: "End a lease.",
        handler: (context, _request, fields) => {
          const system = SystemContext.of(context);
          const leaseId = leaseIdOf(fields.get("url_lease_id"), fields.get("lease_id"));
          const found = leases.manager.find(system.transaction, leaseId, "write");
          if (found === undefined) return { kind: "empty" };
          leases.manager.queue(system.transaction, found, { force: false });
          if (!fields.get("sync")) return { kind: "empty", status: 202, warnings: [QUEUED] };
          system.doAfterCommit(() =>
            awaitRevocation(dependencies.store, system.request, async (tx) => revocationOf(tx, leases, found.ref)),
          );
          return { kind: "empty" };
        },
      },
    },
    synopsis: "End a lease.",
    description:
      "A lease that is not there counts as revoked. One whose undoing fails is tried again, and the answer says so.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope", idempotent: true };
}
