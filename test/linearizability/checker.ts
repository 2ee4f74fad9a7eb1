/**
 * Whether a history is linearizable: the search of Wing and Gong over a list of calls and returns, with the memo of Lowe (no
 * set of linearised operations is looked at twice in one state). It tries the first call that the model accepts, takes it
 * out of the list, and goes back when it meets the return of an operation that was not taken. The problem is NP-complete;
 * so the search has a budget, and what it could not decide is "unknown", which callers count as a failure.
 */
import type { Model, Operation, Verdict } from "./history.ts";

export interface CheckResult<Input, Output> {
  readonly verdict: Verdict;
  /** Calls that were tried. */
  readonly steps: number;
  /** Of an illegal history: the most operations that fit in an order, and those that then did not. */
  readonly fitted: readonly Operation<Input, Output>[];
  readonly stuck: readonly Operation<Input, Output>[];
}

const DEFAULT_STEPS_MAX = 5_000_000;

/** A call, or the return of one. A doubly linked list: what is taken out can be put back in its place. */
interface Node {
  /** Index of the operation. */
  readonly id: number;
  readonly isCall: boolean;
  /** Of a call: its return, if it had one. */
  end: Node | undefined;
  previous: Node | undefined;
  next: Node | undefined;
}

export function checkHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  options: { readonly stepsMax?: number } = {},
): CheckResult<Input, Output> {
  const stepsMax = options.stepsMax ?? DEFAULT_STEPS_MAX;
  const head = listOf(operations);
  const memo = new Memo(operations.length);
  const taken: { readonly call: Node; readonly before: State }[] = [];
  let best: readonly number[] = [];
  let state = model.initial;
  // Operations of unknown outcome need no place in the order.
  let owed = operations.filter(({ output }) => output !== undefined).length;
  let steps = 0;
  let entry = head.next;
  while (owed > 0) {
    if (entry === undefined) throw new Error("a history ends with the return of what it owes");
    const { input, output } = operations[entry.id] as Operation<Input, Output>;
    if (entry.isCall) {
      if (++steps > stepsMax) return { verdict: "unknown", steps, fitted: [], stuck: [] };
      const after = model.step(state, input, output);
      // An unknown outcome that changes nothing is as good as none.
      const useful = after !== undefined && (output !== undefined || model.keyOf(after) !== model.keyOf(state));
      if (useful && memo.take(entry.id, model.keyOf(after))) {
        taken.push({ call: entry, before: state });
        state = after;
        if (output !== undefined) owed--;
        lift(entry);
        entry = head.next;
      } else entry = entry.next;
      continue;
    }
    if (taken.length > best.length) best = taken.map(({ call }) => call.id);
    const last = taken.pop();
    if (last === undefined) return { verdict: "illegal", steps, ...explain(operations, best) };
    const { call, before } = last;
    memo.putBack(call.id);
    state = before;
    if (call.end !== undefined) owed++;
    unlift(call);
    entry = call.next;
  }
  return { verdict: "linearizable", steps, fitted: [], stuck: [] };
}

/** Calls and returns by time; at one instant calls come first, so that operations that touch count as concurrent. */
function listOf(operations: readonly Operation<unknown, unknown>[]): Node {
  const events: { readonly at: number; readonly node: Node }[] = [];
  for (const [id, { callAt, returnAt, output }] of operations.entries()) {
    if (!(callAt <= returnAt)) throw new Error(`operation ${id} returns before it is called`);
    const call: Node = { id, isCall: true, end: undefined, previous: undefined, next: undefined };
    events.push({ at: callAt, node: call });
    if (output === undefined) continue;
    call.end = { id, isCall: false, end: undefined, previous: undefined, next: undefined };
    events.push({ at: returnAt, node: call.end });
  }
  events.sort((a, b) => a.at - b.at || Number(b.node.isCall) - Number(a.node.isCall) || a.node.id - b.node.id);
  const head: Node = { id: -1, isCall: true, end: undefined, previous: undefined, next: undefined };
  let last = head;
  for (const { node } of events) {
    node.previous = last;
    last.next = node;
    last = node;
  }
  return head;
}

function lift(call: Node): void {
  unlink(call);
  if (call.end !== undefined) unlink(call.end);
}

/** In the reverse order of `lift`, each finds its neighbours as it left them. */
function unlift(call: Node): void {
  if (call.end !== undefined) relink(call.end);
  relink(call);
}

function unlink(node: Node): void {
  if (node.previous !== undefined) node.previous.next = node.next;
  if (node.next !== undefined) node.next.previous = node.previous;
}

function relink(node: Node): void {
  if (node.previous !== undefined) node.previous.next = node;
  if (node.next !== undefined) node.next.previous = node;
}

/** The sets of taken operations that were seen, each with a state: exact, so that a collision of hashes decides nothing. */
class Memo {
  readonly #words: Uint32Array;
  readonly #weights: Uint32Array;
  readonly #seen = new Map<string, Uint32Array[]>();
  #hash = 0;

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32));
    this.#weights = new Uint32Array(size);
    // Any fixed mixture will do (xorshift32).
    let x = 0x9e3779b9;
    for (let i = 0; i < size; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      this.#weights[i] = x;
    }
  }

  /** Adds `id` to the set, unless that set was seen in this state. */
  take(id: number, stateKey: string): boolean {
    this.#flip(id);
    const key = `${this.#hash} ${stateKey}`;
    const known = this.#seen.get(key);
    if (known?.some((words) => words.every((word, i) => word === this.#words[i])) === true) {
      this.#flip(id);
      return false;
    }
    const copy = this.#words.slice();
    if (known === undefined) this.#seen.set(key, [copy]);
    else known.push(copy);
    return true;
  }

  putBack(id: number): void {
    this.#flip(id);
  }

  #flip(id: number): void {
    const word = id >>> 5;
    this.#words[word] = ((this.#words[word] as number) ^ (1 << (id & 31))) >>> 0;
    this.#hash = (this.#hash ^ (this.#weights[id] as number)) >>> 0;
  }
}

/** The longest order that was found, and of the rest what began before all of the rest had ended. */
function explain<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  order: readonly number[],
): { readonly fitted: readonly Operation<Input, Output>[]; readonly stuck: readonly Operation<Input, Output>[] } {
  const fitted = new Set(order);
  const rest = operations.filter((_, id) => !fitted.has(id));
  const firstReturn = Math.min(...rest.map(({ returnAt }) => returnAt));
  return {
    fitted: order.map((id) => operations[id] as Operation<Input, Output>),
    stuck: rest.filter(({ callAt }) => callAt <= firstReturn),
  };
}
