import { CheckpointError, ConfigError, ShapeError, UsageError } from "../../base/errors.ts";
import { Pcg64 } from "../../base/pcg64.ts";
import type { Pcg64State } from "../../base/pcg64.ts";
import { guard } from "../../tensor/jit.ts";
import { persistent } from "../../tensor/memory.ts";
import { writeRows } from "../../tensor/rows.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Passage } from "./n-step-returns.ts";
import { PriorityTree } from "./priority-tree.ts";
import { ReplayBuffer } from "./replay-buffer.ts";
import type { ReplayBatch, ReplayOptions, ReplayState } from "./replay.ts";

/** A number that moves evenly from one to another over so many draws, and then stays. */
export interface BetaSchedule {
  readonly from: number;
  readonly to: number;
  /** Batches drawn. */
  readonly draws: number;
}

/** Options of {@link PrioritizedReplay}. */
export interface PrioritizedReplayOptions extends ReplayOptions {
  /** How much errors count: with 0 all transitions are equally likely. @defaultValue 0.6 */
  readonly alpha?: number;
  /**
   * How far weights undo that likely transitions are seen more often; 1 undoes it.
   * @defaultValue from 0.4 to 1 over 100_000 draws
   */
  readonly beta?: number | BetaSchedule;
  /** Added to errors, so that no transition is lost. @defaultValue 1e-6 */
  readonly epsilon?: number;
}

/** What was drawn for batches of one size, on the host and on the device. */
interface Drawn {
  readonly places: Int32Array;
  readonly weights: Float32Array;
  readonly indices: Tensor;
  readonly importance: Tensor;
  /** [1] The number of the draw. */
  readonly ticket: Tensor;
  /** What the update's program leaves for the host to read. */
  readonly errors: Tensor;
  /** [1] The draw they are of. Without it an update that failed would look like one that ran. */
  readonly stamp: Tensor;
}

/** Numbers of draws begin anew where f32 would no longer tell them apart. */
const mostTickets = 2 ** 24;

/**
 * Draws transitions in proportion to (|error| + ε)^α, one from each of `batchSize` equal shares of
 * the sum, and weighs them by (N · probability)^-β, divided by the largest such weight of all that
 * is stored. New transitions have the largest priority there was.
 *
 * The host draws: `prepare` before each update puts places and weights where the update's program
 * reads them, and the errors that the program left are read when the replay is used next.
 *
 * @see Schaul et al. 2016, "Prioritized Experience Replay"
 */
export class PrioritizedReplay extends ReplayBuffer {
  override readonly kind: string = "prioritized";
  readonly alpha: number;
  readonly epsilon: number;
  readonly #beta: BetaSchedule;
  readonly #tree: PriorityTree;
  readonly #drawn = new Map<number, Drawn>();
  #random: Pcg64;
  /** What was drawn last and not yet given new priorities. */
  #latest: Drawn | undefined;
  /** What may have errors on the device that were not read yet. */
  #unread: Drawn | undefined;
  /** Number of the last draw; unlike `#draws` no part of the state, so that it never comes back. */
  #ticket = 0;
  #largest = 1;
  #draws = 0;

  /** @throws {ConfigError} if an option is out of its range. */
  constructor(options: PrioritizedReplayOptions) {
    const { alpha = 0.6, beta = { from: 0.4, to: 1, draws: 100_000 }, epsilon = 1e-6 } = options;
    const schedule = typeof beta === "number" ? { from: beta, to: beta, draws: 1 } : beta;
    requireUnit("alpha", alpha);
    requireUnit("beta", schedule.from);
    requireUnit("beta", schedule.to);
    if (!(schedule.draws >= 1)) {
      throw new ConfigError(`PrioritizedReplay: beta.draws must be ≥ 1, got ${schedule.draws}`);
    }
    if (!(epsilon > 0 && Number.isFinite(epsilon))) {
      throw new ConfigError(`PrioritizedReplay: epsilon must be larger than 0, got ${epsilon}`);
    }
    super(options);
    this.alpha = alpha;
    this.epsilon = epsilon;
    this.#beta = schedule;
    this.#tree = new PriorityTree(this.capacity);
    this.#random = new Pcg64([options.seed ?? 0, 1]);
  }

  /** The exponent of the weights of the next draw. */
  get beta(): number {
    const { from, to, draws } = this.#beta;
    return from + (to - from) * Math.min(this.#draws / draws, 1);
  }

  /** Draws the batch that `sample(batchSize)` then shows. */
  override prepare(batchSize: number): void {
    this.#readErrors();
    super.prepare(batchSize);
    const drawn = this.#drawnFor(batchSize);
    this.#drawPlaces(drawn);
    writeRows(drawn.indices, 0, drawn.places);
    writeRows(drawn.importance, 0, drawn.weights);
    this.#ticket = (this.#ticket % mostTickets) + 1;
    writeRows(drawn.ticket, 0, Float32Array.of(this.#ticket));
    this.#latest = drawn;
  }

  /**
   * The batch that was prepared last, with its weights.
   * @throws {UsageError} if none of this size was prepared since priorities were updated.
   */
  override sample(batchSize: number): ReplayBatch {
    this.#requireUnused("sample", batchSize);
    return super.sample(batchSize);
  }

  /**
   * Gives the transitions of the last draw the priorities (|error| + ε)^α. A tensor is left on the
   * device until the replay is used next; so this may be part of the update's jitted function.
   * @param errors - [B] in the order of the batch.
   * @throws {UsageError} if no batch of this size is drawn; {ConfigError} if an error is not finite,
   *   which for a tensor shows when it is read.
   */
  override updatePriorities(errors: Tensor | ArrayLike<number>): void {
    if (!(errors instanceof Tensor)) {
      this.#requireUnused("updatePriorities", errors.length);
      this.#setPriorities(this.#drawnFor(errors.length), errors);
      return;
    }
    if (errors.ndim !== 1) {
      throw new ShapeError(
        `PrioritizedReplay.updatePriorities: errors must be [B], got [${errors.shape.join(", ")}]`,
      );
    }
    const count = errors.shape[0];
    const drawn = this.#drawnFor(count);
    // jit asks guards at every call: so each is known to leave errors.
    guard(() => {
      this.#requirePrepared("updatePriorities", count);
      this.#unread = drawn;
      return true;
    });
    drawn.errors.assign(errors.to("f32"));
    using ticket = drawn.ticket.add(0);
    drawn.stamp.assign(ticket);
  }

  /** The chance of a place in each draw, and 0 where nothing is stored. */
  probability(place: number): number {
    this.#readErrors();
    return this.#tree.at(place) / this.#tree.total;
  }

  /** As of any replay. What was prepared is not part of it: prepare again after a load. */
  override state(): ReplayState {
    this.#readErrors();
    const { tensors, plain } = super.state();
    const { device } = this.ring.table;
    const priorities = Tensor.from(this.#tree.values(this.size), [this.size], { device });
    return {
      tensors: { ...tensors, ...(this.size > 0 && { priorities }) },
      plain: {
        ...plain,
        alpha: this.alpha,
        largest: this.#largest,
        draws: this.#draws,
        places: this.#random.state(),
      },
    };
  }

  override loadState(state: ReplayState): void {
    const { plain, tensors } = state;
    const priorities = tensors["priorities"]?.dataSync() ?? new Float64Array(0);
    const isWhole = priorities instanceof Float64Array && priorities.length === plain["stored"];
    if (plain["kind"] === this.kind && (!isWhole || plain["alpha"] !== this.alpha)) {
      throw new CheckpointError(
        `PrioritizedReplay.loadState: needs ${String(plain["stored"])} priorities of f64 made with ` +
          `alpha ${this.alpha}, got ${priorities.length} made with ${String(plain["alpha"])}`,
      );
    }
    super.loadState(state);
    this.#tree.load(priorities as Float64Array);
    this.#largest = Number(plain["largest"]);
    this.#draws = Number(plain["draws"]);
    this.#random = Pcg64.fromState(plain["places"] as Pcg64State);
    this.#latest = undefined;
    this.#unread = undefined;
  }

  /** Frees the rows and the priorities. */
  override dispose(): void {
    super.dispose();
    for (const { indices, importance, ticket, errors, stamp } of this.#drawn.values()) {
      for (const tensor of [indices, importance, ticket, errors, stamp]) tensor.dispose();
    }
    this.#drawn.clear();
  }

  protected override draw(batchSize: number): ReplayBatch {
    guard(() => {
      this.#requireUnused("sample", batchSize);
      return true;
    });
    const { indices, importance } = this.#drawnFor(batchSize);
    // Values of their own: a batch that is kept must not hold on to what the next draw overwrites.
    return { ...this.lookUp(indices.add(0)), weights: importance.mul(1) };
  }

  protected override store(passage: Passage): void {
    this.#readErrors();
    this.#tree.set(this.ring.nextPlace, this.#largest);
    super.store(passage);
  }

  /** After errors were given, a draw is over: another update has to prepare another. */
  #requireUnused(method: string, batchSize: number): void {
    this.#readErrors();
    this.#requirePrepared(method, batchSize);
  }

  #requirePrepared(method: string, batchSize: number): void {
    if (this.#latest?.places.length === batchSize) return;
    throw new UsageError(
      `PrioritizedReplay.${method}: needs prepare(${batchSize}) before each draw, got ` +
        (this.#latest === undefined ? "none" : `prepare(${this.#latest.places.length})`),
    );
  }

  #readErrors(): void {
    const drawn = this.#unread;
    if (drawn === undefined) return;
    this.#unread = undefined;
    // Programs ask for it while they are traced, too: it is a matter of the host.
    const [errors, stamp] = persistent(() => [drawn.errors.dataSync(), drawn.stamp.dataSync()]);
    // Guards are asked before the program runs: it may have failed, or another one took its place.
    if (stamp[0] === this.#ticket) this.#setPriorities(drawn, errors);
  }

  #setPriorities({ places }: Drawn, errors: ArrayLike<number>): void {
    const priorities = this.#prioritiesOf(errors);
    this.#tree.setAll(places, priorities);
    for (const priority of priorities) this.#largest = Math.max(this.#largest, priority);
    this.#latest = undefined;
  }

  #drawnFor(batchSize: number): Drawn {
    let drawn = this.#drawn.get(batchSize);
    if (drawn === undefined) {
      const places = new Int32Array(batchSize);
      const weights = new Float32Array(batchSize);
      const { device } = this.ring.table;
      drawn = persistent(() => ({
        places,
        weights,
        indices: Tensor.from(places, [batchSize], { device }),
        importance: Tensor.from(weights, [batchSize], { device }),
        ticket: Tensor.from(Float32Array.of(0), [1], { device }),
        errors: Tensor.from(weights, [batchSize], { device }),
        stamp: Tensor.from(Float32Array.of(0), [1], { device }),
      }));
      this.#drawn.set(batchSize, drawn);
    }
    return drawn;
  }

  #drawPlaces({ places, weights }: Drawn): void {
    const tree = this.#tree;
    const share = tree.total / places.length;
    const { beta } = this;
    for (let i = 0; i < places.length; i++) {
      const place = tree.find((i + this.#random.random()) * share);
      places[i] = place;
      // (N p)^-β over its largest, that of the least priority: N and the sum cancel.
      weights[i] = (tree.least / tree.at(place)) ** beta;
    }
    this.#draws++;
  }

  #prioritiesOf(errors: ArrayLike<number>): Float64Array {
    const priorities = new Float64Array(errors.length);
    for (let i = 0; i < errors.length; i++) {
      if (!Number.isFinite(errors[i])) refuseError(errors[i], i);
      priorities[i] = (Math.abs(errors[i]) + this.epsilon) ** this.alpha;
    }
    return priorities;
  }
}

function refuseError(error: number, at: number): never {
  throw new ConfigError(
    `PrioritizedReplay.updatePriorities: errors must be finite, got ${error} at ${at}; the ` +
      "training diverges: lower the learning rate or bound the rewards",
  );
}

function requireUnit(name: string, value: number): void {
  if (value >= 0 && value <= 1) return;
  throw new ConfigError(`PrioritizedReplay: ${name} must be from 0 to 1, got ${value}`);
}
