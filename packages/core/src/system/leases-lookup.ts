/** `sys/leases/lookup`: one lease by its id; and below it the ids that begin with a prefix. */
import { definePath, type FieldSchemas, LogicalError, listResponse } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import { PermissionDeniedError } from "../errors.ts";
import { unknownLease } from "../lease/lease-manager.ts";
import { leaseBody, leaseIdOf } from "./lease-body.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function leasesLookupPath(services: SystemServices): SystemPath {
  const { leases } = services;
  const path = definePath({
    pattern: "leases/lookup",
    fields: { lease_id: { type: "string", description: "The lease." } },
    operations: {
      update: {
        summary: "One lease.",
        handler: (context, _request, fields) => {
          const { transaction, nowMs } = SystemContext.of(context);
          const found = leases.manager.find(transaction, leaseIdOf(undefined, fields.get("lease_id")), "write");
          if (found === undefined) throw unknownLease();
          return { kind: "data", data: leaseBody(found, nowMs) };
        },
      },
      list: {
        summary: "The first parts of all leases' ids; needs sudo.",
        handler: async (context) => {
          const { sudo, transaction } = SystemContext.of(context);
          if (!sudo) throw new PermissionDeniedError("1 error occurred:\n\t* permission denied\n\n");
          return listResponse(await children(services, transaction, ""));
        },
      },
    },
    synopsis: "What is known of a lease.",
    description:
      "A lease that is over but not undone is shown with its state: revoking, or irrevocable once that has failed too often.",
  });
  return { path, access: "policy", run: "transaction", reply: "envelope" };
}

export function leasesListPath(services: SystemServices): SystemPath {
  const path = definePath({
    pattern: "leases/lookup/*prefix",
    fields: {
      prefix: { type: "string", description: "The beginning of the ids, up to a slash." },
    } satisfies FieldSchemas,
    operations: {
      list: {
        summary: "The next parts of the ids.",
        handler: async (context, _request, fields) => {
          const prefix = (fields.get("prefix") ?? "").replace(/\/*$/, "/");
          return listResponse(await children(services, SystemContext.of(context).transaction, prefix));
        },
      },
    },
    synopsis: "Which leases there are.",
    description: "Directories end in a slash.",
  });
  return { path, access: "sudo", run: "transaction", reply: "envelope" };
}

/** What comes next in the ids of leases behind `prefix`, which is "" or ends in a slash. */
async function children({ leases, mounts }: SystemServices, tx: Transaction, prefix: string): Promise<string[]> {
  const { state, token } = mounts.table(tx, "read");
  const names = new Set<string>();
  for (const { path, uuid } of [...state.mounts, token.entry, ...state.closing]) {
    const view = leases.rows.view(tx, uuid);
    if (path !== "" && prefix.startsWith(path)) {
      for (const name of await view.list(prefix.slice(path.length))) names.add(name);
    } else if (path.startsWith(prefix)) {
      const name = `${path.slice(prefix.length).split("/", 1)[0]}/`;
      if (!names.has(name) && (await view.walk("", { limit: 1 })).length > 0) names.add(name);
    }
  }
  return [...names].sort();
}

/** As Vault's, for an id that cannot be one. */
export function noSuchLease(): LogicalError {
  return new LogicalError("invalid_request", "lease not found", { fromState: true });
}
