/** What is counted of leases, under Vault's names. */
import type { Counter, Gauge, Histogram, Metrics } from "@strongroom/runtime";

/** Upper bounds in milliseconds. */
const REVOKE_BOUNDS = [1, 10, 100, 1000, 10_000, 60_000];
const LATE_BOUNDS = [100, 1000, 10_000, 60_000, 600_000, 3_600_000];

export interface LeaseMetrics {
  readonly leases: Gauge;
  readonly irrevocable: Gauge;
  readonly queueLength: Gauge;
  readonly expirations: Counter;
  readonly expirationErrors: Counter;
  readonly timeInQueue: Histogram;
  readonly registered: Counter;
  readonly registeredAuth: Counter;
  readonly renewals: Counter;
  readonly revocations: Histogram;
  readonly prefixRevocations: Counter;
  readonly forcedRevocations: Counter;
}

export function leaseMetrics(metrics: Metrics): LeaseMetrics {
  return {
    leases: metrics.gauge("vault_expire_num_leases", "Leases that are not over; counted now and then, by the leader."),
    irrevocable: metrics.gauge(
      "vault_expire_num_irrevocable_leases",
      "Leases whose revocation failed too often; counted now and then, by the leader.",
    ),
    queueLength: metrics.gauge(
      "vault_expire_job_manager_queue_length",
      "Leases that are due and were taken up by the leader's expiry.",
    ),
    expirations: metrics.counter("vault_expire_lease_expiration", "Leases that expired or were revoked, and are done."),
    expirationErrors: metrics.counter("vault_expire_lease_expiration_error", "Attempts to revoke a lease that failed."),
    timeInQueue: metrics.histogram(
      "vault_expire_lease_expiration_time_in_queue",
      "How long after it was due a lease was taken up, in milliseconds.",
      LATE_BOUNDS,
    ),
    registered: metrics.counter("vault_expire_register", "Leases of secrets that were made."),
    registeredAuth: metrics.counter("vault_expire_register_auth", "Leases of tokens that were made."),
    renewals: metrics.counter("vault_expire_renew", "Leases that were renewed."),
    revocations: metrics.histogram(
      "vault_expire_revoke",
      "Time that an engine took to revoke a lease, in milliseconds.",
      REVOKE_BOUNDS,
    ),
    prefixRevocations: metrics.counter("vault_expire_revoke_prefix", "Revocations by prefix that were asked for."),
    forcedRevocations: metrics.counter("vault_expire_revoke_force", "Forced revocations that were asked for."),
  };
}
