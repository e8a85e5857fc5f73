/**
 * Counters and histograms of what happens once a report, or more often. They count in plain numbers, and give them to
 * prom-client when somebody asks, because prom-client makes a text of the labels each time that it counts.
 */
import { Counter, Histogram, type Registry } from "prom-client";

type Labels<Name extends string> = Readonly<Record<Name, string>>;

interface Config<Name extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Name[];
  readonly registers: Registry[];
}

export interface CounterTally<Name extends string> {
  inc(labels: Labels<Name>): void;
}

export interface HistogramTally<Name extends string> {
  observe(labels: Labels<Name>, value: number): void;
}

export function counterTally<Name extends string>(config: Config<Name>): CounterTally<Name> {
  const counted = byLabels(config.labelNames, () => ({ count: 0 }));
  new Counter<string>({
    ...config,
    collect() {
      this.reset();
      for (const { labels, value } of counted.all) this.inc(labels, value.count);
    },
  });
  return {
    inc(labels) {
      counted.of(labels).count += 1;
    },
  };
}

export function histogramTally<Name extends string>(
  config: Config<Name> & { readonly buckets: number[] },
): HistogramTally<Name> {
  const { labelNames, buckets } = config;
  /** The first bucket that takes a value; as many as there are when none does. */
  const bucketOf = (value: number): number => {
    let bucket = 0;
    while (value > (buckets[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    return bucket;
  };
  // `inBuckets`: what each bucket has beyond the one before.
  const observed = byLabels(labelNames, () => ({ inBuckets: buckets.map(() => 0), count: 0, sum: 0 }));
  // One without labels is there before anything is observed.
  if (labelNames.length === 0) observed.of({} as Labels<Name>);
  new Histogram<string>({
    ...config,
    collect() {
      const told = observed.all.map(({ labels, value: { inBuckets, count, sum } }) => {
        const bucketValues = Object.fromEntries(buckets.map((bound, index) => [bound, inBuckets[index]]));
        return { labels, bucketValues, count, sum };
      });
      // Prom-client has no call by which a histogram is given what was counted already.
      Object.assign(this, { hashMap: { ...told } });
    },
  });
  return {
    observe(labels, value) {
      if (!Number.isFinite(value)) throw new TypeError(`Value is not a valid number: ${value}`);
      const of = observed.of(labels);
      of.count += 1;
      of.sum += value;
      const bucket = bucketOf(value);
      if (bucket < buckets.length) of.inBuckets[bucket] = (of.inBuckets[bucket] ?? 0) + 1;
    },
  };
}

/** One value for each set of labels, in the order in which they were seen first. */
function byLabels<Name extends string, Value>(names: readonly Name[], create: () => Value) {
  const all: { readonly labels: Labels<Name>; readonly value: Value }[] = [];
  const root = newPlace<Value>();

  return {
    all,
    of(labels: Labels<Name>): Value {
      let place = root;
      for (const name of names) {
        const label = labels[name];
        let next = place.next.get(label);
        if (next === undefined) {
          next = newPlace<Value>();
          place.next.set(label, next);
        }
        place = next;
      }
      if (place.value === undefined) {
        place.value = create();
        all.push({ labels, value: place.value });
      }
      return place.value;
    },
  };
}

/** Where one gets to by the first labels of a set. */
interface Place<Value> {
  readonly next: Map<string, Place<Value>>;
  value: Value | undefined;
}

function newPlace<Value>(): Place<Value> {
  return { next: new Map(), value: undefined };
}
