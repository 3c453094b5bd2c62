import { readFileSync } from "node:fs";
import type { LogEvent } from "../jsonl-logger.ts";
import { formatDuration, formatNumber } from "../progress-bar.ts";
import { eventCurve } from "../report/event-curve.ts";
import { lineChart } from "../report/line-chart.ts";
import type { Markup } from "../report/markup.ts";
import { markup } from "../report/markup.ts";
import type { ReportSection } from "../report/report.ts";
import { charts, writeReport } from "../report/report.ts";
import type { AgentSettings } from "./agent-settings.ts";
import type { PolicyEvaluation } from "./evaluate-policy.ts";
import type { LearnResult } from "./learn.ts";
import type { FilmFiles } from "./policy-video.ts";

/** What the report on a run is made of. */
export interface AgentRunReport {
  readonly settings: AgentSettings;
  readonly learned: LearnResult;
  /** Of the best policy. */
  readonly evaluation: PolicyEvaluation;
  /** Null where the environment cannot be drawn. */
  readonly film: FilmFiles | null;
  readonly events: readonly LogEvent[];
}

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const small = { xLabel: "step", width: 470, height: 250 };

/** Writes the report on a run of `train ddpg`, `td3`, `sac` or `dqn`. */
export async function writeAgentReport(path: string, run: AgentRunReport): Promise<void> {
  const { settings, learned, evaluation } = run;
  const { algorithm, env, seed, numEnvs } = settings;
  const { meanReturn, stdReturn, episodes, successRate } = evaluation;
  const ended = learned.reason === null ? "All steps were taken" : `Ended early: ${learned.reason}`;
  const success: [string, string][] = Number.isFinite(successRate)
    ? [["Success", `${(100 * successRate).toFixed(0)} %`]]
    : [];
  await writeReport(path, {
    title: `${algorithm.toUpperCase()} on ${env}`,
    lead: `${ended}. The best policy, judged on ${episodes.length} episodes that it had never met.`,
    summary: [
      ["Mean return", meanReturn.toFixed(1)],
      ["Standard deviation", stdReturn.toFixed(1)],
      ...success,
      ["Steps", whole(learned.steps)],
      ["Episodes", whole(learned.episodes)],
      ["Updates", whole(learned.updates)],
      ["Training time", formatDuration(learned.seconds)],
      ["Steps per second", whole(learned.steps / learned.seconds)],
      ["Environments", String(numEnvs)],
      ["Seed", String(seed)],
    ],
    sections: [
      {
        heading: "Learning",
        note:
          "Each episode of training is a point of the faint curve, its moving mean is bold; noise is " +
          "on. The evaluations are without noise; the band is one standard deviation of their returns.",
        content: learningCurve(run),
      },
      {
        heading: "Nets",
        note:
          "Q should meet the discounted return that was really seen. Far above it, the critic " +
          "overestimates. Saturated actions lie in the outermost hundredth of their range.",
        content: netCharts(run.events),
      },
      ...filmSection(run.film),
      {
        heading: "Settings",
        note: "All options of the algorithm, defaults included.",
        content: settingsTable(settings),
      },
    ],
    footer: `athanor train ${algorithm} · Node ${process.version} · ${new Date().toISOString().slice(0, 10)}`,
  });
}

function learningCurve({ settings, events }: AgentRunReport): Markup {
  const evaluations = events.filter(({ event }) => event === "evaluation-end");
  const band = evaluations.map(({ step, meanReturn, stdReturn }) => {
    const [mean, std] = [Number(meanReturn), Number(stdReturn)];
    return [Number(step), mean - std, mean + std] as const;
  });
  const points = eventCurve(events, "evaluation-end", "meanReturn");
  const { stopAt } = settings;
  return charts(
    lineChart({
      title: "Return",
      series: [
        { name: "training", points: eventCurve(events, "episode-end", "return"), smoothing: 0.9 },
        { name: "evaluation", points, band, dots: true },
      ],
      ...(stopAt !== null && { marks: [{ y: stopAt, label: `goal ${formatNumber(stopAt)}` }] }),
      xLabel: "step",
      yLabel: "sum of rewards",
      width: 960,
    }),
  );
}

function netCharts(events: readonly LogEvent[]): Markup {
  const curve = (name: string): (readonly [number, number])[] =>
    eventCurve(events, "metrics", name);
  const chart = (
    title: string,
    names: Readonly<Record<string, string>>,
    logY = false,
  ): Markup[] => {
    const series = Object.entries(names)
      .map(([name, key]) => ({ name, points: curve(key) }))
      .filter(({ points }) => points.length > 0);
    return series.length === 0 ? [] : [lineChart({ title, series, logY, ...small })];
  };
  const lengths = eventCurve(events, "episode-end", "length");
  return charts(
    ...chart("Values", {
      "mean Q": "train/q_mean",
      "mean target": "train/target_q_mean",
      "return seen": "rollout/discounted_return",
    }),
    ...chart("Loss of the critic", { critic: "train/critic_loss", Q: "train/loss" }, true),
    ...chart("Loss of the actor", { actor: "train/actor_loss" }),
    ...chart("Saturated actions", {
      "in training": "rollout/action_saturation",
      "of the actor": "train/saturation",
    }),
    ...chart("Temperature", { ent_coef: "train/ent_coef" }, true),
    lineChart({
      title: "Length of episodes",
      series: [{ name: "steps", points: lengths, smoothing: 0.9 }],
      ...small,
    }),
    ...chart("Steps per second", { steps: "time/fps" }),
  );
}

function filmSection(film: FilmFiles | null): ReportSection[] {
  if (film === null) return [];
  const { gifPath, stripPath } = film;
  const image = (path: string, type: string, alt: string, width: string): Markup => {
    const data = readFileSync(path).toString("base64");
    return markup`<img src="data:image/${type};base64,${data}" alt="${alt}" style="${width};border-radius:6px;margin-bottom:0.9rem">`;
  };
  const video =
    gifPath === null
      ? []
      : [image(gifPath, "gif", "The best policy at work", "width:min(100%,20rem)")];
  const strip = image(stripPath, "png", "Eight moments of the same episode", "width:100%");
  return [
    {
      heading: "What it does",
      note: "The first seconds of an episode of the best policy, and eight moments of them.",
      content: markup`<div>${video}</div>${strip}`,
    },
  ];
}

function settingsTable({ learner, ...rest }: AgentSettings): Markup {
  const rows = Object.entries({ ...rest, ...learner }).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return markup`<div class="fact"><dt>${name}</dt><dd>${text}</dd></div>`;
  });
  return markup`<dl>${rows}</dl>`;
}
