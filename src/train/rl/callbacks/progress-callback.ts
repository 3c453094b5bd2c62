import type { ProgressBar, ProgressOptions, ProgressValues } from "../../progress-bar.ts";
import { progressBar } from "../../progress-bar.ts";
import type { Callback, Training, TrainingEvaluation } from "../callback.ts";
import type { EpisodeRecord } from "../episode-record.ts";
import type { CurvePoint } from "../return-curve.ts";
import { returnCurve } from "../return-curve.ts";

/** Options of {@link ProgressCallback}. */
export interface ProgressCallbackOptions extends Omit<ProgressOptions, "total" | "start"> {
  /** Whether a terminal also shows the curve of returns. @defaultValue true */
  readonly hasCurve?: boolean;
  /** Return that counts as solved, drawn as a dashed line. */
  readonly goal?: number | undefined;
}

/** Lines of the curve, and milliseconds between two drawings of it. */
const curveRows = 8;
const curveMs = 200;
/** More points than this are thinned out by halves. */
const mostPoints = 2000;

/**
 * Shows how far a training is: on a terminal a curve of the returns of episodes above a bar, a line
 * now and then elsewhere.
 */
export class ProgressCallback implements Callback {
  readonly #options: ProgressCallbackOptions;
  readonly #stream: NonNullable<ProgressOptions["stream"]>;
  readonly #isLive: boolean;
  #bar: ProgressBar | null = null;
  #points: CurvePoint[] = [];
  #drawnAt = -Infinity;
  #drawnLines = 0;
  #values: ProgressValues = {};

  constructor(options: ProgressCallbackOptions = {}) {
    this.#options = options;
    this.#stream = options.stream ?? process.stderr;
    const mode = options.mode ?? (this.#stream.isTTY === true ? "bar" : "lines");
    this.#isLive = mode === "bar" && options.hasCurve !== false;
  }

  onTrainingStart({ steps, totalSteps }: Training): void {
    const { hasCurve: _curve, goal: _goal, ...options } = this.#options;
    this.#bar = progressBar({ label: "training", ...options, total: totalSteps, start: steps });
  }

  onEpisodeEnd(training: Training, episode: EpisodeRecord): void {
    this.#values = { ...this.#values, return: training.rollout.meanReturn };
    if (!this.#isLive) return;
    this.#points.push([training.steps, episode.return]);
    if (this.#points.length > mostPoints) this.#points = this.#points.filter((_, i) => i % 2 === 0);
    this.#draw(training);
  }

  onStep({ steps }: Training): void {
    this.#bar?.update(steps, this.#values);
  }

  onEvaluation(
    _training: Training,
    { step, meanReturn, stdReturn, isBest }: TrainingEvaluation,
  ): void {
    const best = isBest ? " (best)" : "";
    this.note(
      `step ${step}: mean return ${meanReturn.toFixed(2)} ± ${stdReturn.toFixed(2)}${best}`,
    );
  }

  onTrainingEnd(training: Training): void {
    this.#drawnAt = -Infinity;
    if (this.#isLive) this.#draw(training);
  }

  /** Prints a line above bar and curve. */
  note(text: string): void {
    this.#clearCurve();
    if (this.#bar === null) this.#stream.write(`${text}\n`);
    else this.#bar.note(text);
    this.#drawnAt = -Infinity;
  }

  close(): void {
    this.#bar?.close();
    this.#bar = null;
    // The curve stays where it is.
    this.#drawnLines = 0;
  }

  #draw({ totalSteps }: Training): void {
    const now = (this.#options.now ?? (() => performance.now()))();
    if (now - this.#drawnAt < curveMs || this.#points.length < 2) return;
    this.#drawnAt = now;
    this.#clearCurve();
    const columns = Math.min(78, (this.#stream.columns || 80) - 1);
    const { goal } = this.#options;
    const lines = returnCurve(this.#points, { columns, rows: curveRows, totalSteps, goal });
    this.#drawnLines = lines.length;
    // The bar is drawn again by its next update, below the curve.
    this.#stream.write(`\r\x1b[2K${lines.join("\n")}\n`);
  }

  /** The curve stands right above the line of the bar. */
  #clearCurve(): void {
    if (this.#drawnLines === 0) return;
    this.#stream.write(`\r\x1b[2K\x1b[${this.#drawnLines}A\x1b[J`);
    this.#drawnLines = 0;
  }
}
