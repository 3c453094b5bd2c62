import { CheckpointError, ConfigError, UsageError } from "../../base/errors.ts";
import { Generator } from "../../tensor/generator.ts";
import { guard, jit } from "../../tensor/jit.ts";
import type { JitFunction } from "../../tensor/jit.ts";
import { persistent, scope } from "../../tensor/memory.ts";
import { full } from "../../tensor/factories.ts";
import { randint } from "../../tensor/random.ts";
import { realizeSync } from "../../tensor/realize.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Transitions } from "../transitions.ts";
import { checkTransitions } from "./check-transitions.ts";
import type { Passage, PassageSink } from "./n-step-returns.ts";
import { NStepReturns, emptyPassage } from "./n-step-returns.ts";
import { ReplayRing } from "./replay-ring.ts";
import type { Replay, ReplayBatch, ReplayOptions, ReplayState } from "./replay.ts";
import type { RowLayout } from "./row-layout.ts";
import { rowLayout } from "./row-layout.ts";

/**
 * The last `capacity` transitions on the device, all equally likely to be drawn (with replacement).
 *
 * A transition is one row of one table, so that a draw is one gather. Places are drawn inside the
 * program, from a stream of the replay's own: an update that calls {@link ReplayBuffer.sample}
 * inside jit reads nothing from the host. With `nSteps` > 1 rows span several steps.
 *
 * @see Lin 1992, "Self-improving reactive agents based on reinforcement learning, planning and
 *   teaching"
 */
export class ReplayBuffer implements Replay {
  /** Kind of replay, as states name it. */
  readonly kind: string = "uniform";
  readonly capacity: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly gamma: number;
  readonly nSteps: number;
  protected readonly ring: ReplayRing;
  protected readonly layout: RowLayout;
  readonly #generator: Generator;
  readonly #returns: NStepReturns | undefined;
  readonly #passage: Passage = emptyPassage();
  readonly #sink: PassageSink = (passage) => this.store(passage);
  readonly #sample: JitFunction<[number], ReplayBatch>;
  readonly #gather: JitFunction<[Tensor], ReplayBatch>;

  /**
   * @throws {ConfigError} if an option is out of its range.
   * @throws {OutOfMemoryError} if the device has no room for so many transitions.
   */
  constructor(options: ReplayOptions) {
    const { capacity = 1_000_000, gamma = 0.99, nSteps = 1, seed = 0, device } = options;
    const { observationSize, actionSize } = options;
    requirePositive({ capacity, observationSize, actionSize, nSteps });
    if (!(gamma >= 0 && gamma <= 1)) {
      throw new ConfigError(`ReplayBuffer: gamma must be from 0 to 1, got ${gamma}`);
    }
    this.capacity = capacity;
    this.observationSize = observationSize;
    this.actionSize = actionSize;
    this.gamma = gamma;
    this.nSteps = nSteps;
    this.layout = rowLayout(observationSize, actionSize, nSteps > 1);
    const stream = streamOf(seed);
    this.ring = new ReplayRing({ capacity, width: this.layout.width, device });
    this.#generator = new Generator(stream, { device: this.ring.table.device });
    const sizes = { steps: nSteps, gamma, observationSize, actionSize };
    this.#returns = nSteps > 1 ? new NStepReturns(sizes) : undefined;
    this.#sample = jit((batchSize: number) => this.draw(batchSize), {
      name: "ReplayBuffer.sample",
    });
    this.#gather = jit((indices: Tensor) => this.lookUp(indices), { name: "ReplayBuffer.gather" });
  }

  get size(): number {
    return this.ring.size;
  }

  add(transitions: Transitions): void {
    checkTransitions(transitions, this);
    for (let row = 0; row < transitions.count; row++) {
      const environment = transitions.environments?.[row] ?? row;
      if (this.#returns === undefined) this.#storeRow(transitions, row);
      else this.#returns.push(transitions, row, environment, this.#sink);
    }
  }

  endEpisode(environment?: number): void {
    this.#returns?.end(environment, this.#sink);
  }

  prepare(batchSize: number): void {
    this.requireStored(batchSize);
    this.flush();
  }

  flush(): void {
    this.ring.flush();
  }

  /**
   * Draws `batchSize` transitions. Inside jit every call of the function draws anew, among what was
   * added until then. Where it is called outside of jit, the batch is computed at once.
   * @throws {UsageError} if there are fewer transitions.
   */
  sample(batchSize: number): ReplayBatch {
    this.requireStored(batchSize);
    return this.#computed(() => this.#sample(batchSize));
  }

  /** The transitions at the given places. Shapes: indices [B] i32, from 0 to `size` - 1. */
  gather(indices: Tensor): ReplayBatch {
    return this.#computed(() => this.#gather(indices));
  }

  /** Does nothing: all transitions are equally likely. */
  updatePriorities(_errors: Tensor | ArrayLike<number>): void {}

  /**
   * The rows, the random stream and the steps that wait for their returns. Tensors may be the
   * replay's own: they hold until the next `add`, and are not to be disposed.
   */
  state(): ReplayState {
    const { rows, head, stored } = this.ring.state();
    return {
      tensors: { ...(rows && { rows }), random: this.#generator.state },
      plain: {
        kind: this.kind,
        capacity: this.capacity,
        observationSize: this.observationSize,
        actionSize: this.actionSize,
        nSteps: this.nSteps,
        gamma: this.gamma,
        head,
        stored,
        waiting: this.#returns?.state() ?? {},
      },
    };
  }

  loadState({ tensors, plain }: ReplayState): void {
    this.#requireSame(plain);
    const { rows, random } = tensors;
    if (random === undefined) {
      throw new CheckpointError("ReplayBuffer.loadState: needs the tensor random, got none");
    }
    this.ring.load(rows, Number(plain["head"]), Number(plain["stored"]));
    this.#generator.setState(random.dataSync());
    this.#returns?.loadState((plain["waiting"] ?? {}) as never);
  }

  /** Frees the rows. */
  dispose(): void {
    this.#sample.dispose();
    this.#gather.dispose();
    this.ring.dispose();
    this.#generator.state.dispose();
  }

  /** As `dispose`, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The graph of a draw. */
  protected draw(batchSize: number): ReplayBatch {
    this.flushBeforeRuns();
    const device = this.ring.table.device;
    const options = { dtype: "u32", generator: this.#generator, device } as const;
    const bits = randint(0, 2 ** 32, [batchSize], options);
    // 2³² draws over at most some millions of places: none is likelier by more than a thousandth.
    const places = bits.fmod(this.ring.count.clampMin(1));
    return this.lookUp(places.clampMax(this.capacity - 1).to("i32"));
  }

  /** The graph of a lookup. */
  protected lookUp(indices: Tensor): ReplayBatch {
    this.flushBeforeRuns();
    const { action, reward, terminated, discount, next, actionSize, observationSize } = this.layout;
    const rows = this.ring.table.indexSelect(0, indices);
    const column = (at: number): Tensor => rows.select(1, at);
    const { device } = rows;
    return {
      observations: rows.narrow(1, 0, observationSize),
      actions: rows.narrow(1, action, actionSize),
      rewards: column(reward),
      nextObservations: rows.narrow(1, next, observationSize),
      terminated: column(terminated),
      discounts:
        discount === undefined ? full(indices.shape, this.gamma, { device }) : column(discount),
      indices,
    };
  }

  /**
   * Lets the programs that read the table see all that was added before each of their runs: jit
   * asks guards at every call.
   */
  protected flushBeforeRuns(): void {
    guard(() => {
      persistent(() => this.flush());
      return true;
    });
  }

  /** Keeps one transition. */
  protected store(passage: Passage): void {
    const { layout, ring } = this;
    const at = ring.claim();
    const { staged } = ring;
    const { observationSize, actionSize } = layout;
    copy(passage.observations, passage.observationAt, staged, at, observationSize);
    copy(passage.actions, passage.actionAt, staged, at + layout.action, actionSize);
    staged[at + layout.reward] = passage.reward;
    staged[at + layout.terminated] = passage.terminated;
    if (layout.discount !== undefined) staged[at + layout.discount] = passage.discount;
    copy(passage.nextObservations, passage.nextAt, staged, at + layout.next, observationSize);
  }

  /** @throws {UsageError} if a batch has more rows than are stored. */
  protected requireStored(batchSize: number): void {
    requirePositive({ batchSize });
    if (batchSize <= this.size) return;
    const hint =
      batchSize > this.capacity
        ? `which is more than the capacity of ${this.capacity}; make the replay larger`
        : "take more steps before the first update";
    throw new UsageError(
      `ReplayBuffer: a batch must not be larger than what is stored, got ${batchSize} of ` +
        `${this.size} transitions; ${hint}`,
    );
  }

  #storeRow(transitions: Transitions, row: number): void {
    const passage = this.#passage;
    passage.observations = transitions.observations;
    passage.observationAt = row * this.observationSize;
    passage.actions = transitions.actions;
    passage.actionAt = row * this.actionSize;
    passage.reward = transitions.rewards[row];
    passage.nextObservations = transitions.nextObservations;
    passage.nextAt = row * this.observationSize;
    passage.terminated = transitions.terminated[row] === 0 ? 0 : 1;
    passage.discount = this.gamma;
    this.store(passage);
  }

  /** Outside of jit: values at once, so that nothing that is pending needs the table. */
  #computed(make: () => ReplayBatch): ReplayBatch {
    return scope(() => {
      const batch = make();
      realizeSync(...(Object.values(batch) as Tensor[]));
      return batch;
    });
  }

  #requireSame(plain: Readonly<Record<string, unknown>>): void {
    for (const key of [
      "kind",
      "capacity",
      "observationSize",
      "actionSize",
      "nSteps",
      "gamma",
    ] as const) {
      if (plain[key] === this[key]) continue;
      throw new CheckpointError(
        `ReplayBuffer.loadState: ${key} must be that of the state, got ${String(this[key])} here and ` +
          `${String(plain[key])} there; make the replay with the options of the run it comes from`,
      );
    }
  }
}

/** @throws {ConfigError} unless all are integers ≥ 1. */
export function requirePositive(sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ConfigError(`ReplayBuffer: ${name} must be an integer ≥ 1, got ${value}`);
  }
}

/** Another stream than that of a generator with the same seed: noise and places stay independent. */
function streamOf(seed: number): number {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ConfigError(`ReplayBuffer: seed must be an integer from 0 to 2^53 - 1, got ${seed}`);
  }
  const high = (Math.floor(seed / 2 ** 32) ^ 0x1c3a5) >>> 0;
  return high * 2 ** 32 + (seed % 2 ** 32);
}

/** A loop: `set` costs more for the few numbers of a row. */
function copy(
  from: Float32Array,
  fromAt: number,
  to: Float32Array,
  toAt: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i];
}
