import { utf8 } from "@strongroom/runtime";
import { nodeEntropy } from "@strongroom/runtime/node";
import { afterEach, describe, expect, it } from "vitest";
import { hashPassword, verifyPassword } from "./password-hash.ts";
import { PasswordThread } from "./password-hasher.ts";

let hasher: PasswordThread | undefined;

afterEach(() => hasher?.close());

describe("a password's hash", () => {
  it("is argon2id, salted, and fits its password alone", () => {
    const hash = hashPassword(utf8("secret"), nodeEntropy);
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(hashPassword(utf8("secret"), nodeEntropy)).not.toBe(hash);
    expect(verifyPassword(utf8("secret"), hash)).toBe(true);
    expect(verifyPassword(utf8("Secret"), hash)).toBe(false);
    for (const none of ["", "plain", "$argon2id$v=19$m=8,t=1,p=1$$"])
      expect(verifyPassword(utf8("x"), none)).toBe(false);
  });

  it("may be bcrypt's, as other systems have it", () => {
    // Made by pyca's bcrypt.
    const hash = "$2b$05$Q7xXmMuCOZF1i8UhgiKaIeMdLA8jy3GGOy1vHuj56Tw/1Aj67v7mG";
    expect(verifyPassword(utf8("pässword"), hash)).toBe(true);
    expect(verifyPassword(utf8("x"), hash)).toBe(false);
  });
});

describe("PasswordThread", () => {
  it("hashes and verifies on a thread of its own, in the order in which it was asked", async () => {
    hasher = new PasswordThread({ maxJobs: 8 });
    const hash = await hasher.hash(utf8("p"));
    expect(await Promise.all([hasher.verify(utf8("p"), hash), hasher.verify(utf8("q"), hash)])).toEqual([true, false]);
  });

  it("refuses more than it may hold, and goes on", async () => {
    const thread = new PasswordThread({ maxJobs: 2 });
    hasher = thread;
    const jobs = [1, 2, 3, 4].map(() => thread.verify(utf8("x"), ""));
    const outcomes = await Promise.allSettled(jobs);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    expect(outcomes[3]).toMatchObject({ reason: { code: "overloaded" } });
    expect(await thread.verify(utf8("x"), "")).toBe(false);
  });

  it("fails what waits when it is closed, and takes nothing more", async () => {
    hasher = new PasswordThread({ maxJobs: 8 });
    const waiting = hasher.verify(utf8("x"), "");
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: "overloaded" }), hasher.close()]);
    await expect(hasher.hash(utf8("x"))).rejects.toMatchObject({ code: "overloaded" });
  });
});
