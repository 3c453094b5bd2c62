import { lineChartFile } from "athanor/train";
import type { LevelMark, LineChartOptions, Series } from "athanor/train";
import type { LearningGroup } from "./learning-groups.ts";
import { curveOf, gateOf, meanReturn } from "./learning-groups.ts";
import { digits, sideTitles } from "./learning-table.ts";
import { quartiles } from "./quartiles.ts";
import type { Algorithm } from "./protocol.ts";
import { sides } from "./run-process.ts";

/** A picture: name of its file, what it shows in words, SVG. */
export interface LearningPicture {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

const algorithmColours: Readonly<Record<Algorithm, number>> = { ddpg: 0, td3: 2, sac: 3, dqn: 4 };

type Point = readonly [x: number, y: number];

/** Curve of medians with the band between the quartiles, over what `x` picks. */
function seriesOf(group: LearningGroup, x: "step" | "cpu", name: string, colour: number): Series {
  // The random steps before cost next to nothing: on a logarithm they would be half of the picture.
  const from = x === "cpu" ? group.runs[0].recipe.learningStarts : 0;
  const curve = curveOf(group).filter((point) => point.step > from);
  return {
    name,
    colour,
    points: curve.map((point): Point => [point[x], point.returns.median]),
    band: curve.map(({ returns, ...point }) => [point[x], returns.low, returns.high] as const),
  };
}

function goalMark([{ runs }]: readonly LearningGroup[]): LevelMark[] {
  const gate = gateOf(runs[0]);
  return gate === null ? [] : [{ y: gate, label: "goal" }];
}

/** Published results of the algorithms that are shown, where the runs are about as long. */
function publishedMarks(groups: readonly LearningGroup[]): LevelMark[] {
  const [{ task, steps }] = groups;
  return (task.published ?? [])
    .filter((one) => 2 * steps >= one.steps)
    .filter((one) => groups.some(({ algorithm }) => algorithm === one.algorithm))
    .map((one) => ({ y: one.return, label: one.label }));
}

function picture(name: string, options: LineChartOptions): LearningPicture {
  const svg = lineChartFile({ format: digits, width: 720, height: 320, ...options });
  return { name, title: options.title, svg };
}

const seedsText = (groups: readonly LearningGroup[]): string => {
  const counts = [...new Set(groups.map(({ runs }) => runs.length))].toSorted((a, b) => a - b);
  if (counts.length === 1) return counts[0] === 1 ? "1 seed" : `${counts[0]} seeds`;
  return `${counts[0]} to ${counts[counts.length - 1]} seeds`;
};

const labels = { step: "environment steps", cpu: "CPU seconds" } as const;

/** All contenders of a task and algorithm. */
function sidePicture(groups: readonly LearningGroup[], x: "step" | "cpu"): LearningPicture {
  const [{ task, algorithm, steps, threads }] = groups;
  const title = `${task.title}, ${algorithm.toUpperCase()} over ${labels[x]}, ${seedsText(groups)}`;
  const over = x === "step" ? "steps" : "seconds";
  const suffix = threads === 1 ? "" : `-${threads}-threads`;
  return picture(`${task.name}-${algorithm}-${steps}-${over}${suffix}`, {
    title,
    series: groups.map((group) =>
      seriesOf(group, x, sideTitles[group.side], sides.indexOf(group.side)),
    ),
    xLabel: labels[x],
    yLabel: "mean return of an evaluation",
    logX: x === "cpu",
    marks: [...goalMark(groups), ...publishedMarks(groups)],
  });
}

/** All our algorithms on a task. */
function algorithmPicture(groups: readonly LearningGroup[]): LearningPicture {
  const [{ task, steps }] = groups;
  return picture(`${task.name}-${steps}-algorithms`, {
    title: `${task.title} over environment steps, ${seedsText(groups)}`,
    series: groups.map((group) =>
      seriesOf(group, "step", group.algorithm.toUpperCase(), algorithmColours[group.algorithm]),
    ),
    xLabel: labels.step,
    yLabel: "mean return of an evaluation",
    marks: [...goalMark(groups), ...publishedMarks(groups)],
  });
}

const dimensionsOf = ({ task }: LearningGroup): number => task.recipe.envOptions["d"] ?? 0;

/** How far from the optimum the last policies are, over the number of action dimensions. */
function dimensionPicture(groups: readonly LearningGroup[]): LearningPicture {
  const algorithms = [...new Set(groups.map(({ algorithm }) => algorithm))];
  const series = algorithms.map((algorithm): Series => {
    const points = groups
      .filter((group) => group.algorithm === algorithm)
      .toSorted((a, b) => dimensionsOf(a) - dimensionsOf(b))
      .map((group) => {
        const costs = group.runs.flatMap(({ evaluations, ready: { optimum } }) => {
          const line = evaluations.at(-1);
          return line === undefined || optimum === undefined ? [] : [meanReturn(line) / optimum];
        });
        return [dimensionsOf(group), quartiles(costs)] as const;
      });
    return {
      name: algorithm.toUpperCase(),
      colour: algorithmColours[algorithm],
      dots: true,
      points: points.map(([d, cost]): Point => [d, cost.median]),
      band: points.map(([d, cost]) => [d, cost.low, cost.high] as const),
    };
  });
  return picture("lqr-dimensions", {
    title: `LQR tracking: cost over that of the best policy, ${seedsText(groups)}`,
    series,
    xLabel: "action dimensions",
    yLabel: "cost / optimal cost",
    logX: true,
    format: (value) => `${digits(value)}×`,
    marks: [{ y: 1, label: "best policy" }],
  });
}

/** Groups that agree in what `key` says. */
function together(
  groups: readonly LearningGroup[],
  key: (group: LearningGroup) => string,
): LearningGroup[][] {
  const found = new Map<string, LearningGroup[]>();
  for (const group of groups) found.set(key(group), [...(found.get(key(group)) ?? []), group]);
  return [...found.values()];
}

/** All pictures that the runs allow. */
export function learningPictures(groups: readonly LearningGroup[]): LearningPicture[] {
  const bySide = together(
    groups.filter(({ side }) => side !== "sb3-zoo"),
    ({ task, algorithm, steps, threads }) => [task.name, algorithm, steps, threads].join(" "),
  );
  const own = groups.filter(({ side, threads }) => side === "athanor" && threads === 1);
  const byTask = together(
    own.filter(({ task }) => !task.name.startsWith("lqr")),
    ({ task, steps }) => `${task.name} ${steps}`,
  );
  const lqr = own.filter(({ task }) => task.name.startsWith("lqr"));
  return [
    ...bySide
      .filter((some) => some.length > 1)
      .flatMap((some) => [sidePicture(some, "step"), sidePicture(some, "cpu")]),
    ...byTask
      .filter((some) => some.length > 1 || some[0].task.published !== undefined)
      .map(algorithmPicture),
    ...(lqr.length === 0 ? [] : [dimensionPicture(lqr)]),
  ];
}
