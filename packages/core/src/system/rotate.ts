/** `sys/rotate`, `sys/rotate/keyring` and `sys/key-status`: the key that new rows are sealed with. */
import { definePath, formatTimestamp } from "@strongroom/logical";
import { present } from "@strongroom/runtime";
import { EPOCH_KEY, KEYRING_KEY } from "@strongroom/storage";
import { SystemContext, type SystemPath, type SystemServices } from "./system-path.ts";

export function rotatePath(services: SystemServices): SystemPath {
  return pathOf(services, "rotate");
}

/** As OpenBao's clients call it. */
export function rotateKeyringPath(services: SystemServices): SystemPath {
  return pathOf(services, "rotate/keyring");
}

export function keyStatusPath({ dependencies }: SystemServices): SystemPath {
  const { barrier } = dependencies;
  const path = definePath({
    pattern: "key-status",
    fields: {},
    operations: {
      read: {
        summary: "Which key new rows are sealed with.",
        handler: (context) => {
          const { transaction } = SystemContext.of(context);
          const record = present(transaction.peek(KEYRING_KEY), "an open cluster has a keyring");
          const { term, installedMs } = barrier.keyInfo(record.value);
          return { kind: "data", data: { install_time: formatTimestamp(installedMs), term } };
        },
      },
    },
    synopsis: "The newest key of the keyring.",
    description: "Its term, and when it was made.",
  });
  return { path, access: "policy", run: "transaction", reply: "top-level" };
}

function pathOf({ dependencies: { barrier } }: SystemServices, pattern: string): SystemPath {
  const path = definePath({
    pattern,
    fields: {},
    operations: {
      update: {
        summary: "New rows get a new key from now on.",
        handler: (context) => {
          const { transaction, nowMs } = SystemContext.of(context);
          const { value: keyringRecord } = present(transaction.get(KEYRING_KEY), "an open cluster has a keyring");
          transaction.put(KEYRING_KEY, 0, barrier.rotate({ keyringRecord, nowMs: Math.floor(nowMs) }));
          transaction.put(EPOCH_KEY, 0, new Uint8Array(0));
          return { kind: "empty" };
        },
      },
    },
    synopsis: "Rotate the keyring.",
    description:
      "Adds a data key and a key that authenticates commands. Older rows stay under their own keys until they are written " +
      "again; names and tokens are hashed as before. Shares and root key stay the same: for these there is sys/rekey.",
  });
  return { path, access: "sudo", run: "transaction", reply: "envelope" };
}
