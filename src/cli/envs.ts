import { AthanorError } from "../base/errors.ts";
import type { EnvRegistration } from "../rl/registry.ts";
import { make, registrations } from "../rl/registry.ts";
import type { Command } from "./command.ts";

/** An environment as the table shows it. */
interface EnvReport {
  readonly id: string;
  /** Null where what it needs is not installed. */
  readonly observationSpace: string | null;
  readonly actionSpace: string | null;
  readonly maxEpisodeSteps: number | null;
  readonly rewardThreshold: number | null;
  /** A package that must be installed. */
  readonly needs: string | null;
  readonly error?: string;
}

async function report(registration: EnvRegistration): Promise<EnvReport> {
  const { id, maxEpisodeSteps = null, rewardThreshold = null, needs = null } = registration;
  const facts = { id, maxEpisodeSteps, rewardThreshold, needs };
  try {
    using env = await make(id);
    const { observationSpace, actionSpace } = env;
    return {
      ...facts,
      observationSpace: String(observationSpace),
      actionSpace: String(actionSpace),
    };
  } catch (error) {
    if (!(error instanceof AthanorError)) throw error;
    return { ...facts, observationSpace: null, actionSpace: null, error: error.message };
  }
}

/** Bounds that differ from element to element are left to the JSON. */
function shortSpace(space: string | null): string {
  return space?.replace(/^Box\(\[.*?\], \[.*?\], /, "Box(…, ") ?? "?";
}

const columns = ["id", "observations", "actions", "steps", "solved at", "needs"] as const;

function tableOf(reports: readonly EnvReport[]): string {
  const rows = reports.map((env) => [
    env.id,
    shortSpace(env.observationSpace),
    shortSpace(env.actionSpace),
    String(env.maxEpisodeSteps ?? "–"),
    String(env.rewardThreshold ?? "–"),
    env.needs === null ? "" : env.error === undefined ? env.needs : `npm install ${env.needs}`,
  ]);
  const all = [[...columns], ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `athanor envs`. */
export const envsCommand: Command = {
  name: "envs",
  summary: "List the environments that agents can learn.",
  description:
    "Prints a table: what an environment shows (Box(low, high, shape, dtype)), which actions it " +
    "takes, after how many steps an episode is cut, the mean return that counts as solved, and the " +
    "npm package it needs.",
  flags: { json: { description: "Print a JSON list instead." } },
  examples: [["envs", "All environments."]],
  async run(values, terminal) {
    const reports: EnvReport[] = [];
    for (const registration of registrations()) reports.push(await report(registration));
    terminal.out(
      values["json"] === true ? `${JSON.stringify(reports, null, 2)}\n` : `${tableOf(reports)}\n`,
    );
    return 0;
  },
};
