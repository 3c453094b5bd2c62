import type { PlayResult } from "../train/rl/play-agent.ts";
import { playAgent } from "../train/rl/play-agent.ts";
import type { Command, FlagValues, Terminal } from "./command.ts";
import { CommandLineError, parseFlags } from "./command.ts";
import { given, numberOf, textOf } from "./flag-reading.ts";
import { commandHelp } from "./help.ts";
import { onInterrupt } from "./interrupt.ts";
import { trainingFlags } from "./training-command.ts";

const { device, threads } = trainingFlags("");

function describeResult(result: PlayResult, video: string | undefined): string {
  const { algorithm, env, step, episodes, meanReturn, stdReturn, meanLength, successRate } = result;
  const success = Number.isFinite(successRate)
    ? `, success ${(100 * successRate).toFixed(0)} %`
    : "";
  return (
    `${algorithm} on ${env}, best policy of step ${step.toLocaleString("en-US")}\n` +
    `mean return ${meanReturn.toFixed(2)} ± ${stdReturn.toFixed(2)} over ${episodes.length} ` +
    `episodes of ${meanLength.toFixed(1)} steps${success}\n` +
    (video === undefined ? "" : `  video    ${video}\n`)
  );
}

function describeAsJson(result: PlayResult, video: string | undefined): string {
  const { algorithm, env, step, episodes, meanReturn, stdReturn, meanLength, successRate } = result;
  const returns = episodes.map((episode) => episode.return);
  const success = Number.isFinite(successRate) ? { successRate } : {};
  const facts = { algorithm, env, step, meanReturn, stdReturn, meanLength, ...success, returns };
  return `${JSON.stringify({ event: "play-end", ...facts, ...(video !== undefined && { video }) })}\n`;
}

async function play(run: string, values: FlagValues, terminal: Terminal): Promise<number> {
  const interrupt = onInterrupt(() => terminal.error("\nstopping after this episode ...\n"));
  const video = textOf(values, "video");
  try {
    const result = await playAgent({
      run,
      signal: interrupt.signal,
      ...given({
        episodes: numberOf(values, "episodes"),
        seed: numberOf(values, "seed"),
        video,
        device: textOf(values, "device"),
        threads: numberOf(values, "threads"),
      }),
    });
    const describe = values["json"] === true ? describeAsJson : describeResult;
    terminal.out(describe(result, video));
    return interrupt.signal.aborted ? 130 : 0;
  } finally {
    interrupt.dispose();
  }
}

/** `athanor play`. */
export const playCommand: Command = {
  name: "play",
  summary: "Let a trained policy play, and film it.",
  description:
    "Plays whole episodes with the best policy of a run of athanor train ddpg, td3, sac or dqn, " +
    "without noise, and prints the mean and standard deviation of their returns.\n\n" +
    "--video writes a GIF of the first 300 pictures (it needs the npm package sharp).",
  operands: "<run>",
  flags: {
    video: { type: "text", placeholder: "file", description: "Writes a GIF." },
    episodes: { type: "integer", min: 1, description: "Episodes to play. [10]" },
    seed: {
      type: "integer",
      min: 0,
      description: "Of the first episode; then one more. [3000000]",
    },
    device,
    threads,
    json: { description: "Print the result as a JSON line for machines." },
  },
  examples: [
    ["play runs/ddpg-Pendulum-v1", "Mean return over ten new episodes."],
    ["play runs/ddpg-Pendulum-v1 --video pendulum.gif --episodes 1", "A video of one episode."],
  ],
  async run(values, terminal, operands) {
    // Flags may stand after the folder too.
    const [run, ...rest] = operands;
    const all = { ...values, ...parseFlags(playCommand, rest) };
    if (all["help"] === true) {
      terminal.out(commandHelp(playCommand));
      return 0;
    }
    if (run !== undefined) return play(run, all, terminal);
    throw new CommandLineError(
      "play: a run's folder must be named, got none; write athanor play runs/ddpg-Pendulum-v1",
    );
  },
};
