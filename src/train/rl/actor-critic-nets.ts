import type { DeviceName } from "../../engine/devices.ts";
import type { Generator } from "../../tensor/generator.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Mlp } from "./mlp.ts";
import type { MlpOptions } from "./mlp.ts";
import { bothArchs } from "./off-policy-settings.ts";
import type { ActorCriticSettings } from "./off-policy-settings.ts";

/** Sizes and sources that all nets of an algorithm share. */
export interface NetPlace {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly generator: Generator;
  readonly device: DeviceName;
}

/** A policy net: observations → `outputs` numbers, before any tanh. */
export function makeActor(
  settings: ActorCriticSettings,
  { observationSize, generator, device }: NetPlace,
  outputs: number,
): Mlp {
  const { pi } = bothArchs(settings.netArch);
  return new Mlp({
    ...shape(settings),
    inputs: observationSize,
    outputs,
    hidden: pi,
    generator,
    device,
  });
}

/** A critic: observations and actions → values [batch, 1]; see {@link valueOf}. */
export function makeCritic(
  settings: ActorCriticSettings,
  { observationSize, actionSize, generator, device }: NetPlace,
): Mlp {
  const { qf } = bothArchs(settings.netArch);
  return new Mlp({
    ...shape(settings),
    inputs: observationSize,
    outputs: 1,
    hidden: qf,
    side: { inputs: actionSize, layer: settings.actionLayer },
    generator,
    device,
  });
}

function shape({
  activation,
  layerNorm,
  lastLayerInit,
}: ActorCriticSettings): Pick<MlpOptions, "activation" | "layerNorm" | "lastLayerInit"> {
  return { activation, layerNorm, lastLayerInit };
}

/** $Q(s, a)$. Shapes: observations [batch, …], actions [batch, …] → [batch]. */
export function valueOf(critic: Mlp, observations: Tensor, actions: Tensor): Tensor {
  return critic.forward(observations, actions).squeeze({ dim: 1 });
}
