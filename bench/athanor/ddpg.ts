import { Tensor, cat, grad, jit, realizeSync } from "athanor";
import * as nn from "athanor/nn";
import * as optim from "athanor/optim";
import { uniform } from "../inputs.ts";
import { checkedSteps, ddpgSizes, learningRate } from "../workload.ts";
import type { MakeWorkload } from "../workload.ts";
import { timeCompilation } from "./compile-time.ts";
import { seedWeights } from "./training.ts";

const { mseLoss } = nn.functional;

/** Two hidden layers with relu. */
function net(inputs: number, outputs: number, ...last: nn.Tanh[]): nn.Sequential {
  const { hidden } = ddpgSizes;
  return new nn.Sequential(
    new nn.Linear(inputs, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, outputs),
    ...last,
  );
}

/** One update of DDPG on a batch that lies on the device: one compiled program. */
export const ddpg: MakeWorkload = async () => {
  const { batch, observation, action, discount, tau } = ddpgSizes;
  const actor = net(observation, action, new nn.Tanh());
  const critic = net(observation + action, 1);
  const targetActor = net(observation, action, new nn.Tanh());
  const targetCritic = net(observation + action, 1);
  const parameters = [
    ...seedWeights(actor),
    ...seedWeights(critic, 50),
    ...seedWeights(targetActor),
    ...seedWeights(targetCritic, 50),
  ];
  const pairs = [
    [actor, targetActor],
    [critic, targetCritic],
  ] as const;
  const actorOptimizer = new optim.Adam(actor.parameters(), { lr: learningRate });
  const criticOptimizer = new optim.Adam(critic.parameters(), { lr: learningRate });
  const value = (q: nn.Sequential, state: Tensor, act: Tensor): Tensor =>
    q.forward(cat([state, act], { dim: 1 }));
  const random = (width: number, seed: number): Tensor =>
    Tensor.from(uniform(batch * width, seed), [batch, width]);
  const inputs = [
    random(observation, 1),
    random(action, 2),
    random(1, 3),
    random(observation, 4),
  ] as const;
  realizeSync(...parameters, ...inputs);

  const traced = timeCompilation((state: Tensor, act: Tensor, reward: Tensor, next: Tensor) => {
    const goal = value(targetCritic, next, targetActor.forward(next)).mul(discount).add(reward);
    const criticLoss = mseLoss(value(critic, state, act), goal.detach());
    criticOptimizer.step(grad(criticLoss, criticOptimizer.parameters));
    const actorLoss = value(critic, state, actor.forward(state)).mean().neg();
    actorOptimizer.step(grad(actorLoss, actorOptimizer.parameters));
    for (const [online, target] of pairs) {
      const from = online.parameters();
      target.parameters().forEach((parameter, i) => parameter.assign(parameter.lerp(from[i], tau)));
    }
    return criticLoss;
  });
  const step = jit(traced.fn);
  const run = (): Tensor => step(...inputs);
  const facts = traced.firstCall(run);
  return {
    run: () => run().dispose(),
    check: async () => {
      for (let i = 2; i < checkedSteps; i++) run().dispose();
      using last = run();
      return last.item();
    },
    facts: async () => facts,
  };
};
