/** A thread that hashes passwords, one after the other, and knows nothing else. */
import { parentPort } from "node:worker_threads";
import { present } from "@strongroom/runtime";
import { nodeEntropy } from "@strongroom/runtime/node";
import { hashPassword, verifyPassword } from "../passwords/password-hash.ts";
import type { PasswordJob, PasswordResult } from "../passwords/password-messages.ts";

const requests = present(parentPort, "this file is run as a thread");

requests.on("message", ({ id, password, hash }: PasswordJob) => {
  // Node's crypto takes no shared memory.
  const own = new Uint8Array(password).slice();
  try {
    const value = hash === undefined ? hashPassword(own, nodeEntropy) : verifyPassword(own, hash);
    requests.postMessage({ id, value } satisfies PasswordResult);
  } finally {
    new Uint8Array(password).fill(0);
    own.fill(0);
  }
});
