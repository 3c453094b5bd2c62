import type { EnvRegistration } from "../registry.ts";
import { HalfCheetahEnv } from "./envs/half-cheetah.ts";
import { HopperEnv } from "./envs/hopper.ts";
import { InvertedDoublePendulumEnv } from "./envs/inverted-double-pendulum.ts";
import { InvertedPendulumEnv } from "./envs/inverted-pendulum.ts";
import { ReacherEnv } from "./envs/reacher.ts";
import { SwimmerEnv } from "./envs/swimmer.ts";
import { Walker2dEnv } from "./envs/walker2d.ts";

const needs = "@mujoco/mujoco";

/** Gymnasium's v5 tasks; the package is loaded when the first is made. */
export const mujocoEnvs: readonly EnvRegistration[] = [
  {
    id: "InvertedPendulum-v5",
    create: (options) => InvertedPendulumEnv.create(options),
    maxEpisodeSteps: 1000,
    rewardThreshold: 950,
    needs,
  },
  {
    id: "InvertedDoublePendulum-v5",
    create: (options) => InvertedDoublePendulumEnv.create(options),
    maxEpisodeSteps: 1000,
    rewardThreshold: 9100,
    needs,
  },
  {
    id: "HalfCheetah-v5",
    create: (options) => HalfCheetahEnv.create(options),
    maxEpisodeSteps: 1000,
    rewardThreshold: 4800,
    needs,
  },
  {
    id: "Hopper-v5",
    create: (options) => HopperEnv.create(options),
    maxEpisodeSteps: 1000,
    rewardThreshold: 3800,
    needs,
  },
  {
    id: "Walker2d-v5",
    create: (options) => Walker2dEnv.create(options),
    maxEpisodeSteps: 1000,
    needs,
  },
  {
    id: "Reacher-v5",
    create: (options) => ReacherEnv.create(options),
    maxEpisodeSteps: 50,
    rewardThreshold: -3.75,
    needs,
  },
  {
    id: "Swimmer-v5",
    create: (options) => SwimmerEnv.create(options),
    maxEpisodeSteps: 1000,
    rewardThreshold: 360,
    needs,
  },
];
