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
  /** Sum and minimum of each node, side by side: those of two children share a line of cache. */
  readonly #nodes: Float64Array;
  /** Nodes that are left to compute. */
  #touched: Int32Array = new Int32Array(0);

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity));
    this.#nodes = new Float64Array(4 * this.#leaves);
    this.#clear();
  }

  /** Sum of all priorities. */
  get total(): number {
    return this.#nodes[2];
  }

  /** Least of the priorities that were set; Infinity without any. */
  get least(): number {
    return this.#nodes[3];
  }

  at(place: number): number {
    return this.#nodes[2 * (this.#leaves + place)];
  }

  /** @param priority - larger than 0. */
  set(place: number, priority: number): void {
    const leaf = this.#leaves + place;
    this.#setLeaf(leaf, priority);
    for (let node = leaf >> 1; node >= 1; node >>= 1) this.#compute(node);
  }

  /** Sets many places; where one is named twice, the last priority counts. */
  setAll(places: Int32Array, priorities: ArrayLike<number>): void {
    if (this.#touched.length < places.length) this.#touched = new Int32Array(places.length);
    const touched = this.#touched;
    let count = places.length;
    for (let i = 0; i < count; i++) {
      touched[i] = this.#leaves + places[i];
      this.#setLeaf(touched[i], priorities[i]);
    }
    // Level by level, so that what paths have in common is computed once. Draws come in order, and
    // then equal nodes are neighbours.
    for (let height = this.#leaves; height > 1; height /= 2) {
      let kept = 0;
      for (let i = 0; i < count; i++) {
        const node = touched[i] >> 1;
        if (kept > 0 && touched[kept - 1] === node) continue;
        touched[kept++] = node;
        this.#compute(node);
      }
      count = kept;
    }
  }

  /** The place that `mark` falls on when priorities lie end to end from 0 to `total`. */
  find(mark: number): number {
    const nodes = this.#nodes;
    let rest = mark;
    let node = 1;
    while (node < this.#leaves) {
      node *= 2;
      // Where rounding puts the mark behind everything, the last place with a priority takes it.
      if (rest < nodes[2 * node] || nodes[2 * node + 2] === 0) continue;
      rest -= nodes[2 * node];
      node++;
    }
    return node - this.#leaves;
  }

  /** The priorities of the first `count` places. */
  values(count: number): Float64Array {
    return Float64Array.from({ length: count }, (_, place) => this.at(place));
  }

  /** Forgets everything and sets the first places. */
  load(values: Float64Array): void {
    this.#clear();
    values.forEach((priority, place) => this.#setLeaf(this.#leaves + place, priority));
    for (let node = this.#leaves - 1; node >= 1; node--) this.#compute(node);
  }

  #clear(): void {
    this.#nodes.forEach((_, i, nodes) => (nodes[i] = i % 2 === 0 ? 0 : Infinity));
  }

  #setLeaf(leaf: number, priority: number): void {
    this.#nodes[2 * leaf] = priority;
    this.#nodes[2 * leaf + 1] = priority;
  }

  /** From its children; added up anew, so that no error of rounding stays behind. */
  #compute(node: number): void {
    const nodes = this.#nodes;
    const child = 4 * node;
    nodes[2 * node] = nodes[child] + nodes[child + 2];
    const [left, right] = [nodes[child + 1], nodes[child + 3]];
    nodes[2 * node + 1] = left < right ? left : right;
  }
}
