import { markdown } from "../table.ts";
import type { LearningGroup } from "./learning-groups.ts";
import { meanReturn, reachedBy, stepMilliseconds } from "./learning-groups.ts";
import { quartiles } from "./quartiles.ts";
import type { Quartiles } from "./quartiles.ts";
import type { Algorithm } from "./protocol.ts";
import type { RunRecord, Side } from "./run-process.ts";
import { dqnOutputs, lqrDimensions, mostDqnOutputs, tasks } from "./tasks.ts";
import type { Task } from "./tasks.ts";

/** What people call the sides. */
export const sideTitles: Readonly<Record<Side, string>> = {
  athanor: "Athanor",
  torch: "PyTorch",
  sb3: "SB3",
  "sb3-zoo": "SB3, zoo's recipe",
};

/** Three digits that count. */
export function digits(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

const thousands = (value: number): string =>
  value >= 1000 ? `${digits(value / 1000)}k` : String(value);

/** `median (low … high)`; only the median of a single run. */
function spread({ low, median, high }: Quartiles, count: number, text = digits): string {
  if (!Number.isFinite(median)) return "not reached";
  if (count < 2) return text(median);
  return `${text(median)} (${text(low)} … ${Number.isFinite(high) ? text(high) : "never"})`;
}

/** How many times as long as ours a median is. */
function times(peer: number, own: number | undefined): string {
  if (own === undefined || !Number.isFinite(peer / own) || peer / own === 0) return "";
  return `${digits(peer / own)}×`;
}

const last = ({ evaluations }: RunRecord): number =>
  evaluations.length === 0 ? NaN : meanReturn(evaluations[evaluations.length - 1]);

interface Medians {
  readonly cpu: number;
  readonly step: number;
}

function mediansOf({ runs }: LearningGroup): Medians {
  return {
    cpu: quartiles(runs.map((run) => reachedBy(run).cpu)).median,
    step: quartiles(runs.map(stepMilliseconds)).median,
  };
}

/** Ours with the same task, algorithm and number of threads: what peers are compared with. */
function ownOf(group: LearningGroup, all: readonly LearningGroup[]): LearningGroup | undefined {
  // The zoo's recipe takes more steps to the same goal.
  return all.find(
    ({ side, task, algorithm, steps, threads }) =>
      side === "athanor" &&
      task === group.task &&
      algorithm === group.algorithm &&
      threads === group.threads &&
      (steps === group.steps || group.side === "sb3-zoo"),
  );
}

function line(group: LearningGroup, all: readonly LearningGroup[]): string[] {
  const { task, algorithm, side, steps, threads, runs } = group;
  const reached = runs.map(reachedBy);
  const solved = reached.filter(({ step }) => Number.isFinite(step)).length;
  const of = (pick: (run: RunRecord) => number): Quartiles => quartiles(runs.map(pick));
  const count = runs.length;
  const own = ownOf(group, all);
  const ours = own === undefined || own === group ? undefined : mediansOf(own);
  const mine = mediansOf(group);
  return [
    `${task.title}, ${thousands(steps)} steps`,
    algorithm.toUpperCase(),
    threads === 1 ? sideTitles[side] : `${sideTitles[side]}, ${threads} threads`,
    `${solved} of ${count}`,
    spread(quartiles(reached.map(({ step }) => step)), count, thousands),
    spread(quartiles(reached.map(({ wall }) => wall)), count),
    spread(quartiles(reached.map(({ cpu }) => cpu)), count),
    times(mine.cpu, ours?.cpu),
    Number.isNaN(mine.step) ? "" : digits(mine.step),
    times(mine.step, ours?.step),
    spread(of(last), count),
    thousands(Math.round(of((run) => run.ready.physics).median)),
  ];
}

/** One line for each contender of each task and algorithm. */
export function learningTable(groups: readonly LearningGroup[]): string {
  const header = [
    "task",
    "algorithm",
    "who",
    "solved",
    "steps to the goal",
    "s to the goal",
    "CPU s to the goal",
    "× ours",
    "ms a step",
    "× ours",
    "last return",
    "env steps / CPU s",
  ];
  return markdown(
    header,
    groups.map((group) => line(group, groups)),
  );
}

/** What a task's goal is, for those that appear. */
export function goalLines(groups: readonly LearningGroup[]): string {
  const shown = [...new Set(groups.map(({ task }) => task))];
  return shown.map(({ title, goal }) => `${title}: ${goal}`).join("; ");
}

const argumentAlgorithms: readonly Algorithm[] = ["ddpg", "td3", "sac", "dqn"];

function outputsText(task: Task): string {
  const outputs = dqnOutputs(task);
  return outputs > 1e9 ? outputs.toExponential(1).replace("e+", "e") : String(outputs);
}

function argumentCell(task: Task, algorithm: Algorithm, groups: readonly LearningGroup[]): string {
  const group = groups.find(
    (one) => one.task === task && one.algorithm === algorithm && one.side === "athanor",
  );
  if (algorithm === "dqn" && dqnOutputs(task) > mostDqnOutputs) return "cannot be written down";
  if (group === undefined) return "";
  const { runs } = group;
  const scale = (run: RunRecord): number => last(run) / (run.ready.optimum ?? 1);
  const seconds = quartiles(runs.map(({ done }) => done.cpu - done.evaluationCpu)).median;
  const result = spread(quartiles(runs.map(scale)), runs.length);
  return `${result}${runs[0].ready.optimum === undefined ? "" : " ×"}, ${digits(seconds)} s`;
}

/** The tasks that show what continuous actions are for, or undefined where none was run. */
export function argumentTable(groups: readonly LearningGroup[]): string | undefined {
  const names = ["pendulum", ...lqrDimensions.map((d) => `lqr-${d}`)];
  const own = groups.filter(({ side, task }) => side === "athanor" && names.includes(task.name));
  if (!own.some(({ task }) => task.name.startsWith("lqr"))) return undefined;
  const shown = tasks.filter(
    ({ name }) => names.includes(name) && own.some(({ task }) => task.name === name),
  );
  const header = ["task", "DQN's outputs", ...argumentAlgorithms.map((one) => one.toUpperCase())];
  return markdown(
    header,
    shown.map((task) => [
      task.title,
      `${task.recipe.bins}^${task.recipe.envOptions["d"] ?? 1} = ${outputsText(task)}`,
      ...argumentAlgorithms.map((algorithm) => argumentCell(task, algorithm, own)),
    ]),
  );
}
