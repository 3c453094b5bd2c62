import type { DigitsEvaluation, DigitsSettings } from "./digits.ts";
import type { LogEvent } from "./jsonl-logger.ts";
import { formatDuration } from "./progress-bar.ts";
import { confusionTable } from "./report/confusion-table.ts";
import { eventCurve } from "./report/event-curve.ts";
import type { CaptionedPicture } from "./report/image-grid.ts";
import { imageGrid } from "./report/image-grid.ts";
import { lineChart } from "./report/line-chart.ts";
import type { Markup } from "./report/markup.ts";
import { markup } from "./report/markup.ts";
import { charts, writeReport } from "./report/report.ts";

/** What the report on a run is made of. */
export interface DigitsRun {
  readonly settings: DigitsSettings;
  readonly evaluation: DigitsEvaluation;
  /** Spent in training, over all parts of the run. */
  readonly seconds: number;
  readonly events: readonly LogEvent[];
  readonly trainCount: number;
  readonly stepsPerEpoch: number;
  readonly parameters: number;
  readonly device: string;
}

const mostMistakes = 24;
const whole = (value: number): string => value.toLocaleString("en-US");
const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** Writes the report on a run of `train digits`. */
export async function writeDigitsReport(path: string, run: DigitsRun): Promise<void> {
  const { settings, evaluation, seconds, trainCount } = run;
  const { confusion, labels } = evaluation;
  const errors = labels.length - confusion.correct;
  const seen = run.stepsPerEpoch * settings.epochs * settings.batchSize;
  await writeReport(path, {
    title: "Handwritten digits",
    lead:
      `A convolutional net trained on ${whole(trainCount)} digits of MNIST and judged on ` +
      `${whole(labels.length)} that it never saw.`,
    summary: [
      ["Held-out accuracy", percent(evaluation.accuracy, 2)],
      ["Errors", `${whole(errors)} of ${whole(labels.length)}`],
      ["Held-out loss", evaluation.loss.toFixed(4)],
      ["Training time", formatDuration(seconds)],
      ["Images per second", whole(Math.round(seen / seconds))],
      ["Epochs", String(settings.epochs)],
      ["Steps", whole(run.stepsPerEpoch * settings.epochs)],
      ["Batch size", String(settings.batchSize)],
      ["Learning rate", String(settings.lr)],
      ["Seed", String(settings.seed)],
      ["Parameters", whole(run.parameters)],
      ["Device", run.device],
    ],
    sections: [
      {
        heading: "Training",
        note:
          "The bold loss is a moving mean of the faint one, measured on shifted images and with " +
          "smoothed labels, so that it stays above the held-out loss.",
        content: trainingCharts(run.events),
      },
      {
        heading: "Confusions",
        note: "Rows are what the digit is, columns what the net read. Every red cell is an error.",
        content: confusionTable(confusion, "0 1 2 3 4 5 6 7 8 9".split(" ")),
      },
      {
        heading: "Worst mistakes",
        note: "Held-out digits that were misread, the surest mistake first.",
        content: worstMistakes(evaluation),
      },
    ],
    footer: `athanor train digits · Node ${process.version} · ${new Date().toISOString().slice(0, 10)}`,
  });
}

function trainingCharts(events: readonly LogEvent[]): Markup {
  const loss = lineChart({
    title: "Loss",
    series: [
      { name: "training", points: eventCurve(events, "step-end", "loss"), smoothing: 0.93 },
      { name: "held out", points: eventCurve(events, "epoch-end", "heldOutLoss"), dots: true },
    ],
    xLabel: "step",
    yLabel: "cross-entropy",
    logY: true,
    width: 960,
  });
  const accuracy = lineChart({
    title: "Held-out accuracy",
    series: [{ name: "accuracy", points: eventCurve(events, "epoch-end", "accuracy"), dots: true }],
    xLabel: "step",
    format: (value) => percent(value),
    width: 470,
    height: 250,
  });
  const rate = lineChart({
    title: "Learning rate",
    series: [{ name: "learning rate", points: eventCurve(events, "step-end", "lr") }],
    xLabel: "step",
    width: 470,
    height: 250,
  });
  return charts(loss, accuracy, rate);
}

function worstMistakes(evaluation: DigitsEvaluation): Markup {
  const { images, labels, predicted, probabilities } = evaluation;
  const wrong = [...labels.keys()].filter((i) => labels[i] !== predicted[i]);
  if (wrong.length === 0) return markup`<p>None: every held-out digit was read correctly.</p>`;
  const sureness = (i: number): number => probabilities[i * 10 + predicted[i]];
  const pictures = wrong
    .toSorted((a, b) => sureness(b) - sureness(a))
    .slice(0, mostMistakes)
    .map((i): CaptionedPicture => {
      // Dark ink on white paper reads better than the data's white on black.
      const data = Uint8Array.from(images.data.subarray(i * 784, (i + 1) * 784), (v) => 255 - v);
      return {
        picture: { width: 28, height: 28, channels: 1, data },
        caption: `${labels[i]} read as ${predicted[i]}`,
        note: `${percent(sureness(i))} sure`,
      };
    });
  return imageGrid(pictures);
}
