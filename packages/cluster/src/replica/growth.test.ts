import { utf8 } from "@strongroom/runtime";
import { encodeRow, KEY_KIND, type KeyKind, type Mutation, makeKey } from "@strongroom/storage";
import { describe, expect, it } from "vitest";
import { registrationMutation } from "../state/registration.ts";
import { peerCommand } from "../testing/manual-replica.ts";
import { growsStore } from "./growth.ts";

const key = (name: string, kind: KeyKind = KEY_KIND.barrier) => makeKey(kind, utf8(name));
const put = (name: string, bytes: number, kind?: KeyKind): Mutation => ({
  kind: "put",
  key: key(name, kind),
  term: 1,
  value: new Uint8Array(bytes),
});
const remove = (name: string): Mutation => ({ kind: "delete", key: key(name) });

/** There are the rows "a" of 1,000 bytes and "b" of 10. */
const rows = new Map(
  [
    ["a", 1_000],
    ["b", 10],
  ].map(([name, bytes]) => [
    String(key(String(name))),
    encodeRow({ revision: { index: 1, position: 0 }, term: 1, value: new Uint8Array(Number(bytes)) }),
  ]),
);
const grows = (mutations: readonly Mutation[], sequence = 1) =>
  growsStore(peerCommand(sequence, { mutations }), (asked) => rows.get(String(asked)));

describe("a command, when disks are nearly full", () => {
  it("grows the store if it adds a row, or much to one, and gives up less", () => {
    expect(grows([put("new", 0)])).toBe(true);
    expect(grows([put("b", 300)])).toBe(true);
    expect(grows([put("new", 900), remove("b")])).toBe(true);
    expect(grows([put("new", 1, KEY_KIND.token)])).toBe(true);
    expect(grows([put("new", 300, KEY_KIND.index)])).toBe(true);
  });

  it("does not if it deletes, marks, overwrites, replaces by less, or changes nothing", () => {
    expect(grows([])).toBe(false);
    expect(grows([remove("a")])).toBe(false);
    expect(grows([remove("gone")])).toBe(false);
    expect(grows([put("b", 200)])).toBe(false);
    expect(grows([put("a", 1_000)])).toBe(false);
    expect(grows([put("new", 900), remove("a")])).toBe(false);
    // A lease that is revoked moves in its index, and says a little more of itself.
    expect(grows([put("b", 150), put("due later", 32, KEY_KIND.index), remove("due now")])).toBe(false);
  });

  it("does not by what the cluster writes about itself", () => {
    const own = [KEY_KIND.node, KEY_KIND.removedNode, KEY_KIND.joinToken, KEY_KIND.requestId, KEY_KIND.checkpoint];
    for (const kind of own) expect(grows([put("x", 5_000, kind)])).toBe(false);
    expect(grows([put("x", 5_000, KEY_KIND.requestId), remove("b")])).toBe(false);
    expect(grows([registrationMutation(2, [1])], 0)).toBe(false);
    expect(growsStore(Uint8Array.of(1, 2, 3), () => undefined)).toBe(false);
  });
});
