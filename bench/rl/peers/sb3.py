"""Stable-Baselines3 with the same recipe, or with its own defaults where the recipe says so."""

import numpy as np
import stable_baselines3 as sb3
from torch import nn
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

from run import RECIPE, Clock, Evaluation, done, make_env, ready


def make_noise(size):
    noise = RECIPE["noise"]
    sigma = np.full(size, noise["sigma"])
    if noise["kind"] == "gaussian":
        return NormalActionNoise(np.zeros(size), sigma)
    return OrnsteinUhlenbeckActionNoise(np.zeros(size), sigma, noise["theta"], noise["dt"])


def policy_arguments():
    hidden = list(RECIPE["hidden"])
    policy = RECIPE["policyHidden"]
    arch = hidden if policy is None else {"pi": list(policy), "qf": hidden}
    activation = {"relu": nn.ReLU, "silu": nn.SiLU}[RECIPE["activation"]]
    return {"net_arch": arch, "activation_fn": activation}


def arguments(env):
    common = {
        "learning_rate": RECIPE["learningRate"],
        "buffer_size": min(RECIPE["bufferSize"], RECIPE["steps"]),
        "learning_starts": RECIPE["learningStarts"],
        "batch_size": RECIPE["batch"],
        "tau": RECIPE["tau"],
        "gamma": RECIPE["gamma"],
        "train_freq": 1,
        "gradient_steps": 1,
        "policy_kwargs": policy_arguments(),
    }
    algorithm = RECIPE["algorithm"]
    if algorithm == "dqn":
        exploration = {
            "exploration_fraction": RECIPE["explorationFraction"],
            "exploration_final_eps": RECIPE["finalEpsilon"],
        }
        return {**common, **exploration, "target_update_interval": 1}
    if algorithm == "sac":
        return {**common, "ent_coef": f"auto_{RECIPE['firstTemperature']}"}
    common["action_noise"] = make_noise(env.action_space.shape[0])
    if algorithm == "td3":
        common["policy_delay"] = RECIPE["policyDelay"]
        common["target_policy_noise"] = RECIPE["targetNoise"]
        common["target_noise_clip"] = RECIPE["targetNoiseClip"]
    return common


class Report(BaseCallback):
    """Evaluates as the other peers do; ends the run where the recipe says so."""

    def __init__(self, evaluation):
        super().__init__()
        self.evaluation = evaluation

    def act(self, observation):
        return self.model.predict(observation, deterministic=True)[0]

    # One step behind: at step n + 1, before its update, the net is that of the end of step n.
    def _on_step(self):
        step = self.num_timesteps - 1
        if step == 0 or not self.evaluation.is_due(step):
            return True
        return not self.evaluation.run(step, self.act)


def main():
    ready(f", Stable-Baselines3 {sb3.__version__}")
    clock = Clock()
    env = make_env()
    evaluation = Evaluation(clock)
    kind = {"ddpg": sb3.DDPG, "td3": sb3.TD3, "sac": sb3.SAC, "dqn": sb3.DQN}[RECIPE["algorithm"]]
    model = kind("MlpPolicy", env, seed=RECIPE["seed"], device="cpu", **arguments(env))
    report = Report(evaluation)
    model.learn(RECIPE["steps"], callback=report)
    steps = model.num_timesteps
    if steps == RECIPE["steps"] and evaluation.is_due(steps):
        evaluation.run(steps, report.act)
    done(clock, steps, model._n_updates)


if __name__ == "__main__":
    main()
