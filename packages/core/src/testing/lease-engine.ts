/**
 * An engine that grants leases, and an outside world where its credentials live: what a database engine does, without one. It
 * keeps its rows as any engine does; the world outside is shared by all nodes of a test and can be told to fail or to hang.
 */
import { type BackendFactory, defineBackend, definePath, type HeldLease, LogicalError } from "@strongroom/logical";
import { fromUtf8, StrongroomError, toHex, utf8 } from "@strongroom/runtime";

class OutsideError extends StrongroomError {
  readonly code = "outside";
}

/** Where credentials are made and undone. */
export class OutsideWorld {
  /** Credentials that work. */
  readonly live: Set<string> = new Set();
  /** Every credential whose undoing was asked for, in order, repeats included. */
  readonly asked: string[] = [];
  /** While it holds, undoing fails. */
  failing = false;
  /** While it is there, undoing waits for it. */
  hold: Promise<void> | undefined;
  /** The most that was being undone at a time. */
  atATime = 0;
  #now = 0;

  async undo(credential: string): Promise<void> {
    this.asked.push(credential);
    this.#now++;
    this.atATime = Math.max(this.atATime, this.#now);
    try {
      await this.hold;
      if (this.failing) throw new OutsideError("the outside world does not answer");
      this.live.delete(credential);
    } finally {
      this.#now--;
    }
  }
}

/**
 * Mounted as `lease-test`: `roles/:name {ttl, max_ttl, renewable}` says what `creds/:name` grants. Mounted with the option
 * `effect = "none"` it grants leases that leave nothing to undo.
 */
export function leaseEngine(world: OutsideWorld): BackendFactory {
  const role = definePath({
    pattern: "roles/:name",
    fields: {
      name: { type: "string", description: "The role." },
      ttl: { type: "duration", description: "Of its leases; 0: the mount's.", default: 0 },
      max_ttl: { type: "duration", description: "Of its leases at most; 0: the mount's.", default: 0 },
      renewable: { type: "bool", description: "Whether its leases are.", default: true },
    },
    operations: {
      update: {
        summary: "Make a role.",
        handler: (context, _request, fields) => {
          const grant = [fields.get("ttl"), fields.get("max_ttl"), fields.get("renewable")];
          context.storage.put(`roles/${fields.get("name")}`, utf8(JSON.stringify(grant)));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Roles.",
    description: "What a role's leases are like.",
  });
  const creds = definePath({
    pattern: "creds/:name",
    fields: { name: { type: "string", description: "The role." } },
    operations: {
      read: {
        summary: "A credential.",
        prepare: async ({ entropy }) => {
          const credential = toHex(entropy.bytes(8));
          world.live.add(credential);
          return credential;
        },
        handler: (context, _request, fields) => {
          const bytes = context.storage.get(`roles/${fields.get("name")}`);
          if (bytes === undefined) throw new LogicalError("invalid_request", "unknown role", { fromState: true });
          const [ttlSeconds, maxTtlSeconds, renewable] = JSON.parse(fromUtf8(bytes)) as [number, number, boolean];
          const credential = String(context.prepared);
          const internal = { credential };
          return { kind: "data", data: { credential }, lease: { ttlSeconds, maxTtlSeconds, renewable, internal } };
        },
      },
    },
    synopsis: "Credentials.",
    description: "Each has a lease.",
  });
  return {
    type: "lease-test",
    category: "secret",
    create: ({ options }) =>
      defineBackend({
        type: "lease-test",
        help: "Credentials with leases.",
        paths: [role, creds],
        ...(options.get("effect") === "none"
          ? {}
          : { revoke: (_context: unknown, lease: HeldLease) => world.undo(lease.internal["credential"] as string) }),
      }),
  };
}
