/**
 * `sys/leases/revoke-prefix` and `revoke-force`, and Vault's older names: end all leases whose ids begin so. The order is one
 * command, however many they are; the leader works it off, and with `sync` the answer waits for that. By force a lease is
 * forgotten even if undoing it fails, which also lets a mount go that is closing because of it.
 */
import { definePath, type FieldSchemas, LogicalError } from "@strongroom/logical";
import type { Transaction } from "@strongroom/storage";
import { awaitRevocation, type Revocation } from "../lease/await-revocation.ts";
import { type LeasePrefix, prefixesOf } from "../lease/lease-paths.ts";
import { addLeaseTask } from "../lease/lease-tasks.ts";
import type { Leases } from "../lease/leases.ts";
import { revocationOf, revocationState } from "./lease-body.ts";
import { QUEUED } from "./leases-revoke.ts";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

const FIELDS = {
  prefix: { type: "string", description: "The beginning of the ids, up to a slash; or one whole id." },
  sync: { type: "bool", description: "Whether the answer waits until all is undone.", default: true },
} as const satisfies FieldSchemas;

const LEASES_PER_LOOK = 256;
/** Each mount under the prefix takes an order of its own in the command. */
const MAX_MOUNTS = 1000;

export function leaseRevokePrefixPaths(services: SystemServices): readonly SystemPath[] {
  return [
    pathOf(services, "leases/revoke-prefix/*prefix", false),
    pathOf(services, "revoke-prefix/*prefix", false),
    pathOf(services, "leases/revoke-force/*prefix", true),
    pathOf(services, "revoke-force/*prefix", true),
  ];
}

function pathOf(services: SystemServices, pattern: string, force: boolean): SystemPath {
  const path = definePath({
    pattern,
    fields: FIELDS,
    operations: {
      update: {
        summary: force ? "End leases by force." : "End leases.",
        handler: (context, _request, fields) => {
          const system = SystemContext.of(context);
          const settled = order(services, system, { prefix: fields.get("prefix") ?? "", force });
          if (!fields.get("sync")) return { kind: "empty", status: 202, warnings: [QUEUED] };
          system.doAfterCommit((_commands, revision) => {
            const askedAtIndex = revision?.index ?? Number.POSITIVE_INFINITY;
            return awaitRevocation(services.dependencies.store, system.request, (tx) => settled(tx, askedAtIndex));
          });
          return { kind: "empty" };
        },
      },
    },
    synopsis: force ? "End all leases under a prefix, undone or not." : "End all leases under a prefix.",
    description: force
      ? "What cannot be undone is forgotten, and may go on working outside: the log names it."
      : "Those that fail are tried again; the answer names the first.",
  });
  return { path, access: "sudo", run: "transaction", reply: "envelope", idempotent: true };
}

/** Commits the order; what is returned looks how far it is, of the leases made until then. Throws `LogicalError`. */
function order(
  { leases, mounts, dependencies }: SystemServices,
  { transaction, entropy }: SystemContext,
  { prefix, force }: { readonly prefix: string; readonly force: boolean },
): (tx: Transaction, askedAtIndex: number) => Promise<Revocation> {
  if (prefix === "") throw new LogicalError("invalid_request", "a prefix must be specified");
  (force ? leases.metrics.forcedRevocations : leases.metrics.prefixRevocations).add();
  const one = prefix.endsWith("/") ? undefined : leases.manager.find(transaction, prefix, "write");
  if (one !== undefined) {
    leases.manager.queue(transaction, one, { force });
    return async (tx) => revocationOf(tx, leases, one.ref);
  }
  const covered = prefixesOf(mounts.table(transaction, "write"), prefix.replace(/\/*$/, "/"));
  if (covered.length > MAX_MOUNTS) {
    throw new LogicalError("invalid_request", `the prefix covers more than ${MAX_MOUNTS} mounts; give a longer one`);
  }
  const keys = covered.map(({ mount, prefix: below }) => {
    const task = { type: "revoke-prefix", mountUuid: mount.uuid, prefix: below, force } as const;
    return addLeaseTask(transaction, dependencies.barrier, task, entropy);
  });
  return async (tx, askedAtIndex) => {
    if (keys.some((key) => tx.peek(key) !== undefined)) return { state: "pending" };
    for (const place of covered) {
      const revocation = await lookBelow(tx, leases, place, askedAtIndex);
      if (revocation.state !== "done") return revocation;
    }
    return { state: "done" };
  };
}

/** How those stand that were made until then. */
async function lookBelow(
  tx: Transaction,
  { rows }: Leases,
  { mount, prefix }: LeasePrefix,
  askedAtIndex: number,
): Promise<Revocation> {
  const view = rows.view(tx, mount.uuid);
  let failed: Revocation | undefined;
  let after: Uint8Array | undefined;
  for (;;) {
    const page = await view.walk(prefix, { after, limit: LEASES_PER_LOOK });
    const last = page.at(-1);
    if (last === undefined) return failed ?? { state: "done" };
    for (const { path } of page) {
      const entry = rows.get(tx, { mountUuid: mount.uuid, path });
      if (entry === undefined || entry.madeAtIndex > askedAtIndex) continue;
      const revocation = revocationState(entry);
      if (revocation.state === "pending") return revocation;
      failed ??= revocation;
    }
    after = last.storageKey;
  }
}
