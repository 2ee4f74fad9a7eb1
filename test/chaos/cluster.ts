/** The cluster under test, from the side of whoever operates it: everything goes through the nodes' own doors. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Call } from "./api.ts";
import type { Network } from "./network.ts";
import type { NodePlace } from "./node-process.ts";

export interface Member {
  readonly name: string;
  readonly id: string;
  readonly voter: boolean;
}

/** What must happen and did not. */
export class Violation extends Error {}

const POLL_MS = 50;

export class ChaosCluster {
  readonly places: readonly NodePlace[];
  readonly network: Network;
  #rootToken = "";
  #share = "";
  /** Places that one fault has to itself. */
  readonly #claimed = new Set<NodePlace>();

  constructor(places: readonly NodePlace[], network: Network) {
    this.places = places;
    this.network = network;
  }

  get rootToken(): string {
    return this.#rootToken;
  }

  /** With the root token. */
  call(place: NodePlace, call: Call): Promise<Answer> {
    return place.api.send({ token: this.#rootToken, ...call });
  }

  /** From nothing to a cluster of the first `members` places that serves, with KV at `secret/` that keeps every version. */
  async up(members: number = this.places.length): Promise<void> {
    const [first, ...others] = this.places.slice(0, members);
    if (first === undefined) throw new Error("a cluster has a node");
    first.start();
    await this.#until("the first node answers", 180_000, async () => (await this.#sealed(first)) !== undefined);
    const init = await first.api.send({
      method: "PUT",
      path: "sys/init",
      body: { secret_shares: 1, secret_threshold: 1 },
      timeoutMs: 30_000,
    });
    this.#rootToken = String(init.json["root_token"]);
    this.#share = String((init.json["keys_base64"] as readonly string[] | undefined)?.[0]);
    await this.open(first, 90_000);
    await this.#must(first, {
      method: "POST",
      path: "sys/mounts/secret",
      body: { type: "kv", options: { version: "2" } },
    });
    await this.#must(first, { method: "POST", path: "secret/config", body: { max_versions: 4_000 } });
    await this.#must(first, { method: "POST", path: "sys/mounts/bulk", body: { type: "kv-v2" } });
    await this.#must(first, { method: "POST", path: "bulk/config", body: { max_versions: 1 } });
    for (const place of others) place.start(await this.joinToken(60_000));
    for (const place of others) await this.open(place, 180_000);
    await this.#until("every node votes", 180_000, async () => (await this.voters()).length === members);
  }

  /** Takes places for itself until `release`; fewer than asked for where others have them. */
  claim(candidates: readonly NodePlace[], count: number): readonly NodePlace[] {
    const free = candidates.filter((place) => !this.#claimed.has(place)).slice(0, count);
    for (const place of free) this.#claimed.add(place);
    return free;
  }

  release(places: readonly NodePlace[]): void {
    for (const place of places) this.#claimed.delete(place);
  }

  /** Of the places whose process runs, the one that says that it leads; undefined if none does now. */
  async leader(): Promise<NodePlace | undefined> {
    for (const place of this.places) {
      if (!place.isRunning) continue;
      const { json } = await place.api.send({ method: "GET", path: "sys/leader", timeoutMs: 1_000 });
      if (json["is_self"] === true) return place;
    }
    return undefined;
  }

  /** As `leader`, and waits for one. */
  async someLeader(timeoutMs: number): Promise<NodePlace> {
    const found: NodePlace[] = [];
    await this.#until("there is a leader", timeoutMs, async () => {
      const leader = await this.leader();
      if (leader !== undefined) found.push(leader);
      return leader !== undefined;
    });
    return found[0] as NodePlace;
  }

  /** Until the node in that place has a vote. */
  async votes(place: NodePlace, timeoutMs: number): Promise<void> {
    await this.#until(`${place.name} votes`, timeoutMs, async () =>
      (await this.voters()).some(({ name }) => name === place.name),
    );
  }

  /** The members as any open node knows them; none when nobody answers. */
  async members(): Promise<readonly Member[]> {
    for (const place of this.places) {
      if (!place.isRunning) continue;
      const call = { method: "GET", path: "sys/storage/raft/configuration", timeoutMs: 2_000 } as const;
      const { status, json } = await this.call(place, call);
      const config = json.data?.["config"] as { readonly servers: readonly Record<string, unknown>[] } | undefined;
      if (status !== 200 || config === undefined) continue;
      return config.servers.map((server) => ({
        name: String(server["node_id"]),
        id: String(server["id"]),
        voter: server["voter"] === true,
      }));
    }
    return [];
  }

  async voters(): Promise<readonly Member[]> {
    return (await this.members()).filter(({ voter }) => voter);
  }

  /** Starts what does not run, and opens what is sealed; a place that `empty` left waits for its own fault. */
  async revive(place: NodePlace, timeoutMs: number): Promise<void> {
    if (!place.isRunning) place.start();
    await this.open(place, timeoutMs);
  }

  /** Gives the share until the node is open. Throws `Violation` when it has ended or does not open. */
  async open(place: NodePlace, timeoutMs: number): Promise<void> {
    await this.#until(`${place.name} opens`, timeoutMs, async () => {
      if (!place.isRunning && !place.endExpected)
        throw new Violation(`${place.name} ended by itself (${place.end}):\n${place.lastLogLines(5).join("\n")}`);
      const sealed = await this.#sealed(place);
      if (sealed === true)
        await place.api.send({ method: "PUT", path: "sys/unseal", body: { key: this.#share }, timeoutMs: 5_000 });
      return sealed === false;
    });
  }

  /** A token that lets one node join, from whoever gives one. */
  async joinToken(timeoutMs: number): Promise<string> {
    let token = "";
    await this.#until("a join token", timeoutMs, async () => {
      for (const place of this.places) {
        if (!place.isRunning) continue;
        const call = { method: "POST", path: "sys/storage/raft/join-token", body: {} } as const;
        const answer = await this.call(place, call);
        if (answer.status !== 200) continue;
        token = String(answer.json.data?.["token"]);
        return true;
      }
      return false;
    });
    return token;
  }

  /** Until no member has that name; asks any node but the one that it is about. */
  async removePeer(name: string, timeoutMs: number): Promise<void> {
    await this.#until(`${name} is removed`, timeoutMs, async () => {
      const members = await this.members();
      if (members.length > 0 && !members.some((member) => member.name === name)) return true;
      for (const place of this.places) {
        if (!place.isRunning || place.name === name) continue;
        const call = { method: "POST", path: "sys/storage/raft/remove-peer", body: { server_id: name } } as const;
        if ((await this.call(place, call)).status < 300) break;
      }
      return false;
    });
  }

  /** The documented replacement of a node: removed, its directory put aside, joined afresh by a token, opened, voting. */
  async replace(place: NodePlace, timeoutMs: number): Promise<void> {
    await this.removePeer(place.name, timeoutMs);
    await place.kill();
    place.empty();
    const token = await this.joinToken(timeoutMs);
    place.start(token);
    await this.open(place, timeoutMs);
    await this.votes(place, timeoutMs);
  }

  /** Polls; throws `Violation` when time is up. */
  async #until(what: string, timeoutMs: number, ask: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!(await ask())) {
      if (performance.now() > endMs) throw new Violation(`waited ${timeoutMs / 1000} s in vain until ${what}`);
      await sleep(POLL_MS);
    }
  }

  async #sealed(place: NodePlace): Promise<boolean | undefined> {
    const { status, json } = await place.api.send({ method: "GET", path: "sys/seal-status", timeoutMs: 2_000 });
    return status === 200 ? json["sealed"] === true : undefined;
  }

  async #must(place: NodePlace, call: Call): Promise<void> {
    const { status, text } = await this.call(place, call);
    if (status >= 300 || status === 0) throw new Error(`${call.method} ${call.path}: ${status} ${text}`);
  }
}
