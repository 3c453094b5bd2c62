import { CheckpointError, ConfigError, ShapeError } from "../../base/errors.ts";
import { Pcg64 } from "../../base/pcg64.ts";
import type { Pcg64State } from "../../base/pcg64.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Rows, Transitions } from "../transitions.ts";
import { EpisodeRows } from "./episode-rows.ts";
import type { GoalLayout } from "./goal-layout.ts";
import type { Passage } from "./n-step-returns.ts";
import { emptyPassage } from "./n-step-returns.ts";
import { ReplayBuffer, requirePositive } from "./replay-buffer.ts";
import type { ReplayOptions, ReplayState } from "./replay.ts";

/**
 * Which states of an episode give goals for a step: those that came `future`ly, at the step or
 * later; the `final` one; any of the `episode`.
 */
export type GoalStrategy = "future" | "final" | "episode";

/**
 * A number for each of `count` pairs of goals.
 * Shapes: achieved, desired [count × goal size]; the result [count].
 */
export type GoalFunction = (achieved: Rows, desired: Rows, count: number) => ArrayLike<number>;

/** Options of {@link HindsightReplay}. */
export interface HindsightReplayOptions extends Omit<ReplayOptions, "observationSize" | "nSteps"> {
  /** Where goals lie in observations; `goalLayout(space)` finds it. */
  readonly layout: GoalLayout;
  /** Rewards of having reached `achieved` where `desired` was sought. */
  readonly computeReward: GoalFunction;
  /** 1 where that would have ended the task. @defaultValue as the step itself did */
  readonly computeTerminated?: GoalFunction;
  /** @defaultValue "future" */
  readonly strategy?: GoalStrategy;
  /** Copies of each step with another goal: n of n + 1 transitions are such. @defaultValue 4 */
  readonly nSampledGoal?: number;
}

const strategies: readonly GoalStrategy[] = ["future", "final", "episode"];

/**
 * Learns from failure: each step of an episode is kept as it was and, when the episode ends, again
 * as if a state that was reached later had been the goal all along.
 *
 * Copies are stored, not made when drawn: rewards come from a function of the host, and this way a
 * draw stays a lookup in the update's program. A transition takes `nSampledGoal` + 1 places, so
 * choose the capacity accordingly.
 *
 * @see Andrychowicz et al. 2017, "Hindsight Experience Replay"
 */
export class HindsightReplay extends ReplayBuffer {
  override readonly kind: string = "hindsight";
  readonly strategy: GoalStrategy;
  readonly nSampledGoal: number;
  readonly goals: GoalLayout;
  readonly #computeReward: GoalFunction;
  readonly #computeTerminated: GoalFunction | undefined;
  /** Steps of the running episode of each environment. */
  readonly #episodes = new Map<number, EpisodeRows>();
  readonly #passage: Passage = emptyPassage();
  #random: Pcg64;

  /** @throws {ConfigError} if an option is out of its range. */
  constructor(options: HindsightReplayOptions) {
    const { layout, strategy = "future", nSampledGoal = 4 } = options;
    requirePositive({ nSampledGoal, goalSize: layout.goalSize });
    requireStrategy(strategy);
    if (((options as Partial<ReplayOptions>).nSteps ?? 1) !== 1) {
      throw new ConfigError(
        "HindsightReplay: nSteps must be 1, because the rewards of several steps would need one " +
          "goal each; use 1",
      );
    }
    requireInside(layout);
    super({ ...options, observationSize: layout.observationSize, nSteps: 1 });
    this.strategy = strategy;
    this.nSampledGoal = nSampledGoal;
    this.goals = layout;
    this.#computeReward = options.computeReward;
    this.#computeTerminated = options.computeTerminated;
    this.#random = new Pcg64([options.seed ?? 0, 2]);
  }

  override add(transitions: Transitions): void {
    super.add(transitions);
    for (let row = 0; row < transitions.count; row++) {
      const environment = transitions.environments?.[row] ?? row;
      const episode = this.#episodeOf(environment);
      this.#record(episode, transitions, row);
      const isOver = transitions.terminated[row] !== 0 || transitions.truncated[row] !== 0;
      if (isOver) this.#relabel(episode);
    }
  }

  /** What was seen of the episode is relabelled as if it had ended. */
  override endEpisode(environment?: number): void {
    for (const [number, episode] of this.#episodes) {
      if (environment === undefined || number === environment) this.#relabel(episode);
    }
  }

  /** As of any replay, with the episodes that are running. */
  override state(): ReplayState {
    const { tensors, plain } = super.state();
    const { device } = this.ring.table;
    const running = [...this.#episodes].filter(([, { count }]) => count > 0);
    const episodes = running.map(([number, episode]) => {
      const rows = Tensor.from(episode.used(), [episode.count, episode.width], { device });
      return [`episode.${number}`, rows] as const;
    });
    return {
      tensors: { ...tensors, ...Object.fromEntries(episodes) },
      plain: {
        ...plain,
        strategy: this.strategy,
        nSampledGoal: this.nSampledGoal,
        goals: this.#random.state(),
        environments: running.map(([number]) => number),
      },
    };
  }

  override loadState(state: ReplayState): void {
    const { plain, tensors } = state;
    const isSame =
      plain["strategy"] === this.strategy && plain["nSampledGoal"] === this.nSampledGoal;
    if (plain["kind"] === this.kind && !isSame) {
      throw new CheckpointError(
        `HindsightReplay.loadState: needs a state of ${this.nSampledGoal} ${this.strategy} goals, got ` +
          `${String(plain["nSampledGoal"])} ${String(plain["strategy"])}`,
      );
    }
    const environments = (plain["environments"] ?? []) as readonly number[];
    const rows = environments.map((number) => this.#savedRows(number, tensors));
    super.loadState(state);
    this.#random = Pcg64.fromState(plain["goals"] as Pcg64State);
    this.#episodes.clear();
    environments.forEach((number, i) => this.#episodeOf(number).load(rows[i]));
  }

  #savedRows(environment: number, tensors: Readonly<Record<string, Tensor>>): Float32Array {
    const rows = tensors[`episode.${environment}`]?.dataSync();
    if (rows instanceof Float32Array && rows.length % this.layout.width === 0) return rows;
    throw new CheckpointError(
      `HindsightReplay.loadState: needs the tensor episode.${environment} of rows of ` +
        `${this.layout.width}, got ${rows === undefined ? "none" : `${rows.length} numbers`}`,
    );
  }

  #episodeOf(environment: number): EpisodeRows {
    let episode = this.#episodes.get(environment);
    if (episode === undefined) {
      episode = new EpisodeRows(this.layout.width);
      this.#episodes.set(environment, episode);
    }
    return episode;
  }

  #record(episode: EpisodeRows, transitions: Transitions, row: number): void {
    const { action, reward, terminated, next } = this.layout;
    const { observationSize: o, actionSize: a } = this;
    const at = episode.claim();
    const { rows } = episode;
    rows.set(transitions.observations.subarray(row * o, (row + 1) * o), at);
    rows.set(transitions.actions.subarray(row * a, (row + 1) * a), at + action);
    rows[at + reward] = transitions.rewards[row];
    rows[at + terminated] = transitions.terminated[row] === 0 ? 0 : 1;
    rows.set(transitions.nextObservations.subarray(row * o, (row + 1) * o), at + next);
  }

  /** Stores the copies with other goals and forgets the episode. */
  #relabel(episode: EpisodeRows): void {
    const { count } = episode;
    const rows = episode.used();
    episode.clear();
    if (count === 0) return;
    const achieved = this.#reached(
      rows,
      this.#copies(count, (step) => step),
    );
    const desired = this.#reached(
      rows,
      this.#copies(count, (step) => this.#goalStep(step, count)),
    );
    const copies = count * this.nSampledGoal;
    const rewards = this.#computeReward(achieved, desired, copies);
    requireNumbers("computeReward", rewards, copies);
    const terminated = this.#computeTerminated?.(achieved, desired, copies);
    if (terminated !== undefined) requireNumbers("computeTerminated", terminated, copies);
    for (let i = 0; i < copies; i++) {
      const row = rows.slice(this.#rowAt(i), this.#rowAt(i) + this.layout.width);
      if (terminated !== undefined) row[this.layout.terminated] = terminated[i] === 0 ? 0 : 1;
      this.#setGoal(row, desired, i);
      this.#storeCopy(row, rewards[i]);
    }
  }

  /** A step for each copy. */
  #copies(count: number, step: (at: number) => number): Int32Array {
    const { nSampledGoal } = this;
    return Int32Array.from({ length: count * nSampledGoal }, (_, i) =>
      step(Math.floor(i / nSampledGoal)),
    );
  }

  #rowAt(copy: number): number {
    return Math.floor(copy / this.nSampledGoal) * this.layout.width;
  }

  #goalStep(step: number, count: number): number {
    if (this.strategy === "final") return count - 1;
    return this.#random.integers(this.strategy === "future" ? step : 0, count);
  }

  /** The goals that were reached by steps. */
  #reached(rows: Float32Array, steps: Int32Array): Float32Array {
    const { goalSize, achievedGoal } = this.goals;
    const goals = new Float32Array(steps.length * goalSize);
    steps.forEach((step, i) => {
      const at = step * this.layout.width + this.layout.next + achievedGoal;
      goals.set(rows.subarray(at, at + goalSize), i * goalSize);
    });
    return goals;
  }

  #setGoal(row: Float32Array, desired: Float32Array, copy: number): void {
    const { goalSize, desiredGoal } = this.goals;
    const goal = desired.subarray(copy * goalSize, (copy + 1) * goalSize);
    row.set(goal, desiredGoal);
    row.set(goal, this.layout.next + desiredGoal);
  }

  #storeCopy(row: Float32Array, reward: number): void {
    const passage = this.#passage;
    passage.observations = row;
    passage.actions = row;
    passage.actionAt = this.layout.action;
    passage.reward = reward;
    passage.nextObservations = row;
    passage.nextAt = this.layout.next;
    passage.terminated = row[this.layout.terminated];
    this.store(passage);
  }
}

function requireStrategy(strategy: GoalStrategy): void {
  if (strategies.includes(strategy)) return;
  throw new ConfigError(
    `HindsightReplay: strategy must be one of ${strategies.join(", ")}, got ${String(strategy)}`,
  );
}

function requireInside({ observationSize, goalSize, achievedGoal, desiredGoal }: GoalLayout): void {
  for (const at of [achievedGoal, desiredGoal]) {
    if (Number.isInteger(at) && at >= 0 && at + goalSize <= observationSize) continue;
    throw new ConfigError(
      `HindsightReplay: goals of ${goalSize} numbers must lie within observations of ` +
        `${observationSize}, got one at ${at}; goalLayout(space) finds where they lie`,
    );
  }
}

function requireNumbers(name: string, values: ArrayLike<number>, count: number): void {
  if (values.length !== count) {
    throw new ShapeError(
      `HindsightReplay: ${name} must return a number for each of ${count} pairs of goals, got ` +
        `${values.length}`,
    );
  }
  for (let i = 0; i < count; i++) {
    if (Number.isFinite(Math.fround(values[i]))) continue;
    throw new ConfigError(
      `HindsightReplay: ${name} must return finite numbers, got ${values[i]} for pair ${i}`,
    );
  }
}
