/**
 * Priorities of places with their sums and minima over ever larger ranges: setting one and finding
 * the place that a share of the sum falls on take as many steps as the logarithm of their number.
 *
 * In the memory of the host: a draw is a chain of dependent small reads, which a card or a program
 * over whole tensors cannot make fast, and doubles keep a sum of millions exact enough.
 */
export class PriorityTree {
  readonly capacity: number;
  /** Places, rounded up to a power of two: node i has the children 2i and 2i + 1. */
  readonly #leaves: number;
  readonly #sums: Float64Array;
  readonly #minima: Float64Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity));
    this.#sums = new Float64Array(2 * this.#leaves);
    this.#minima = new Float64Array(2 * this.#leaves).fill(Infinity);
  }

  /** Sum of all priorities. */
  get total(): number {
    return this.#sums[1];
  }

  /** Least of the priorities that were set; Infinity without any. */
  get least(): number {
    return this.#minima[1];
  }

  at(place: number): number {
    return this.#sums[this.#leaves + place];
  }

  /** @param priority - larger than 0. */
  set(place: number, priority: number): void {
    const sums = this.#sums;
    const minima = this.#minima;
    let node = this.#leaves + place;
    sums[node] = priority;
    minima[node] = priority;
    // Sums are added up anew on the way, so that no error of rounding stays behind.
    for (node >>= 1; node >= 1; node >>= 1) {
      const [left, right] = [2 * node, 2 * node + 1];
      sums[node] = sums[left] + sums[right];
      minima[node] = minima[left] < minima[right] ? minima[left] : minima[right];
    }
  }

  /** The place that `mark` falls on when priorities lie end to end from 0 to `total`. */
  find(mark: number): number {
    const sums = this.#sums;
    let rest = mark;
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      // Where rounding puts the mark behind everything, the last place with a priority takes it.
      if (rest < sums[node] || sums[node + 1] === 0) continue;
      rest -= sums[node];
      node++;
    }
    return node - this.#leaves;
  }

  /** The priorities of the first `count` places. */
  values(count: number): Float64Array {
    return this.#sums.slice(this.#leaves, this.#leaves + count);
  }

  /** Forgets everything and sets the first places. */
  load(values: Float64Array): void {
    this.#sums.fill(0);
    this.#minima.fill(Infinity);
    this.#sums.set(values, this.#leaves);
    this.#minima.set(values, this.#leaves);
    for (let node = this.#leaves - 1; node >= 1; node--) {
      this.#sums[node] = this.#sums[2 * node] + this.#sums[2 * node + 1];
      this.#minima[node] = Math.min(this.#minima[2 * node], this.#minima[2 * node + 1]);
    }
  }
}
