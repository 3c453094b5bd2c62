import type { GptSummary } from "./gpt.ts";
import type { LogEvent } from "./jsonl-logger.ts";
import { formatDuration } from "./progress-bar.ts";
import { eventCurve } from "./report/event-curve.ts";
import { lineChart } from "./report/line-chart.ts";
import type { Markup } from "./report/markup.ts";
import { markup } from "./report/markup.ts";
import { charts, writeReport } from "./report/report.ts";

/** What the report on a run is made of. */
export interface GptRunReport extends GptSummary {
  readonly text: string;
  readonly trainTokens: number;
  readonly heldOutTokens: number;
  readonly parameters: number;
  readonly device: string;
  readonly events: readonly LogEvent[];
}

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Writes the report on a run of `train gpt`. */
export async function writeGptReport(path: string, run: GptRunReport): Promise<void> {
  const { settings, mfu, tokensPerSecond } = run;
  const { layers, heads, width, context, batch, accumulate } = settings;
  const speed: [string, string][] = [];
  if (tokensPerSecond !== undefined) speed.push(["Tokens per second", whole(tokensPerSecond)]);
  if (mfu !== undefined) speed.push(["Model FLOPs utilisation", `${(100 * mfu).toFixed(1)} %`]);
  await writeReport(path, {
    title: "A GPT from nothing",
    lead:
      `A transformer of ${whole(run.parameters)} parameters, trained on ${whole(run.trainTokens)} ` +
      `tokens of ${run.text} and judged on ${whole(run.heldOutTokens)} that it never saw.`,
    summary: [
      ["Held-out loss", run.heldOutLoss.toFixed(4)],
      ["Bits per byte", run.bitsPerByte.toFixed(3)],
      ...speed,
      ["Training time", formatDuration(run.seconds)],
      ["Steps", whole(run.step)],
      ["Tokens seen", whole(run.tokens)],
      ["Layers, heads, width", `${layers}, ${heads}, ${width}`],
      ["Context", whole(context)],
      ["Sequences per step", whole(batch * accumulate)],
      ["Learning rate", String(settings.lr)],
      ["Precision", settings.precision],
      ["Tokens", settings.tokenizer],
      ["Seed", String(settings.seed)],
      ["Device", run.device],
    ],
    sections: [
      {
        heading: "Training",
        note: "The bold loss is a moving mean of the faint one. Both are per token, in nats.",
        content: trainingCharts(run.events),
      },
      {
        heading: "Sample",
        note: "Drawn from the trained model, token by token.",
        content: markup`<pre class="sample">${run.sample}</pre>`,
      },
    ],
    footer: `athanor train gpt · Node ${process.version} · ${new Date().toISOString().slice(0, 10)}`,
  });
}

function trainingCharts(events: readonly LogEvent[]): Markup {
  const size = { width: 470, height: 250 };
  const loss = lineChart({
    title: "Loss",
    series: [
      { name: "training", points: eventCurve(events, "step-end", "loss"), smoothing: 0.93 },
      {
        name: "held out",
        points: eventCurve(events, "evaluation-end", "heldOutLoss"),
        dots: true,
      },
    ],
    xLabel: "step",
    yLabel: "cross-entropy",
    ...size,
  });
  const single = (title: string, field: string, smoothing = 0): Markup =>
    lineChart({
      title,
      series: [
        { name: title.toLowerCase(), points: eventCurve(events, "step-end", field), smoothing },
      ],
      xLabel: "step",
      ...size,
    });
  return charts(
    loss,
    single("Learning rate", "lr"),
    single("Tokens per second", "tokensPerSecond"),
    single("Norm of the gradient", "norm", 0.93),
  );
}
