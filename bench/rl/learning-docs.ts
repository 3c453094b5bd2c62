import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { writeSection } from "../docs.ts";
import { learningPictures } from "./learning-charts.ts";
import type { LearningGroup } from "./learning-groups.ts";
import { meanReturn } from "./learning-groups.ts";
import { argumentTable, goalLines, learningTable } from "./learning-table.ts";
import type { RunRecord } from "./run-process.ts";

const command = "npm run bench:rl:learning -- --write-docs";
const pictureFolder = "docs/images/rl";
const dataFile = "docs/data/rl-learning.jsonl";

const unique = (texts: readonly string[]): string => [...new Set(texts)].toSorted().join("; ");

/** Machine, versions, days, and how busy the machine was. */
function footer(runs: readonly RunRecord[]): string {
  const days = runs.map(({ date }) => date.slice(0, 10)).toSorted();
  const loads = runs.map(({ load }) => load);
  const span = days[0] === days[days.length - 1] ? days[0] : `${days[0]} to ${days.at(-1)}`;
  return (
    `${unique(runs.map(({ machine }) => machine))}; ` +
    `${unique(runs.map(({ ready }) => ready.versions))}; ${span}; load average before the runs ` +
    `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}.`
  );
}

/** A run in one line: mean returns over steps and seconds. */
function dataLine({
  task,
  side,
  recipe,
  date,
  machine,
  load,
  ready,
  evaluations,
  done,
}: RunRecord): string {
  const short = (value: number): number => Number(value.toPrecision(6));
  const curve = evaluations.map((line) => [
    line.step,
    short(meanReturn(line)),
    short(line.cpu - line.evaluationCpu),
    short(line.wall - line.evaluationWall),
  ]);
  const { algorithm, seed, threads } = recipe;
  const facts = { task, algorithm, side, seed, threads, date, machine, load, ready, done, recipe };
  return JSON.stringify({ ...facts, columns: ["step", "return", "cpu", "wall"], curve });
}

/** Puts table and pictures into docs/rl.md, and the runs behind them beside it. */
export function writeLearningDocs(groups: readonly LearningGroup[], root: string): void {
  const pictures = learningPictures(groups);
  const folder = `${root}/${pictureFolder}`;
  mkdirSync(folder, { recursive: true });
  const old = readdirSync(folder).filter((name) => name.endsWith(".svg"));
  for (const name of old) rmSync(`${folder}/${name}`);
  for (const { name, svg } of pictures) writeFileSync(`${folder}/${name}.svg`, svg);
  const runs = groups.flatMap((group) => group.runs);
  mkdirSync(`${root}/docs/data`, { recursive: true });
  writeFileSync(`${root}/${dataFile}`, `${runs.map(dataLine).join("\n")}\n`);
  const argument = argumentTable(groups);
  const parts = [
    learningTable(groups),
    `Goals: ${goalLines(groups)}.`,
    ...(argument === undefined ? [] : ["### What continuous actions are for", argument]),
    ...pictures.map(({ name, title }) => `![${title}](images/rl/${name}.svg)`),
    `Every run with its curve: [${dataFile.replace("docs/", "")}](${dataFile.replace("docs/", "")}). ${footer(runs)}`,
  ];
  writeSection("docs/rl.md", parts.join("\n\n"), command);
}
