"""TD3 with PyTorch: two critics, smoothed target actions, an actor that learns every second time."""

import torch
import torch.nn.functional as F
from torch import nn

from off_policy import RECIPE, adam, make_noise, mlp, policy, soft_update, target_of, train


class Td3:
    def __init__(self, observation_size, action_size, random):
        self.actor = policy(observation_size, action_size, nn.Tanh())
        self.critics = nn.ModuleList(mlp(observation_size + action_size, 1) for _ in range(2))
        self.target_actor = target_of(self.actor)
        self.target_critics = target_of(self.critics)
        self.actor_optimizer = adam(self.actor, RECIPE["actorLearningRate"])
        self.critic_optimizer = adam(self.critics)
        self.noise = make_noise(action_size, random)
        self.updates = 0

    def act(self, observation):
        return self.actor(observation)

    def explore(self, observation, _step):
        return (self.actor(observation).numpy() + self.noise.sample()).clip(-1, 1)

    def ended(self):
        self.noise.reset()

    def goal(self, rewards, next_observations, terminated):
        actions = self.target_actor(next_observations)
        clip = RECIPE["targetNoiseClip"]
        noise = (torch.randn_like(actions) * RECIPE["targetNoise"]).clamp(-clip, clip)
        pairs = torch.cat([next_observations, (actions + noise).clamp(-1, 1)], 1)
        next_q = torch.min(self.target_critics[0](pairs), self.target_critics[1](pairs))
        return rewards + RECIPE["gamma"] * (1 - terminated) * next_q

    def update(self, batch):
        observations, actions, rewards, next_observations, terminated = batch
        with torch.no_grad():
            goal = self.goal(rewards, next_observations, terminated)
        pairs = torch.cat([observations, actions], 1)
        loss = sum(F.mse_loss(critic(pairs), goal) for critic in self.critics)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        self.updates += 1
        if self.updates % RECIPE["policyDelay"] != 0:
            return
        pairs = torch.cat([observations, self.actor(observations)], 1)
        actor_loss = -self.critics[0](pairs).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()
        soft_update(self.target_actor, self.actor, RECIPE["tau"])
        soft_update(self.target_critics, self.critics, RECIPE["tau"])


if __name__ == "__main__":
    train(Td3)
