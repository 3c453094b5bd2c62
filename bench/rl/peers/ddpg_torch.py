"""DDPG with PyTorch, eager, on the CPU: one file in CleanRL's manner, with the recipe of ours."""

import torch
import torch.nn.functional as F
from torch import nn

from off_policy import RECIPE, adam, make_noise, mlp, policy, soft_update, target_of, train


class Ddpg:
    def __init__(self, observation_size, action_size, random):
        self.actor = policy(observation_size, action_size, nn.Tanh())
        self.critic = mlp(observation_size + action_size, 1)
        self.target_actor = target_of(self.actor)
        self.target_critic = target_of(self.critic)
        self.actor_optimizer = adam(self.actor, RECIPE["actorLearningRate"])
        self.critic_optimizer = adam(self.critic)
        self.noise = make_noise(action_size, random)

    def act(self, observation):
        return self.actor(observation)

    def explore(self, observation, _step):
        return (self.actor(observation).numpy() + self.noise.sample()).clip(-1, 1)

    def ended(self):
        self.noise.reset()

    def update(self, batch):
        observations, actions, rewards, next_observations, terminated = batch
        with torch.no_grad():
            next_actions = self.target_actor(next_observations)
            next_q = self.target_critic(torch.cat([next_observations, next_actions], 1))
            goal = rewards + RECIPE["gamma"] * (1 - terminated) * next_q
        q = self.critic(torch.cat([observations, actions], 1))
        loss = F.mse_loss(q, goal)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

        actor_loss = -self.critic(torch.cat([observations, self.actor(observations)], 1)).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        soft_update(self.target_actor, self.actor, RECIPE["tau"])
        soft_update(self.target_critic, self.critic, RECIPE["tau"])


if __name__ == "__main__":
    train(Ddpg)
