"""A process that measures updates of the peers: recipe and updates per run as arguments, lines of JSON."""

import json
import sys
import time

import numpy as np
import torch

import off_policy
from off_policy import RECIPE

STORED = 20_000
PER_RUN = int(sys.argv[2])


def write_as_usual():
    """Adam and the move of the targets as in CleanRL: parameter by parameter."""

    def adam(net, rate=None):
        lr = RECIPE["learningRate"] if rate is None else rate
        return torch.optim.Adam(net.parameters(), lr=lr)

    def soft_update(target, net, tau):
        for to, value in zip(target.parameters(), net.parameters()):
            to.data.copy_(tau * value.data + (1 - tau) * to.data)

    off_policy.adam, off_policy.soft_update = adam, soft_update


def learner_of(algorithm, observation, action):
    # Imported here: the others' modules need not load.
    if algorithm == "ddpg":
        from ddpg_torch import Ddpg as Learner
    elif algorithm == "td3":
        from td3_torch import Td3 as Learner
    else:
        from sac_torch import Sac as Learner
    return Learner(observation, action, np.random.default_rng(0))


def make():
    observation, action, batch = RECIPE["observation"], RECIPE["action"], RECIPE["batch"]
    widths = observation, action, 1, observation
    parts = [torch.rand(STORED, width) * 2 - 1 for width in widths] + [torch.zeros(STORED, 1)]
    learner = learner_of(RECIPE["algorithm"], observation, action)

    def run():
        for _ in range(PER_RUN):
            rows = torch.randint(STORED, (batch,))
            learner.update(tuple(part.index_select(0, rows) for part in parts))
        if RECIPE["device"] == "cuda":
            torch.cuda.synchronize()

    return run


def main():
    torch.set_default_device(RECIPE["device"])
    if RECIPE["isFused"] is False:
        write_as_usual()
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["kind"] == "start":
                run = make()
                run()
                reply = {"kind": "ready", "check": 0, "facts": {}}
            else:
                samples = []
                for _ in range(request["samples"]):
                    start = time.perf_counter()
                    for _ in range(request["inner"]):
                        run()
                    samples.append((time.perf_counter() - start) * 1000 / request["inner"])
                reply = {"kind": "samples", "milliseconds": samples}
        except Exception as error:  # the parent prints it
            reply = {"kind": "failed", "message": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main()
