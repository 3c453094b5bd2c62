import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DoneLine, EvaluationLine, ReadyLine, Recipe, RunLine } from "./protocol.ts";

/** Who learns: we, PyTorch alone, Stable-Baselines3 with our recipe or with that of its zoo. */
export const sides = ["athanor", "torch", "sb3", "sb3-zoo"] as const;
export type Side = (typeof sides)[number];

/** A finished run, as it is stored. */
export interface RunRecord {
  readonly task: string;
  readonly side: Side;
  readonly recipe: Recipe;
  readonly date: string;
  readonly machine: string;
  /** One-minute load average before the run: others on the machine. */
  readonly load: number;
  /** Of the whole process, with start and evaluations. */
  readonly processSeconds: number;
  readonly ready: ReadyLine;
  readonly evaluations: readonly EvaluationLine[];
  readonly done: DoneLine;
}

/** The lines of a finished process. */
export type RunLines = Pick<RunRecord, "processSeconds" | "ready" | "evaluations" | "done">;

const source = fileURLToPath(new URL("../../rl/", import.meta.url));

/** Script of a peer. */
function peerScript(side: Side, { algorithm }: Recipe): string {
  return `${source}peers/${side === "torch" ? `${algorithm}_torch` : "sb3"}.py`;
}

function start(side: Side, recipe: Recipe, python: string): ChildProcess {
  const text = JSON.stringify(recipe);
  const threads = String(recipe.threads);
  const env = {
    ...process.env,
    ATHANOR_THREADS: threads,
    OMP_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
  };
  const options: SpawnOptions = { stdio: ["ignore", "pipe", "pipe"], env };
  if (side !== "athanor") return spawn(python, [peerScript(side, recipe), text], options);
  const script = fileURLToPath(new URL("athanor-run.js", import.meta.url));
  return spawn(process.execPath, [script, text], options);
}

/**
 * Runs one recipe in a process of its own.
 *
 * @throws {Error} with what the process said last if it fails.
 */
export async function runRecipe(
  side: Side,
  recipe: Recipe,
  python: string,
  onEvaluation: (line: EvaluationLine) => void,
): Promise<RunLines> {
  const begin = performance.now();
  const child = start(side, recipe, python);
  const stop = (): void => void child.kill();
  process.once("exit", stop);
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => (errors = (errors + text.toString()).slice(-4000)));
  const lines: RunLine[] = [];
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (text) => {
      if (!text.startsWith("{")) return;
      const line = JSON.parse(text) as RunLine;
      lines.push(line);
      if (line.kind === "evaluation") onEvaluation(line);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  process.off("exit", stop);
  const ready = lines.find((line) => line.kind === "ready");
  const done = lines.find((line) => line.kind === "done");
  if (code !== 0 || ready === undefined || done === undefined) {
    throw new Error(`the process ended with code ${code}\n${errors}`.trim());
  }
  const evaluations = lines.filter((line) => line.kind === "evaluation");
  return { processSeconds: (performance.now() - begin) / 1000, ready, evaluations, done };
}
