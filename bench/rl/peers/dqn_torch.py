"""DQN with PyTorch over binned actions, with a target that follows as DDPG's does."""

import torch
import torch.nn.functional as F

from off_policy import RECIPE, adam, mlp, soft_update, target_of, train


class Dqn:
    def __init__(self, observation_size, actions, random):
        self.net = mlp(observation_size, actions)
        self.target = target_of(self.net)
        self.optimizer = adam(self.net)
        self.actions, self.random = actions, random
        self.updates = 0

    def act(self, observation):
        return self.net(observation).argmax()

    def explore(self, observation, step):
        part = step / (RECIPE["explorationFraction"] * RECIPE["steps"])
        final = RECIPE["finalEpsilon"]
        if self.random.random() < max(1 + part * (final - 1), final):
            return int(self.random.integers(self.actions))
        return int(self.act(observation))

    def ended(self):
        pass

    def update(self, batch):
        observations, actions, rewards, next_observations, terminated = batch
        with torch.no_grad():
            next_q = self.target(next_observations).amax(1, keepdim=True)
            goal = rewards + RECIPE["gamma"] * (1 - terminated) * next_q
        q = self.net(observations).gather(1, actions.long())
        loss = F.smooth_l1_loss(q, goal)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10)
        self.optimizer.step()
        soft_update(self.target, self.net, RECIPE["tau"])


if __name__ == "__main__":
    train(Dqn)
