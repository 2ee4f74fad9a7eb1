import { describe, expect, it } from "vitest";
import { SharedCommandAuthenticator } from "./command-authenticator.ts";
import { SealedError } from "./errors.ts";
import { SharedKeys } from "./shared-keys.ts";
import { openTestBarrier } from "./testing/test-barrier.ts";

const message = Uint8Array.of(1, 2, 3);

describe("SharedCommandAuthenticator", () => {
  it("accepts what another thread's barrier signed, and nothing that differs", () => {
    const { barrier, keys } = openTestBarrier();
    const { keyId, mac } = barrier.signCommand(message);
    const replica = new SharedCommandAuthenticator(SharedKeys.attach(keys.buffer));
    expect(keyId).toBe(1);
    expect(mac).toHaveLength(32);
    expect(replica.verify(keyId, message, mac)).toBe("ok");
    expect(replica.verify(keyId, Uint8Array.of(1, 2, 4), mac)).toBe("bad");
    expect(replica.verify(keyId, message, mac.subarray(1))).toBe("bad");
    expect(replica.verify(keyId, message, new Uint8Array(0))).toBe("bad");
    for (let i = 0; i < 32; i++)
      expect(
        replica.verify(
          keyId,
          message,
          mac.map((byte, at) => (at === i ? byte ^ 1 : byte)),
        ),
      ).toBe("bad");
  });

  it("binds the purpose and the cluster", () => {
    const { keys } = openTestBarrier();
    const signer = new SharedCommandAuthenticator(keys);
    const { keyId, mac } = signer.sign(message, "checkpoint");
    expect(signer.verify(keyId, message, mac, "checkpoint")).toBe("ok");
    expect(signer.verify(keyId, message, mac, "snapshot")).toBe("bad");
    expect(signer.verify(keyId, message, mac)).toBe("bad");
  });

  it("accepts a snapshot's MAC, but no command's, under a cluster id drawn anew", () => {
    const { barrier, keys, initialized } = openTestBarrier();
    const signer = new SharedCommandAuthenticator(keys);
    const snapshot = signer.sign(message, "snapshot");
    const command = signer.sign(message);
    barrier.seal();
    const { rootKey, barrierId, keyringRecord } = initialized;
    barrier.open({ rootKey: rootKey.expose(), barrierId, keyringRecord, clusterId: new Uint8Array(16) });
    expect(signer.verify(snapshot.keyId, message, snapshot.mac, "snapshot")).toBe("ok");
    expect(signer.verify(command.keyId, message, command.mac)).toBe("bad");
  });

  it("knows a new key only once it is published, and the old ones still", () => {
    const { barrier, keys, initialized } = openTestBarrier();
    const replica = new SharedCommandAuthenticator(keys);
    const old = replica.sign(message);
    const record = barrier.rotate({ keyringRecord: initialized.keyringRecord, nowMs: 0 });
    expect(replica.verify(2, message, old.mac)).toBe("unknown-key");
    expect(barrier.signCommand(message).keyId).toBe(1);
    barrier.refresh(record);
    const fresh = barrier.signCommand(message);
    expect(fresh.keyId).toBe(2);
    expect(replica.verify(2, message, fresh.mac)).toBe("ok");
    expect(replica.verify(1, message, old.mac)).toBe("ok");
    expect(replica.verify(2, message, old.mac)).toBe("bad");
  });

  it("says sealed after a wipe, whatever it is asked, and signs nothing", () => {
    const { barrier, keys } = openTestBarrier();
    const replica = new SharedCommandAuthenticator(SharedKeys.attach(keys.buffer));
    const { keyId, mac } = barrier.signCommand(message);
    barrier.seal();
    expect(replica.verify(keyId, message, mac)).toBe("sealed");
    expect(replica.verify(99, message, mac)).toBe("sealed");
    expect(() => replica.sign(message)).toThrow(SealedError);
  });
});
