import { CartPole } from "./envs/cart-pole.ts";
import { LqrTracking, lqrTrackingSteps } from "./envs/lqr-tracking.ts";
import { MountainCarContinuous } from "./envs/mountain-car-continuous.ts";
import { MountainCar } from "./envs/mountain-car.ts";
import { Pendulum } from "./envs/pendulum.ts";
import { mujocoEnvs } from "./mujoco/mujoco-envs.ts";
import type { EnvRegistration } from "./registry.ts";

/** The tasks that {@link make} knows without being told. */
export const builtInEnvs: readonly EnvRegistration[] = [
  { id: "Pendulum-v1", create: (options) => new Pendulum(options), maxEpisodeSteps: 200 },
  {
    id: "MountainCarContinuous-v0",
    create: (options) => new MountainCarContinuous(options),
    maxEpisodeSteps: 999,
    rewardThreshold: 90,
  },
  {
    id: "MountainCar-v0",
    create: (options) => new MountainCar(options),
    maxEpisodeSteps: 200,
    rewardThreshold: -110,
  },
  {
    id: "CartPole-v1",
    create: (options) => new CartPole(options),
    maxEpisodeSteps: 500,
    rewardThreshold: 475,
  },
  {
    id: "LqrTracking-v0",
    create: (options) => new LqrTracking(options),
    maxEpisodeSteps: lqrTrackingSteps,
  },
  ...mujocoEnvs,
];
