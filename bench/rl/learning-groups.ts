import { quartiles } from "./quartiles.ts";
import type { Quartiles } from "./quartiles.ts";
import type { Algorithm, EvaluationLine } from "./protocol.ts";
import type { RunRecord, Side } from "./run-process.ts";
import { sides } from "./run-process.ts";
import type { Task } from "./tasks.ts";
import { tasks } from "./tasks.ts";

/** Runs that differ in nothing but the seed. */
export interface LearningGroup {
  readonly task: Task;
  readonly algorithm: Algorithm;
  readonly side: Side;
  readonly steps: number;
  readonly threads: number;
  readonly runs: readonly RunRecord[];
}

/** When a run's evaluation first reached the goal; seconds without evaluations. */
export interface Reached {
  readonly step: number;
  readonly cpu: number;
  readonly wall: number;
}

/** A point of a group's learning curve. */
export interface CurvePoint {
  readonly step: number;
  readonly returns: Quartiles;
  /** Medians of the seconds it took until there, without evaluations. */
  readonly cpu: number;
  readonly wall: number;
}

const never: Reached = { step: Infinity, cpu: Infinity, wall: Infinity };

/** Groups in the order of tasks, algorithms, sides. */
export function groupRuns(records: readonly RunRecord[]): LearningGroup[] {
  const groups = new Map<string, RunRecord[]>();
  for (const record of records) {
    const { algorithm, steps, threads } = record.recipe;
    const key = [record.task, steps, threads, algorithm, record.side].join(" ");
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  const order = ({ task, steps, algorithm, side }: LearningGroup): number[] => [
    tasks.indexOf(task),
    steps,
    ["ddpg", "td3", "sac", "dqn"].indexOf(algorithm),
    sides.indexOf(side),
  ];
  return [...groups.values()]
    .flatMap((runs) => {
      const [{ task: name, side, recipe }] = runs;
      const task = tasks.find((one) => one.name === name);
      const { algorithm, steps, threads } = recipe;
      return task === undefined ? [] : [{ task, algorithm, side, steps, threads, runs }];
    })
    .toSorted((a, b) => compare(order(a), order(b)));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at] - b[at];
}

/** Mean return of an evaluation. */
export function meanReturn({ returns }: EvaluationLine): number {
  return returns.reduce((sum, value) => sum + value, 0) / returns.length;
}

/** The return that counts as solved, or null. */
export function gateOf({ recipe, ready }: RunRecord): number | null {
  if (recipe.gateOfOptimum === null || ready.optimum === undefined) return recipe.gate;
  return recipe.gateOfOptimum * ready.optimum;
}

/** When a run first reached its goal; infinite where it never did. */
export function reachedBy(run: RunRecord): Reached {
  const gate = gateOf(run);
  const line = run.evaluations.find((one) => gate !== null && meanReturn(one) >= gate);
  if (line === undefined) return never;
  return {
    step: line.step,
    cpu: line.cpu - line.evaluationCpu,
    wall: line.wall - line.evaluationWall,
  };
}

/** Median and quartiles over the seeds at every evaluation that at least half of them reached. */
export function curveOf({ runs }: LearningGroup): CurvePoint[] {
  const byStep = new Map<number, EvaluationLine[]>();
  for (const line of runs.flatMap(({ evaluations }) => evaluations)) {
    byStep.set(line.step, [...(byStep.get(line.step) ?? []), line]);
  }
  return [...byStep]
    .filter(([, lines]) => 2 * lines.length >= runs.length)
    .toSorted(([a], [b]) => a - b)
    .map(([step, lines]) => ({
      step,
      returns: quartiles(lines.map(meanReturn)),
      cpu: quartiles(lines.map((line) => line.cpu - line.evaluationCpu)).median,
      wall: quartiles(lines.map((line) => line.wall - line.evaluationWall)).median,
    }));
}

/** CPU milliseconds of a step with its update, once updates run: programs are compiled by then. */
export function stepMilliseconds({ recipe, evaluations }: RunRecord): number {
  const learning = evaluations.filter(({ step }) => step > recipe.learningStarts);
  const [first, last] = [learning[0], learning.at(-1)];
  if (last === undefined || first === last) return NaN;
  const cpu = (line: EvaluationLine): number => line.cpu - line.evaluationCpu;
  return (1000 * (cpu(last) - cpu(first))) / (last.step - first.step);
}
