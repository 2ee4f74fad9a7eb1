import { afterEach, describe, expect, it } from "vitest";
import { Core } from "./core.ts";
import { openPair, ROLES } from "./testing/node-pair.ts";
import { bodyOf, TestNode } from "./testing/test-node.ts";
import { wireCode } from "./testing/wire-code.ts";

const cores: Core[] = [];

afterEach(async () => {
  for (const core of cores.splice(0)) await core.close();
});

/** The same node after its program was replaced by another. */
function upgraded(node: TestNode, version: string): Core {
  const core = Core.open({ ...node.dependencies, version, buildDate: "2031-01-01T00:00:00Z" });
  cores.push(core);
  return core;
}

interface History {
  readonly keys: readonly string[];
  readonly key_info: Readonly<Record<string, { readonly previous_version: string | null }>>;
}

const historyOf = async (node: TestNode): Promise<History> =>
  bodyOf(await node.call("list", "sys/version-history")) as History;

describe.each(ROLES)("the version history, asked of a %s", (role) => {
  it("begins with the version that made the cluster, and is told by LIST and GET alike", async () => {
    const { node } = await openPair(role, []);
    const history = await historyOf(node);
    expect(history).toEqual({
      keys: ["0.1.0"],
      key_info: {
        "0.1.0": {
          build_date: "2030-01-01T00:00:00Z",
          previous_version: null,
          timestamp_installed: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        },
      },
    });
    expect(bodyOf(await node.call("read", "sys/version-history"))).toEqual(history);
    expect(await wireCode(node.call("list", "sys/version-history", { token: null }))).toMatch(/^permission_denied/);
  });
});

describe("a leader of another version", () => {
  it("adds its own behind those that were there, once", async () => {
    const node = new TestNode([], { background: false });
    await node.initialize();
    const next = upgraded(node, "0.2.0");
    await next.background.run("version-history");
    const history = await historyOf(node);
    expect(history.keys).toEqual(["0.1.0", "0.2.0"]);
    expect(history.key_info["0.2.0"]?.previous_version).toBe("0.1.0");
    await node.core.background.run("version-history");
    await upgraded(node, "0.2.0").background.run("version-history");
    expect(await historyOf(node)).toEqual(history);
  });

  it("adds nothing while it is sealed or only follows", async () => {
    const node = new TestNode([], { background: false });
    await node.initialize();
    const next = upgraded(node, "0.2.0");
    node.store.setLeadership({ leader: false, raftTerm: 2 });
    await next.background.run("version-history");
    node.store.setLeadership({ leader: true, raftTerm: 3 });
    await node.call("update", "sys/seal");
    await next.background.run("version-history");
    await node.unseal();
    expect((await historyOf(node)).keys).toEqual(["0.1.0"]);
    await next.background.run("version-history");
    expect((await historyOf(node)).keys).toEqual(["0.1.0", "0.2.0"]);
  });

  it("adds it again to a state that came in the other's place", async () => {
    const node = new TestNode([], { background: false });
    await node.initialize();
    const before = await node.store.rows();
    const next = upgraded(node, "0.2.0");
    await next.background.run("version-history");
    next.background.start();
    node.store.install(before.map(({ key, row }) => ({ key, term: row.term, value: row.value })));
    await next.background.run("version-history");
    expect((await historyOf(node)).keys).toEqual(["0.1.0", "0.2.0"]);
  });
});
