import { describe, expect, it } from "vitest";
import { PeerLookup, type ResolvedAddress } from "./peer-lookup.ts";

/** A name server that answers when told. */
function nameServer() {
  const asked: { readonly name: string; readonly answer: (address: string) => void; readonly fail: () => void }[] = [];
  const resolve = (name: string) =>
    new Promise<ResolvedAddress>((answer, reject) => {
      asked.push({
        name,
        answer: (address) => answer({ address, family: 4 }),
        fail: () => reject(new Error("no such name")),
      });
    });
  return { asked, lookup: new PeerLookup(resolve), names: () => asked.map(({ name }) => name) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("PeerLookup", () => {
  it("takes addresses as they are", async () => {
    const { lookup, asked } = nameServer();
    expect(await lookup.resolve("10.0.0.1")).toEqual({ address: "10.0.0.1", family: 4 });
    expect(await lookup.resolve("::1")).toEqual({ address: "::1", family: 6 });
    expect(asked).toEqual([]);
  });

  it("asks for one name once and for two names at a time, however many hang", async () => {
    const { lookup, asked, names } = nameServer();
    const answers = ["a", "a", "b", "c", "c"].map((name) => lookup.resolve(name));
    await settled();
    expect(names()).toEqual(["a", "b"]);
    asked[0]?.fail();
    await expect(answers[0]).rejects.toThrow("no such name");
    await expect(answers[1]).rejects.toThrow("no such name");
    await settled();
    expect(names()).toEqual(["a", "b", "c"]);
    asked[2]?.answer("10.0.0.3");
    expect(await Promise.all(answers.slice(3))).toEqual(Array(2).fill({ address: "10.0.0.3", family: 4 }));
  });

  it("never waits for a name that it knows, and learns where it moved", async () => {
    const { lookup, asked } = nameServer();
    const first = lookup.resolve("a");
    asked[0]?.answer("10.0.0.1");
    await first;
    expect((await lookup.resolve("a")).address).toBe("10.0.0.1");
    asked[1]?.answer("10.0.0.2");
    await settled();
    expect((await lookup.resolve("a")).address).toBe("10.0.0.2");
    asked[2]?.fail();
    await settled();
    expect((await lookup.resolve("a")).address).toBe("10.0.0.2");
  });
});
