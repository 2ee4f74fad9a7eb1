/**
 * A node that joins with a token made for it may be opened as well: once it runs, it asks an open member for the root key,
 * showing the token again. The key comes sealed to an ephemeral key that the node's identity key signed, and the token's
 * row is marked before it is given, so that a token opens one node once.
 */
import type { Barrier } from "@strongroom/barrier";
import {
  type ClusterClient,
  decodeJoinToken,
  decodeJoinTokenRow,
  encodeJoinTokenRow,
  joinTokenKey,
  type NodeIdentity,
  type ServedCaller,
  verifyIdentitySignature,
  type WorkerStore,
} from "@strongroom/cluster";
import {
  asError,
  ByteReader,
  ByteWriter,
  type Clock,
  concatBytes,
  type Entropy,
  type Logger,
  ShortInputError,
  StrongroomError,
  type Timers,
  utf8,
} from "@strongroom/runtime";
import { createEphemeralKey, openSealed, sealTo } from "@strongroom/seal";
import { runTransaction } from "@strongroom/storage";
import type { NodeDirectory } from "./node-directory.ts";

const OPEN_METHOD = "join.open";

export interface JoinOpeningParts {
  readonly store: WorkerStore;
  readonly cluster: ClusterClient;
  readonly barrier: Barrier;
  readonly identity: NodeIdentity;
  readonly nodes: NodeDirectory;
  /** Opens this node's barrier; the bytes are the caller's to wipe. */
  readonly open: (rootKey: Uint8Array) => Promise<void>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

/** The token opens nothing: it was not made to, it was used for that already, or its time is over. */
class NotOpeningError extends StrongroomError {
  readonly code = "not_opening";
  readonly fromState = true;

  constructor() {
    super("this join token does not open a node; give the node shares");
  }
}

/** Another member, or this one a little later, may answer differently. */
class NotYetError extends StrongroomError {
  readonly code = "unavailable";
}

const TOKEN_ID_BYTES = 16;
const SECRET_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES_MAX = 128;
const TIMEOUT_MS = 5_000;
const ATTEMPTS = 60;
const PAUSE_MS = 500;

export class JoinOpening {
  readonly #parts: JoinOpeningParts;
  #stopped = false;

  constructor(parts: JoinOpeningParts) {
    this.#parts = parts;
    parts.cluster.serve(OPEN_METHOD, (payload, caller) => this.#give(payload, caller));
  }

  /** Asks the members in turn, until one opens this node, or says that the token does not. */
  async ask(joinToken: string): Promise<void> {
    const { barrier, identity, nodes, timers, logger } = this.#parts;
    const token = decodeJoinToken(joinToken);
    for (let attempt = 0; attempt < ATTEMPTS && !this.#stopped && barrier.sealed; attempt++) {
      const others = nodes.nodes.filter(({ nodeId }) => nodeId !== identity.membership?.nodeId);
      const member = others[attempt % Math.max(1, others.length)];
      try {
        if (member !== undefined) return await this.#askOne(member.nodeId, token);
      } catch (thrown) {
        const error = asError(thrown);
        if ("code" in error && error.code === "not_opening") return;
        logger.debug("a member could not open this node; another is asked", { error });
      }
      await new Promise<void>((resolve) => timers.after(PAUSE_MS, resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #askOne(member: number, token: { readonly id: Uint8Array; readonly secret: Uint8Array }): Promise<void> {
    const { store, cluster, identity, open, entropy, logger } = this.#parts;
    const key = createEphemeralKey(entropy);
    const message = openingMessage(store.nodeId, key.publicKey);
    const payload = concatBytes([token.id, token.secret, key.publicKey, identity.sign(message)]);
    const sealed = await cluster.call(member, OPEN_METHOD, payload, { timeoutMs: TIMEOUT_MS });
    const rootKey = openSealed({ recipient: key, context: message, sealed });
    try {
      await open(rootKey);
      logger.info("this node was opened as it joined", { by: member });
    } finally {
      rootKey.fill(0);
    }
  }

  async #give(payload: Uint8Array, caller: ServedCaller): Promise<Uint8Array> {
    const { barrier, nodes, entropy, logger } = this.#parts;
    if (barrier.sealed) throw new NotYetError("this member is sealed itself; ask another");
    const asked = parseRequest(payload);
    if (asked === undefined || caller.nodeId === undefined) throw new NotOpeningError();
    const node = nodes.nodes.find(({ nodeId }) => nodeId === caller.nodeId);
    if (node === undefined) throw new NotYetError("this member does not know the node yet; ask again");
    const message = openingMessage(node.nodeId, asked.publicKey);
    if (!verifyIdentitySignature(node.identityPublicKey, message, asked.signature)) throw new NotOpeningError();
    await this.#spend(asked.idAndSecret, node.nodeId);
    const rootKey = barrier.rootKey();
    try {
      logger.info("a node is opened as it joins", { node: node.nodeId, name: node.name });
      return sealTo({ recipientPublicKey: asked.publicKey, context: message, plaintext: rootKey.expose() }, entropy);
    } finally {
      rootKey.wipe();
    }
  }

  /**
   * Marks the token before the key is given: of two that ask at once one gets it, and an answer that is lost costs a
   * ceremony. Throws `NotOpeningError`, on a state that is proven fresh.
   */
  async #spend(idAndSecret: Uint8Array, nodeId: number): Promise<void> {
    const { store, barrier, clock } = this.#parts;
    const key = joinTokenKey(barrier.hashTokenId(idAndSecret));
    idAndSecret.fill(0);
    await runTransaction(
      store,
      (tx) => {
        const stored = tx.get(key);
        const row = stored === undefined ? undefined : decodeJoinTokenRow(stored.value);
        if (row === undefined || !row.open || row.used?.nodeId !== nodeId || row.expiresAtMs <= store.logTimeMs()) {
          throw new NotOpeningError();
        }
        tx.put(key, 0, encodeJoinTokenRow({ ...row, open: false }));
      },
      { mode: "write", deadlineMs: clock.monotonicMs() + TIMEOUT_MS },
    );
  }
}

/** What the identity key signs, and what the sealed key is bound to. */
function openingMessage(nodeId: number, publicKey: Uint8Array): Uint8Array {
  return new ByteWriter(96).bytes(utf8("strongroom open at join v1")).u64(nodeId).raw(publicKey).finish();
}

function parseRequest(
  payload: Uint8Array,
): { readonly idAndSecret: Uint8Array; readonly publicKey: Uint8Array; readonly signature: Uint8Array } | undefined {
  try {
    const reader = new ByteReader(payload);
    const idAndSecret = reader.raw(TOKEN_ID_BYTES + SECRET_BYTES).slice();
    const publicKey = reader.raw(PUBLIC_KEY_BYTES);
    if (reader.remaining > SIGNATURE_BYTES_MAX) return undefined;
    return { idAndSecret, publicKey, signature: reader.raw(reader.remaining) };
  } catch (error) {
    if (error instanceof ShortInputError) return undefined;
    throw error;
  }
}
