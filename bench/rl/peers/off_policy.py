"""Pieces of the peers written with PyTorch alone: nets, replay buffer, noise, the loop."""

import copy

import numpy as np
import torch
from torch import nn

from run import RECIPE, Clock, Evaluation, done, make_env, ready


ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}


def mlp(inputs, outputs, *last, hidden=RECIPE["hidden"]):
    sizes = [inputs, *hidden]
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[RECIPE["activation"]]()]
    final = nn.Linear(sizes[-1], outputs)
    if RECIPE["lastLayerInit"] is not None:
        for parameter in final.parameters():
            nn.init.uniform_(parameter, -RECIPE["lastLayerInit"], RECIPE["lastLayerInit"])
    return nn.Sequential(*layers, final, *last)


def policy(inputs, outputs, *last):
    hidden = RECIPE["policyHidden"]
    return mlp(inputs, outputs, *last, hidden=RECIPE["hidden"] if hidden is None else hidden)


def target_of(net):
    return copy.deepcopy(net).requires_grad_(False)


def adam(net, rate=None):
    # One fused kernel over all parameters: torch's fastest on a CPU.
    return torch.optim.Adam(net.parameters(), lr=rate or RECIPE["learningRate"], fused=True)


@torch.no_grad()
def soft_update(target, net, tau):
    torch._foreach_lerp_(list(target.parameters()), list(net.parameters()), tau)


class ReplayBuffer:
    def __init__(self, observation_size, action_size, seed):
        capacity = min(RECIPE["bufferSize"], RECIPE["steps"])
        self.capacity = capacity
        self.observations = np.zeros((capacity, observation_size), np.float32)
        self.next_observations = np.zeros((capacity, observation_size), np.float32)
        self.actions = np.zeros((capacity, action_size), np.float32)
        self.rewards = np.zeros((capacity, 1), np.float32)
        self.terminated = np.zeros((capacity, 1), np.float32)
        self.random = np.random.default_rng(seed)
        self.count = 0

    def add(self, observation, action, reward, next_observation, terminated):
        row = self.count % self.capacity
        self.observations[row] = observation
        self.actions[row] = action
        self.rewards[row] = reward
        self.next_observations[row] = next_observation
        self.terminated[row] = terminated
        self.count += 1

    def sample(self, size):
        rows = self.random.integers(0, min(self.count, self.capacity), size)
        parts = self.observations, self.actions, self.rewards, self.next_observations
        return tuple(torch.from_numpy(part[rows]) for part in (*parts, self.terminated))


class GaussianNoise:
    def __init__(self, size, random):
        self.size, self.random = size, random
        self.sigma = RECIPE["noise"]["sigma"]

    def sample(self):
        return self.random.normal(0, self.sigma, self.size)

    def reset(self):
        pass


class OrnsteinUhlenbeckNoise(GaussianNoise):
    def __init__(self, size, random):
        super().__init__(size, random)
        self.theta, self.dt = RECIPE["noise"]["theta"], RECIPE["noise"]["dt"]
        self.reset()

    def sample(self):
        drift = -self.theta * self.value * self.dt
        jump = self.sigma * np.sqrt(self.dt) * self.random.normal(0, 1, self.size)
        self.value = self.value + drift + jump
        return self.value

    def reset(self):
        self.value = np.zeros(self.size)


def make_noise(size, random):
    kinds = {"gaussian": GaussianNoise, "ornsteinUhlenbeck": OrnsteinUhlenbeckNoise}
    return kinds[RECIPE["noise"]["kind"]](size, random)


class BoxActions:
    """The net's actions, from -1 to 1, as those of the environment."""

    def __init__(self, space):
        self.size = space.shape[0]
        self.middle = (space.high + space.low) / 2
        self.half = (space.high - space.low) / 2

    def to_env(self, action):
        return (self.middle + self.half * action).astype(np.float32)


def train(make_learner):
    """`make_learner(observation_size, action_size, random)` gives explore, act, update, ended."""
    ready()
    clock = Clock()
    env, evaluation = make_env(), Evaluation(clock)
    random = np.random.default_rng(RECIPE["seed"])
    is_discrete = hasattr(env.action_space, "n")
    box = None if is_discrete else BoxActions(env.action_space)
    observation_size = env.observation_space.shape[0]
    learner = make_learner(observation_size, env.action_space.n if is_discrete else box.size, random)
    buffer = ReplayBuffer(observation_size, 1 if is_discrete else box.size, RECIPE["seed"])
    to_env = int if is_discrete else box.to_env
    given = RECIPE["randomSteps"]
    random_steps = RECIPE["learningStarts"] if given is None else given

    def act(observation):
        with torch.no_grad():
            row = torch.as_tensor(observation, dtype=torch.float32)
            return to_env(learner.act(row).numpy())

    def explore(observation, step):
        if step < random_steps:
            if is_discrete:
                return random.integers(env.action_space.n)
            return random.uniform(-1, 1, box.size)
        with torch.no_grad():
            return learner.explore(torch.as_tensor(observation, dtype=torch.float32), step)

    observation, _ = env.reset(seed=RECIPE["seed"])
    updates = 0
    for step in range(RECIPE["steps"]):
        action = explore(observation, step)
        next_observation, reward, terminated, truncated, _ = env.step(to_env(action))
        buffer.add(observation, action, reward, next_observation, terminated)
        observation = next_observation
        if terminated or truncated:
            learner.ended()
            observation, _ = env.reset()
        if step + 1 > RECIPE["learningStarts"]:
            learner.update(buffer.sample(RECIPE["batch"]))
            updates += 1
        if evaluation.is_due(step + 1) and evaluation.run(step + 1, act):
            break
    done(clock, step + 1, updates)
