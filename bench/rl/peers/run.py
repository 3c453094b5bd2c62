"""What every peer shares: the recipe, environments, evaluation, and lines of JSON (see protocol.ts)."""

import json
import sys
import time

import gymnasium
import numpy as np
import torch

RECIPE = json.loads(sys.argv[1])
torch.set_num_threads(RECIPE["threads"])
torch.manual_seed(RECIPE["seed"])


def say(kind, **fields):
    print(json.dumps({"kind": kind, **fields}), flush=True)


class BinnedActions(gymnasium.ActionWrapper):
    """Each action dimension cut into bins, all combinations of their middles numbered: for DQN."""

    def __init__(self, env, bins):
        super().__init__(env)
        low, high = env.action_space.low, env.action_space.high
        self.low, self.width = low, (high - low) / bins
        self.bins = bins
        self.size = low.size
        self.action_space = gymnasium.spaces.Discrete(bins**self.size)

    def action(self, index):
        digits = [index // self.bins**i % self.bins for i in reversed(range(self.size))]
        return (self.low + (np.array(digits) + 0.5) * self.width).astype(np.float32)


def make_env():
    env = gymnasium.make(RECIPE["env"])
    return BinnedActions(env, RECIPE["bins"]) if RECIPE["algorithm"] == "dqn" else env


def physics_speed(seconds=0.3):
    """Steps per CPU second of the environment alone, with one action drawn before each."""
    env = make_env()
    env.reset(seed=1)
    env.action_space.seed(1)
    steps, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for _ in range(100):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        steps += 100
    rate = steps / (time.process_time() - start)
    env.close()
    return rate


class Clock:
    """Wall and CPU seconds since the start, and of these what evaluations took."""

    def __init__(self):
        self.start = self.now()
        self.evaluation = (0.0, 0.0)

    @staticmethod
    def now():
        return time.perf_counter(), time.process_time()

    @staticmethod
    def since(start):
        return tuple(b - a for a, b in zip(start, Clock.now()))

    def fields(self):
        total = self.since(self.start)
        return {
            "wall": total[0],
            "cpu": total[1],
            "evaluationWall": self.evaluation[0],
            "evaluationCpu": self.evaluation[1],
        }


class Evaluation:
    """Deterministic episodes from the same start states every time."""

    def __init__(self, clock):
        self.env = make_env()
        self.clock = clock

    def episode(self, act, seed):
        observation, _ = self.env.reset(seed=seed)
        total, ended = 0.0, False
        while not ended:
            observation, reward, terminated, truncated, _ = self.env.step(act(observation))
            total += float(reward)
            ended = terminated or truncated
        return total

    def is_due(self, step):
        return step % RECIPE["evaluation"]["every"] == 0

    def run(self, step, act):
        """Says what the policy reaches; whether the run may end because it is good enough."""
        # Time is read before, so that an evaluation counts to those that follow.
        fields = self.clock.fields()
        start = Clock.now()
        settings = RECIPE["evaluation"]
        returns = [self.episode(act, settings["seed"] + i) for i in range(settings["episodes"])]
        spent = Clock.since(start)
        self.clock.evaluation = tuple(a + b for a, b in zip(self.clock.evaluation, spent))
        say("evaluation", step=step, returns=returns, **fields)
        gate = RECIPE["gate"]
        return RECIPE["stopAtGate"] and gate is not None and np.mean(returns) >= gate


def ready(versions=""):
    # The first optimizer imports most of torch: that is no part of learning.
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    text = f"PyTorch {torch.__version__}, Gymnasium {gymnasium.__version__}{versions}"
    say("ready", versions=text, physics=physics_speed())


def done(clock, steps, updates):
    say("done", steps=steps, updates=updates, **clock.fields())
