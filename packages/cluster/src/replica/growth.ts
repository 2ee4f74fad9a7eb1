/**
 * What a command would do to the size of the store, as the leader sees it when disks are nearly full. Deletes, expiry and what
 * is written on the way to them have to go on then: so a command may delete, and write over rows that are there, as long as it
 * does not add to them; what the cluster writes about itself may always be written.
 */
import { type Command, decodeCommand, isMalformed, KEY_KIND, ROW_HEADER_BYTES } from "@strongroom/storage";
import { REGISTRATION_SEQUENCE } from "../state/registration.ts";

/** The cluster's own rows: few, or swept within minutes. */
const OWN_KINDS: ReadonlySet<number> = new Set([
  KEY_KIND.sealRecord,
  KEY_KIND.keyring,
  KEY_KIND.epoch,
  KEY_KIND.cluster,
  KEY_KIND.node,
  KEY_KIND.joinToken,
  KEY_KIND.removedNode,
  KEY_KIND.requestId,
  KEY_KIND.checkpoint,
]);

/** What marks a row as deleted makes it a little longer. */
const MARK_BYTES = 256;

/** `get` reads the newest row at a key. Bytes that are no command grow nothing: they are refused elsewhere. */
export function growsStore(bytes: Uint8Array, get: (key: Uint8Array) => Uint8Array | undefined): boolean {
  const command = decodeCommand(bytes);
  if (isMalformed(command) || command.sequence === REGISTRATION_SEQUENCE) return false;
  const { created, addedBytes } = effectOf(command, get);
  return addedBytes > (created ? 0 : MARK_BYTES);
}

function effectOf(
  command: Command,
  get: (key: Uint8Array) => Uint8Array | undefined,
): { readonly created: boolean; readonly addedBytes: number } {
  let created = false;
  let addedBytes = 0;
  for (const mutation of command.mutations) {
    const { key } = mutation;
    if (OWN_KINDS.has(key[0] as number)) continue;
    const before = get(key);
    if (before !== undefined) addedBytes -= key.length + before.length;
    if (mutation.kind === "delete") continue;
    // A new place in an index comes along with a row, or is where a lease goes on its way out.
    created ||= before === undefined && key[0] !== KEY_KIND.index;
    addedBytes += key.length + ROW_HEADER_BYTES + mutation.value.length;
  }
  return { created, addedBytes };
}
