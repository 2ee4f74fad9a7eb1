import { StrongroomError } from "@strongroom/runtime";

/**
 * The replica met something that it must neither apply nor skip: a command whose MAC is wrong, an entry or a row of an
 * unknown version, a state that does not read. The process stops; the other replicas go on.
 */
export class ReplicaFatalError extends StrongroomError {
  readonly code = "replica_fatal";
}
