import { encodeJson } from "@strongroom/logical";
import { fromHex, toHex, utf8 } from "@strongroom/runtime";
import { SeededRandom, VirtualTime } from "@strongroom/runtime/testing";
import { kvFactory } from "@strongroom/secrets";
import { type CommandDraft, KEY_KIND, OutcomeUnknownError, runTransaction, type Verdict } from "@strongroom/storage";
import { type CommitFailure, MemoryStore } from "@strongroom/storage/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { BackgroundWork } from "./background/background-work.ts";
import { Core } from "./core.ts";
import type { CoreRequest, CoreResult } from "./request.ts";
import { RequestIds } from "./request-id.ts";
import { RequestIdSweeper } from "./request-id-sweeper.ts";
import { bodyOf, TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";
import { createRootToken } from "./token/root-token.ts";

const MINUTE_MS = 60_000;
const random = new SeededRandom(7);

/** Keeps a commit back when told to, as a node does that is cut off while its client goes elsewhere. */
class HoldingStore extends MemoryStore {
  #hold = false;
  #held: CommandDraft | undefined;

  holdNext(): void {
    this.#hold = true;
  }

  override async commit(draft: CommandDraft, options: { deadlineMs: number }): Promise<Verdict> {
    if (!this.#hold) return super.commit(draft, options);
    this.#hold = false;
    this.#held = draft;
    throw new OutcomeUnknownError("held back");
  }

  async deliver(): Promise<Verdict> {
    if (this.#held === undefined) throw new Error("nothing is held back");
    return super.commit(this.#held, { deadlineMs: Number.POSITIVE_INFINITY });
  }
}

let time: VirtualTime;
let store: HoldingStore;
let node: TestNode;
let other: Core;

const freshNode = async (): Promise<void> => {
  time = new VirtualTime();
  store = new HoldingStore({ clock: time, timers: time });
  node = new TestNode([kvFactory], { store, background: false });
  await node.initialize();
  await node.call("update", "sys/mounts/secret", { body: { type: "kv", options: { version: "2" } } });
  other = Core.open(node.dependencies);
};

beforeEach(freshNode);

/** A UUIDv7 of the moment, or of one `offsetMs` from it. */
function drawId(offsetMs = 0): string {
  const hex = Math.floor(time.wallMs() + offsetMs)
    .toString(16)
    .padStart(12, "0");
  const tail = toHex(random.bytes(8));
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${tail.slice(0, 3)}-a${tail.slice(3, 6)}-${tail.slice(4)}`;
}

type Options = Partial<CoreRequest> & { readonly core?: Core; readonly json?: unknown };

function write(id: string | undefined, { core = node.core, json = { data: { n: 1 } }, ...rest }: Options = {}) {
  return core.handle({
    id: "request",
    operation: "update",
    path: "secret/data/app",
    query: new Map(),
    token: utf8(node.rootToken),
    remoteAddress: "127.0.0.1",
    namespace: "",
    deadlineMs: time.monotonicMs() + 10_000,
    body: utf8(JSON.stringify(json)),
    ...(id === undefined ? undefined : { idempotencyKey: id }),
    ...rest,
  });
}

const bytesOf = (result: CoreResult): string => {
  if (result.kind !== "data") return result.kind;
  return `${result.status} ${result.mountType} ${Buffer.from(encodeJson(result.data)).toString("utf8")}`;
};

async function currentVersion(path = "app"): Promise<unknown> {
  const result = await node.call("read", `secret/metadata/${path}`);
  return result.kind === "not-found" ? 0 : (bodyOf(result) as { current_version: number }).current_version;
}

const requestIdRows = async (): Promise<readonly Uint8Array[]> =>
  (await store.rows()).map(({ key }) => key).filter((key) => key[0] === KEY_KIND.requestId && key.length === 39);

describe("a write with a request id", () => {
  it("is done once and answered alike, at this node and at another", async () => {
    const id = drawId();
    const first = await write(id);
    const { commits } = store;
    expect(bytesOf(await write(id))).toBe(bytesOf(first));
    expect(bytesOf(await write(id.toUpperCase(), { core: other }))).toBe(bytesOf(first));
    expect([await currentVersion(), store.commits]).toEqual([1, commits]);
  });

  it("is one of two at a time", async () => {
    const id = drawId();
    const [a, b, c] = await Promise.all([write(id), write(id, { core: other }), write(id)]);
    expect([bytesOf(b), bytesOf(c)]).toEqual([bytesOf(a), bytesOf(a)]);
    expect(await currentVersion()).toBe(1);
  });

  it.each<[CommitFailure, number]>([
    ["unknown-applied", 1],
    ["unknown-lost", 0],
    ["not-committed", 0],
    ["unavailable", 0],
  ])("can be sent again after the answer %s", async (failure, versions) => {
    const id = drawId();
    store.failCommits(failure);
    expect(await wireCode(write(id))).not.toBe("ok");
    expect(await currentVersion()).toBe(versions);
    const second = await write(id, { core: other });
    expect(second).toMatchObject({ kind: "data", data: { version: 1 } });
    expect(bytesOf(await write(id))).toBe(bytesOf(second));
    expect(await currentVersion()).toBe(1);
  });

  it("is found by a node whose own state lags behind", async () => {
    const id = drawId();
    store.lagBehind();
    const first = await write(id);
    expect(bytesOf(await write(id, { core: other }))).toBe(bytesOf(first));
    store.catchUp();
    expect(await currentVersion()).toBe(1);
  });

  it("is answered with what was true then, whatever came after", async () => {
    const id = drawId();
    const first = await write(id);
    await write(drawId(), { json: { data: { n: 2 } } });
    await node.call("delete", "sys/mounts/secret");
    expect(bytesOf(await write(id))).toBe(bytesOf(first));
  });

  it("covers every kind of write, the system's own among them", async () => {
    const [put, patch, remove, mount, unmount] = [drawId(), drawId(), drawId(), drawId(), drawId()];
    const mountBody = { type: "kv", options: { version: "2" } };
    for (let i = 0; i < 2; i++) {
      await write(put);
      const contentType = "application/merge-patch+json";
      await write(patch, { operation: "patch", contentType, json: { data: { m: i - i } } });
      expect(await write(remove, { operation: "delete" })).toEqual({ kind: "empty" });
      expect(await write(mount, { path: "sys/mounts/more", json: mountBody })).toEqual({ kind: "empty" });
      expect(await write(unmount, { path: "sys/mounts/more", operation: "delete" })).toEqual({ kind: "empty" });
    }
    expect(await currentVersion()).toBe(2);
  });

  it("shares its id with no other request", async () => {
    const id = drawId();
    await write(id);
    const others: readonly Options[] = [
      { json: { data: { n: 2 } } },
      { path: "secret/data/other" },
      { operation: "delete" },
      { operation: "patch" },
      { contentType: "application/json" },
      { namespace: "team" },
      { query: new Map([["version", ["1"]]]) },
    ];
    for (const options of others) {
      expect(await wireCode(write(id, options)), JSON.stringify(options)).toMatch(/^idempotency_key_reused: /);
    }
    expect(await currentVersion()).toBe(1);
  });

  it("shares its id with no other token", async () => {
    let token = new Uint8Array();
    await runTransaction(
      store,
      (tx) => {
        token = createRootToken(tx, node.barrier, {
          entropy: node.dependencies.entropy,
          nowMs: store.logTimeMs(),
          given: undefined,
        })
          .expose()
          .slice();
      },
      { mode: "write", deadlineMs: 1000 },
    );
    const id = drawId();
    await write(id);
    expect(await write(id, { token })).toMatchObject({ data: { version: 2 } });
    expect(await wireCode(write(id, { token: utf8("hvs.unknown") }))).toMatch(/^permission_denied/);
    expect(await currentVersion()).toBe(2);
  });

  it("keeps nothing of a refusal, of a write that changes nothing, or of a read", async () => {
    const id = drawId();
    const cas = { options: { cas: 1 }, data: {} };
    expect(await wireCode(write(id, { json: cas }))).toMatch(/^check_and_set_mismatch/);
    expect(await write(id, { operation: "delete" })).toEqual({ kind: "empty" });
    expect(await wireCode(write("not an id", { operation: "read" }))).toBe("ok");
    expect(await requestIdRows()).toEqual([]);
    expect(await write(id)).toMatchObject({ data: { version: 1 } });
    expect(await requestIdRows()).toHaveLength(1);
  });

  it("needs a UUIDv7", async () => {
    const v4 = "0b1e8f04-6a3e-4f0b-9d4b-3a5a2f6f0c11";
    for (const id of ["", "1", v4, `${drawId()}0`, ` ${drawId()}`, drawId().replaceAll("-", "")]) {
      expect(await wireCode(write(id)), id).toMatch(/^idempotency_key_invalid: /);
    }
    expect(await currentVersion()).toBe(0);
  });

  it("needs an id of the last ten minutes, or the next", async () => {
    for (const offsetMs of [-10 * MINUTE_MS - 1, 10 * MINUTE_MS + 1]) {
      expect(await wireCode(write(drawId(offsetMs)))).toMatch(/^idempotency_key_expired: /);
    }
    expect(await currentVersion()).toBe(0);
    for (const offsetMs of [-10 * MINUTE_MS, 10 * MINUTE_MS]) await write(drawId(offsetMs));
    expect(await currentVersion()).toBe(2);
    const id = drawId();
    await write(id);
    time.advance(10 * MINUTE_MS + 1);
    expect(await wireCode(write(id))).toMatch(/^idempotency_key_expired: /);
  });

  it("is taken while the log's time still stands where a restart left it", async () => {
    const stoppedMs = time.wallMs() - 60 * MINUTE_MS;
    store.logTimeMs = () => stoppedMs;
    expect(await write(drawId())).toMatchObject({ data: { version: 1 } });
    expect(await wireCode(write(drawId(11 * MINUTE_MS)))).toMatch(/^idempotency_key_expired: /);
  });

  it("leaves neither its id nor its answer readable in the row, and no two rows alike", async () => {
    const id = drawId();
    store.failCommits("unknown-lost");
    await wireCode(write(id));
    await write(id);
    const [key = new Uint8Array()] = await requestIdRows();
    const row = (await store.rows()).find((entry) => toHex(entry.key) === toHex(key));
    const value = Buffer.from(row?.row.value ?? []);
    expect(value.includes("created_time")).toBe(false);
    const opened = Buffer.from(node.barrier.openValue(key, "request-id", row?.row ?? { term: 0, value }));
    expect(opened.includes("created_time")).toBe(false);
    const idBytes = Buffer.from(fromHex(id.replaceAll("-", "")));
    expect([opened.includes(idBytes.subarray(6)), Buffer.from(key).includes(idBytes.subarray(6))]).toEqual([
      false,
      false,
    ]);
  });
});

describe("any order of copies of some writes, at two nodes, with commits that fail", () => {
  const failure = fc.constantFrom<CommitFailure>("not-committed", "unknown-lost", "unknown-applied", "unavailable");
  const copy = fc.record({ write: fc.nat({ max: 2 }), atOther: fc.boolean() });
  const wave = fc.record({
    copies: fc.array(copy, { minLength: 1, maxLength: 5 }),
    failures: fc.array(failure, { maxLength: 3 }),
    lags: fc.boolean(),
  });

  it("does each once, and answers all its copies alike", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(wave, { minLength: 1, maxLength: 5 }), async (waves) => {
        await freshNode();
        const ids = [drawId(), drawId(), drawId()];
        const answers = ids.map(() => new Set<string>());
        const send = async (which: number, atOther: boolean): Promise<boolean> => {
          const options = { json: { data: { which } }, ...(atOther ? { core: other } : {}) };
          const answer = await write(ids[which], options).catch((error: Error & { code: string }) => error.code);
          if (typeof answer === "string") {
            expect(["not_committed", "outcome_unknown", "unavailable"]).toContain(answer);
            return false;
          }
          answers[which]?.add(bytesOf(answer));
          return true;
        };
        for (const { copies, failures, lags } of waves) {
          store.failCommits(...failures);
          if (lags) store.lagBehind();
          await Promise.all(copies.map((sent) => send(sent.write, sent.atOther)));
          store.catchUp();
        }
        for (const which of ids.keys()) while (!(await send(which, false)));
        expect(answers.map((set) => set.size)).toEqual([1, 1, 1]);
        expect(await currentVersion()).toBe(3);
        expect(store.openSnapshots).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the sweep of request ids", () => {
  const newWork = (): BackgroundWork => {
    const work = new BackgroundWork({ ...node.dependencies, store });
    work.register(new RequestIdSweeper(node.barrier));
    return work;
  };
  const sweep = (): Promise<void> => newWork().run("request-id-sweep");

  it("deletes what is twenty minutes old, in bounded commands, and nothing younger", async () => {
    const row = { term: 0, value: new Uint8Array(1) };
    const startMinute = Math.floor(time.wallMs() / MINUTE_MS);
    const keyOf = (minute: number, n: number): Uint8Array => {
      const key = new Uint8Array(39);
      key[0] = KEY_KIND.requestId;
      new DataView(key.buffer).setUint32(3, minute);
      new DataView(key.buffer).setUint32(7, n);
      return key;
    };
    store.install(Array.from({ length: 1100 }, (_, n) => ({ key: keyOf(startMinute + (n % 2), n), ...row })));
    time.advance(21 * MINUTE_MS - 1);
    await sweep();
    expect(await requestIdRows()).toHaveLength(1100);
    time.advance(1);
    const { commits } = store;
    await sweep();
    expect([(await requestIdRows()).length, store.commits - commits]).toEqual([550, 2]);
    time.advance(MINUTE_MS);
    await sweep();
    expect(await requestIdRows()).toEqual([]);
    expect(store.openSnapshots).toBe(0);
  });

  it("costs an idle cluster no command", async () => {
    await write(drawId());
    const { commits } = store;
    await sweep();
    expect(store.commits).toBe(commits);
  });

  it("is the open leader's, in its own term", async () => {
    await write(drawId());
    time.advance(30 * MINUTE_MS);
    store.setLeadership({ leader: false, raftTerm: 2 });
    await sweep();
    expect(await requestIdRows()).toHaveLength(1);
    store.setLeadership({ leader: true, raftTerm: 2 });
    const asked = sweep();
    store.setLeadership({ leader: true, raftTerm: 3 });
    await asked;
    expect(await requestIdRows()).toHaveLength(1);
    node.barrier.seal();
    await sweep();
    expect(await requestIdRows()).toHaveLength(1);
    await node.unseal();
    await sweep();
    expect(await requestIdRows()).toEqual([]);
  });

  it("comes by itself, and ends when it is closed", async () => {
    await write(drawId());
    const running = newWork();
    running.start();
    time.advance(30 * MINUTE_MS);
    // The sweep of the first half minute has found nothing and is over; the next one is due.
    await new Promise(setImmediate);
    time.advance(30_000);
    await expect.poll(requestIdRows).toEqual([]);
    await write(drawId());
    await running.close();
    time.advance(30 * MINUTE_MS);
    await running.run("request-id-sweep");
    expect(await requestIdRows()).toHaveLength(1);
  });

  it("stops a copy that comes after it, though the row that told is gone", async () => {
    const ids = new RequestIds(node.dependencies);
    const request = { idempotencyKey: drawId(), token: utf8("t"), query: new Map(), operation: "update" } as const;
    const blind = Uint8Array.of(KEY_KIND.index, 1);
    let done = 0;
    const send = () =>
      runTransaction(
        store,
        (tx) =>
          ids
            .begin({ ...request, id: "", path: "p", namespace: "", remoteAddress: "", deadlineMs: 0 })
            ?.run(tx, async () => {
              tx.put(blind, 0, Uint8Array.of(++done));
              return { kind: "empty" };
            }),
        { mode: "write", deadlineMs: Number.POSITIVE_INFINITY },
      );
    store.holdNext();
    await expect(send()).rejects.toThrow("held back");
    await send();
    time.advance(9 * MINUTE_MS);
    expect((await store.deliver()).outcome).toBe("conflict");
    time.advance(21 * MINUTE_MS);
    await sweep();
    expect(await requestIdRows()).toEqual([]);
    expect((await store.deliver()).outcome).toBe("conflict");
    // Nor does a node whose log's time has stood still take it for a new one.
    store.logTimeMs = () => Date.UTC(2030, 0, 1);
    await expect(send()).rejects.toMatchObject({ code: "idempotency_key_expired" });
  });

  it("holds up no write of the present", async () => {
    await write(drawId());
    time.advance(25 * MINUTE_MS);
    store.holdNext();
    const id = drawId();
    await wireCode(write(id));
    await sweep();
    expect((await store.deliver()).outcome).toBe("applied");
    expect(await write(id)).toMatchObject({ data: { version: 2 } });
  });
});
