import type { Algorithm, Recipe } from "./protocol.ts";
import type { Side } from "./run-process.ts";
import type { RunStore } from "./run-store.ts";
import type { Task } from "./tasks.ts";
import { dqnOutputs, mostDqnOutputs, recipeOf } from "./tasks.ts";

/** One run to do. */
export interface PlannedRun {
  readonly task: Task;
  readonly side: Side;
  readonly recipe: Recipe;
}

/** What to run. */
export interface PlanOptions {
  readonly tasks: readonly Task[];
  readonly algorithms: readonly Algorithm[];
  readonly sides: readonly Side[];
  readonly seeds: readonly number[];
  readonly steps?: number | undefined;
  readonly threads: number;
  readonly stopAtGate: boolean;
}

/** Which runs there are, in which order. */
export class LearningPlan {
  readonly #runs: readonly PlannedRun[];

  constructor({ tasks, algorithms, sides, seeds, ...rest }: PlanOptions) {
    // Seed by seed, so that medians grow alike; another contender goes first each time.
    this.#runs = seeds.flatMap((seed, turn) =>
      tasks.flatMap((task) =>
        algorithms.flatMap((algorithm) => {
          const able = sides.filter((side) => canRun(task, algorithm, side));
          const first = turn % Math.max(1, able.length);
          return [...able.slice(first), ...able.slice(0, first)].map((side): PlannedRun => {
            const { steps, threads, stopAtGate } = rest;
            const choice = { algorithm, seed, threads, stopAtGate, isZoo: side === "sb3-zoo" };
            const recipe = recipeOf(task, steps === undefined ? choice : { ...choice, steps });
            return { task, side, recipe };
          });
        }),
      ),
    );
  }

  /** Runs that are not there yet. */
  missing(store: RunStore): PlannedRun[] {
    return this.#runs.filter(({ task, side, recipe }) => !store.has(task.name, side, recipe));
  }

  /** About how long a run takes: as long as others of its kind did, a moment if there was none. */
  secondsOf({ task, side, recipe }: PlannedRun, store: RunStore): number {
    const alike = store
      .all()
      .filter((run) => run.task === task.name && run.side === side)
      .filter((run) => run.recipe.algorithm === recipe.algorithm);
    const seconds = alike.map((run) => (run.processSeconds * recipe.steps) / run.done.steps);
    return Math.max(0, ...seconds);
  }
}

/** Whether somebody can run it: peers only what Gymnasium has, DQN only what can be written down. */
function canRun(task: Task, algorithm: Algorithm, side: Side): boolean {
  if (side !== "athanor" && !task.hasPeers) return false;
  if (side === "sb3-zoo" && (task.zoo === undefined || !["ddpg", "td3"].includes(algorithm))) {
    return false;
  }
  return algorithm !== "dqn" || dqnOutputs(task) <= mostDqnOutputs;
}
