"""A process that measures PyTorch: the same rows and numbers, lines of JSON (see protocol.ts)."""

import gc
import json
import os
import sys
import time
import traceback

import torch

import rows


class Cell:
    def __init__(self, device):
        self.device = torch.device(device)
        self.is_cuda = self.device.type == "cuda"
        self.running = {}
        self.inner = {}

    def wait(self):
        if self.is_cuda:
            torch.cuda.synchronize()

    def hello(self, _request):
        name = torch.cuda.get_device_name() if self.is_cuda else "cpu"
        versions = f"PyTorch {torch.__version__}"
        if self.is_cuda:
            free, total = torch.cuda.mem_get_info()
            versions += (
                f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, "
                f"{total / 2**30:.1f} GiB"
            )
        return {"kind": "hello", "device": name, "versions": versions}

    def start(self, request):
        row, variant = request["name"].split("/")
        if self.is_cuda:
            torch.cuda.reset_peak_memory_stats()
        begin = time.perf_counter()
        run, check = rows.make(row, variant, self.device)
        value = float(check())
        self.wait()
        self.running[request["name"]] = run
        milliseconds = (time.perf_counter() - begin) * 1000
        return {"kind": "ready", "check": value, "startMilliseconds": milliseconds}

    def sample(self, run, inner):
        start = time.perf_counter()
        for _ in range(inner):
            run()
        self.wait()
        return (time.perf_counter() - start) * 1000

    def measure(self, request):
        name = request["name"]
        run = self.running[name]
        if name not in self.inner:
            self.sample(run, 3)
            inner = 1
            while self.sample(run, inner) < request["sampleMilliseconds"]:
                inner *= 2
            self.inner[name] = inner
        inner = self.inner[name]
        samples, end = [], time.perf_counter() + request["milliseconds"] / 1000
        while not samples or time.perf_counter() < end:
            samples.append(self.sample(run, inner) / inner)
        memory = torch.cuda if self.is_cuda else None
        return {
            "kind": "samples",
            "milliseconds": samples,
            "peakBytes": memory.max_memory_allocated() if memory else 0,
            "reservedBytes": memory.max_memory_reserved() if memory else 0,
        }

    def enqueue(self, request):
        run, calls = self.running[request["name"]], request["calls"]
        microseconds = []
        for _ in range(request["samples"]):
            self.wait()
            start = time.perf_counter()
            for _ in range(calls):
                run()
            microseconds.append((time.perf_counter() - start) * 1e6 / calls)
        self.wait()
        return {"kind": "enqueued", "microseconds": microseconds}

    def stop(self, request):
        self.running.pop(request["name"], None)
        self.inner.pop(request["name"], None)
        gc.collect()
        if not self.is_cuda:
            return {"kind": "stopped", "reservedBytes": 0}
        torch.cuda.empty_cache()
        return {"kind": "stopped", "reservedBytes": torch.cuda.memory_reserved()}

    def answer(self, request):
        handlers = {
            "hello": self.hello,
            "start": self.start,
            "measure": self.measure,
            "enqueue": self.enqueue,
            "stop": self.stop,
        }
        try:
            return handlers[request["kind"]](request)
        except Exception as error:  # the parent prints it
            traceback.print_exc(limit=-4)
            return {"kind": "failed", "message": f"{type(error).__name__}: {error}"[:2000]}


def main():
    # What libraries print must not get between the lines of the protocol.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cell = Cell(sys.argv[1] if len(sys.argv) > 1 else "cuda")
    for line in sys.stdin:
        print("@" + json.dumps(cell.answer(json.loads(line))), file=replies, flush=True)


main()
