// Recurrent networks, attention and transformers; weights are operands under torch's keys.
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import type { Binding, Operands } from "../bindings.ts";
import type { Arguments } from "../fixture.ts";
import { useWeights } from "./loss.ts";

function present<T>(operand: T | null | undefined): T {
  if (operand == null) throw new Error("fixture: an operand is missing");
  return operand;
}

/** Gives the module the operands from `first` on as its weights; torch's keys must be ours. */
function withWeights<M extends nn.Module>(
  module: M,
  { keys }: Arguments,
  operands: Operands,
  first: number,
): M {
  const names = keys as readonly string[];
  useWeights(
    module,
    Object.fromEntries(names.map((key, i) => [key, operands[first + i]] as const)),
  );
  return module;
}

const optionsOf = ({ options }: Arguments): never => options as never;
const number = (value: unknown): number => Number(value);

function callOptions({ lengths }: Arguments): nn.SequenceOptions {
  return lengths === undefined ? {} : { lengths: lengths as readonly number[] };
}

type OneState = new (inputSize: number, hiddenSize: number, options?: never) => nn.RNN | nn.GRU;

function network(kind: OneState): Binding {
  return (operands, args) => {
    const made = new kind(number(args["inputSize"]), number(args["hiddenSize"]), optionsOf(args));
    const module = withWeights(made, args, operands, 3);
    return module.forward(present(operands[0]), operands[1], callOptions(args));
  };
}

function pairOf([, h, c]: Operands): readonly [Tensor, Tensor] | null {
  return h == null || c == null ? null : [h, c];
}

const lstm: Binding = (operands, args) => {
  const made = new nn.LSTM(number(args["inputSize"]), number(args["hiddenSize"]), optionsOf(args));
  const module = withWeights(made, args, operands, 3);
  const [output, state] = module.forward(present(operands[0]), pairOf(operands), callOptions(args));
  return [output, ...state];
};

type OneStateCell = new (
  inputSize: number,
  hiddenSize: number,
  options?: never,
) => nn.RNNCell | nn.GRUCell;

function cell(kind: OneStateCell): Binding {
  return (operands, args) => {
    const made = new kind(number(args["inputSize"]), number(args["hiddenSize"]), optionsOf(args));
    return withWeights(made, args, operands, 3).forward(present(operands[0]), operands[1]);
  };
}

const lstmCell: Binding = (operands, args) => {
  const made = new nn.LSTMCell(
    number(args["inputSize"]),
    number(args["hiddenSize"]),
    optionsOf(args),
  );
  return withWeights(made, args, operands, 3).forward(present(operands[0]), pairOf(operands));
};

const multiheadAttention: Binding = (operands, args) => {
  const made = new nn.MultiheadAttention(
    number(args["embedDim"]),
    number(args["numHeads"]),
    optionsOf(args),
  );
  const [query, key, value, keyPaddingMask, attnMask] = operands;
  const module = withWeights(made, args, operands, 5);
  const [output, weights] = module.forward(present(query), present(key), present(value), {
    ...(args["call"] as object),
    keyPaddingMask,
    attnMask,
  });
  return weights === null ? [output] : [output, weights];
};

const width = ({ dModel, nhead }: Arguments): [number, number] => [number(dModel), number(nhead)];

const encoderLayer = (args: Arguments): nn.TransformerEncoderLayer =>
  new nn.TransformerEncoderLayer(...width(args), optionsOf(args));

const decoderLayer = (args: Arguments): nn.TransformerDecoderLayer =>
  new nn.TransformerDecoderLayer(...width(args), optionsOf(args));

function decoderOptions(operands: Operands): nn.DecoderLayerCallOptions {
  const [, , tgtMask, memoryMask, tgtKeyPaddingMask, memoryKeyPaddingMask] = operands;
  return { tgtMask, memoryMask, tgtKeyPaddingMask, memoryKeyPaddingMask };
}

const finalNorm = (args: Arguments): nn.LayerNorm | null =>
  args["norm"] === true ? new nn.LayerNorm(number(args["dModel"])) : null;

/** Ops of the areas `recurrent` and `transformer`. */
export const recurrent: Readonly<Record<string, Binding>> = {
  rnn: network(nn.RNN),
  gru: network(nn.GRU),
  lstm,
  rnnCell: cell(nn.RNNCell),
  gruCell: cell(nn.GRUCell),
  lstmCell,
  multiheadAttention,
  transformerEncoderLayer: (operands, args) => {
    const [src, srcMask, srcKeyPaddingMask] = operands;
    const module = withWeights(encoderLayer(args), args, operands, 3);
    return module.forward(present(src), { srcMask, srcKeyPaddingMask });
  },
  transformerDecoderLayer: (operands, args) => {
    const module = withWeights(decoderLayer(args), args, operands, 6);
    const [tgt, memory] = operands;
    return module.forward(present(tgt), present(memory), decoderOptions(operands));
  },
  transformerEncoder: (operands, args) => {
    const [src, mask, srcKeyPaddingMask] = operands;
    const stack = new nn.TransformerEncoder(encoderLayer(args), number(args["numLayers"]), {
      norm: finalNorm(args),
    });
    return withWeights(stack, args, operands, 3).forward(present(src), { mask, srcKeyPaddingMask });
  },
  transformerDecoder: (operands, args) => {
    const stack = new nn.TransformerDecoder(decoderLayer(args), number(args["numLayers"]), {
      norm: finalNorm(args),
    });
    const [tgt, memory] = operands;
    const module = withWeights(stack, args, operands, 6);
    return module.forward(present(tgt), present(memory), decoderOptions(operands));
  },
  transformer: (operands, args) => {
    const module = withWeights(new nn.Transformer(optionsOf(args)), args, operands, 4);
    const [src, tgt, tgtMask, padding] = operands;
    return module.forward(present(src), present(tgt), {
      tgtMask,
      srcKeyPaddingMask: padding,
      memoryKeyPaddingMask: padding,
    });
  },
};
