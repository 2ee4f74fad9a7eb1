/** A network namespace for each node, on a bridge; packets are dropped by the receiver's packet filter. Needs a sandbox. */
import { type Network, portsOf } from "./network.ts";
import { run } from "./sandbox.ts";

const SUBNET = "10.66.0";
const DRIVER = `${SUBNET}.254`;

export class NamespaceNetwork implements Network {
  readonly kind = "netns";
  readonly #nodes: number;
  readonly #basePort: number;

  /** Throws where namespaces, bridges or the packet filter cannot be had. */
  constructor(options: { readonly nodes: number; readonly basePort: number }) {
    this.#nodes = options.nodes;
    this.#basePort = options.basePort;
    run("mkdir", "-p", "/run/netns");
    run("mount", "-t", "tmpfs", "tmpfs", "/run/netns");
    run("ip", "link", "add", "chaos", "type", "bridge");
    run("ip", "addr", "add", `${DRIVER}/24`, "dev", "chaos");
    run("ip", "link", "set", "chaos", "up");
    for (let node = 0; node < this.#nodes; node++) {
      const name = namespaceOf(node);
      run("ip", "netns", "add", name);
      run("ip", "link", "add", `veth${node}`, "type", "veth", "peer", "name", "eth0", "netns", name);
      run("ip", "link", "set", `veth${node}`, "master", "chaos", "up");
      run("ip", "-n", name, "addr", "add", `${this.host(node)}/24`, "dev", "eth0");
      run("ip", "-n", name, "link", "set", "eth0", "up");
      run("ip", "-n", name, "link", "set", "lo", "up");
    }
    this.heal();
  }

  host(node: number): string {
    return `${SUBNET}.${node + 1}`;
  }

  clusterAddress(node: number): string {
    return `${this.host(node)}:${portsOf(this.#basePort, node).cluster}`;
  }

  prefix(node: number): readonly string[] {
    return ["ip", "netns", "exec", namespaceOf(node)];
  }

  cut(from: number, to: number): void {
    run("ip", "netns", "exec", namespaceOf(to), "iptables", "-A", "INPUT", "-s", this.host(from), "-j", "DROP");
  }

  /** Not here: kernels of test machines come without netem. */
  delay(): void {
    throw new Error("this network cannot be slowed down");
  }

  heal(): void {
    for (let node = 0; node < this.#nodes; node++)
      run("ip", "netns", "exec", namespaceOf(node), "iptables", "-F", "INPUT");
  }

  async close(): Promise<void> {
    // They go with the sandbox.
  }
}

function namespaceOf(node: number): string {
  return `chaos-${node}`;
}
