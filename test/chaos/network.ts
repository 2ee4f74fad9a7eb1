/** The network between the nodes, which can be cut in each direction by itself. Clients reach every node at any time. */
export interface Network {
  readonly kind: "proxy" | "netns";
  /** Where the node's servers listen, by port; `cluster` is bound there and advertised as `clusterAddress`. */
  host(node: number): string;
  /** `host:port`, as its peers are told. */
  clusterAddress(node: number): string;
  /** What stands before the command that starts the node. */
  prefix(node: number): readonly string[];
  /** Nothing that `from` sends reaches `to`. */
  cut(from: number, to: number): void;
  /** Everything that goes from `from` to `to` takes so much longer. */
  delay(from: number, to: number, delayMs: number): void;
  /** Undoes every cut and delay. */
  heal(): void;
  close(): Promise<void>;
}

export interface Ports {
  readonly api: number;
  readonly cluster: number;
  /** Before the cluster port, where there is a proxy. */
  readonly proxy: number;
}

/** Of a node; in a sandbox all ports are free. */
export function portsOf(basePort: number, node: number): Ports {
  const first = basePort + 10 * node;
  return { api: first, cluster: first + 1, proxy: first + 2 };
}
