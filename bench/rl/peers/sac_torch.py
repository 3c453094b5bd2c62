"""SAC with PyTorch: a squashed Gaussian whose temperature follows the target entropy -|A|."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from off_policy import RECIPE, adam, mlp, policy, soft_update, target_of, train

LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0


class Sac:
    def __init__(self, observation_size, action_size, _random):
        self.actor = policy(observation_size, 2 * action_size)
        self.critics = nn.ModuleList(mlp(observation_size + action_size, 1) for _ in range(2))
        self.target_critics = target_of(self.critics)
        self.log_alpha = torch.tensor([math.log(RECIPE["firstTemperature"])], requires_grad=True)
        self.target_entropy = -float(action_size)
        self.actor_optimizer = adam(self.actor, RECIPE["actorLearningRate"])
        self.critic_optimizer = adam(self.critics)
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=RECIPE["learningRate"])

    def act(self, observation):
        return torch.tanh(self.actor(observation).chunk(2, -1)[0])

    def sample(self, observations):
        """Actions and the logarithms of their densities."""
        mean, log_std = self.actor(observations).chunk(2, -1)
        log_std = log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)
        noise = torch.randn_like(mean)
        raw = mean + log_std.exp() * noise
        # log(1 - tanh(u)^2), written so that large u lose nothing
        squash = 2 * (math.log(2) - raw - F.softplus(-2 * raw))
        log_density = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi) - squash
        return torch.tanh(raw), log_density.sum(-1, keepdim=True)

    def explore(self, observation, _step):
        return self.sample(observation)[0].numpy()

    def ended(self):
        pass

    def smaller_q(self, critics, observations, actions):
        pairs = torch.cat([observations, actions], 1)
        return torch.min(critics[0](pairs), critics[1](pairs))

    def update(self, batch):
        observations, actions, rewards, next_observations, terminated = batch
        alpha = self.log_alpha.detach().exp()
        with torch.no_grad():
            next_actions, log_density = self.sample(next_observations)
            next_q = self.smaller_q(self.target_critics, next_observations, next_actions)
            soft_q = next_q - alpha * log_density
            goal = rewards + RECIPE["gamma"] * (1 - terminated) * soft_q
        pairs = torch.cat([observations, actions], 1)
        loss = sum(F.mse_loss(critic(pairs), goal) for critic in self.critics)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

        chosen, log_density = self.sample(observations)
        q = self.smaller_q(self.critics, observations, chosen)
        actor_loss = (alpha * log_density - q).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        alpha_loss = -(self.log_alpha * (log_density.detach() + self.target_entropy)).mean()
        self.alpha_optimizer.zero_grad()
        alpha_loss.backward()
        self.alpha_optimizer.step()
        soft_update(self.target_critics, self.critics, RECIPE["tau"])


if __name__ == "__main__":
    train(Sac)
