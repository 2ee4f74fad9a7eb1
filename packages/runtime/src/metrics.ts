/**
 * Counters, gauges and histograms, printed in the Prometheus text format. A metric is made once, by the part that owns
 * it, and kept: making the same name twice returns the same metric.
 */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount?: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Histogram {
  /** `value` in the unit that the metric's name ends in. */
  observe(value: number): void;
}

export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  histogram(name: string, help: string, bounds: readonly number[], labels?: Labels): Histogram;
}

type Kind = "counter" | "gauge" | "histogram";

interface Family {
  readonly kind: Kind;
  readonly help: string;
  readonly series: Map<string, Series>;
}

interface Series {
  value: number;
  readonly bounds: readonly number[];
  readonly buckets: number[];
  sum: number;
}

/** All metrics of one thread at one moment, as plain data that can be sent to another thread. */
export interface MetricsSnapshot {
  readonly families: readonly {
    readonly name: string;
    readonly kind: "counter" | "gauge" | "histogram";
    readonly help: string;
    readonly series: readonly {
      readonly labels: string;
      readonly value: number;
      readonly sum: number;
      readonly bounds: readonly number[];
      readonly buckets: readonly number[];
    }[];
  }[];
}

/** Keeps all metrics of one thread in memory. Names and label values come from the code, never from a request. */
export class MetricsRegistry implements Metrics {
  readonly #families = new Map<string, Family>();

  counter(name: string, help: string, labels: Labels = {}): Counter {
    const series = this.#series("counter", name, help, labels, []);
    return {
      add(amount = 1) {
        series.value += amount;
      },
    };
  }

  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    const series = this.#series("gauge", name, help, labels, []);
    return {
      set(value) {
        series.value = value;
      },
    };
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    const series = this.#series("histogram", name, help, labels, bounds);
    return {
      observe(value) {
        series.value += 1;
        series.sum += value;
        const bucket = bounds.findIndex((bound) => value <= bound);
        if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
      },
    };
  }

  snapshot(): MetricsSnapshot {
    const families = [...this.#families].map(([name, { kind, help, series }]) => ({
      name,
      kind,
      help,
      series: [...series].map(([labels, { value, sum, bounds, buckets }]) => ({
        labels,
        value,
        sum,
        bounds,
        buckets: [...buckets],
      })),
    }));
    return { families };
  }

  #series(kind: Kind, name: string, help: string, labels: Labels, bounds: readonly number[]): Series {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { kind, help, series: new Map() };
      this.#families.set(name, family);
    }
    const key = Object.entries(labels)
      .map(([label, value]) => `${label}="${value.replaceAll(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`)
      .join(",");
    let series = family.series.get(key);
    if (series === undefined) {
      series = { value: 0, bounds, buckets: bounds.map(() => 0), sum: 0 };
      family.series.set(key, series);
    }
    return series;
  }
}

/**
 * The Prometheus text exposition format, version 0.0.4, of several threads together: series of the same name and labels
 * are added up.
 */
export function metricsText(snapshots: readonly MetricsSnapshot[]): string {
  const merged = new Map<string, Family>();
  for (const { families } of snapshots) {
    for (const { name, kind, help, series } of families) {
      const family = merged.get(name) ?? { kind, help, series: new Map() };
      merged.set(name, family);
      for (const one of series) family.series.set(one.labels, added(family.series.get(one.labels), one));
    }
  }
  const lines: string[] = [];
  for (const [name, family] of [...merged].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.kind}`);
    for (const [labels, series] of family.series) appendSeries(lines, name, labels, family.kind, series);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function added(
  a: Series | undefined,
  b: Readonly<Omit<Series, "buckets">> & { readonly buckets: readonly number[] },
): Series {
  if (a === undefined) return { ...b, buckets: [...b.buckets] };
  const buckets = a.buckets.map((count, index) => count + (b.buckets[index] ?? 0));
  return { value: a.value + b.value, sum: a.sum + b.sum, bounds: a.bounds, buckets };
}

function appendSeries(lines: string[], name: string, labels: string, kind: Kind, series: Series): void {
  const braces = labels === "" ? "" : `{${labels}}`;
  if (kind !== "histogram") {
    lines.push(`${name}${braces} ${series.value}`);
    return;
  }
  const separator = labels === "" ? "" : ",";
  let cumulative = 0;
  series.bounds.forEach((bound, index) => {
    cumulative += series.buckets[index] ?? 0;
    lines.push(`${name}_bucket{${labels}${separator}le="${bound}"} ${cumulative}`);
  });
  lines.push(`${name}_bucket{${labels}${separator}le="+Inf"} ${series.value}`);
  lines.push(`${name}_sum${braces} ${series.sum}`, `${name}_count${braces} ${series.value}`);
}
