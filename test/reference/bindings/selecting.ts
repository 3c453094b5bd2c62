// Indexing by tensors, scattering with reductions, joining and splitting.
import type { Tensor } from "athanor";
import * as athanor from "athanor";
import type { Binding, Operands } from "../bindings.ts";
import { method } from "./ordering.ts";

type Reduction = Parameters<Tensor["scatterReduce"]>[3];

const tensors = (operands: Operands): Tensor[] => operands.filter((x) => x !== null);

const joined =
  (call: (list: readonly Tensor[]) => Tensor): Binding =>
  (operands) =>
    call(tensors(operands));

const reducing =
  (name: "scatterReduce" | "indexReduce"): Binding =>
  (operands, { dim, reduce, ...rest }) => {
    const [x, index, source] = tensors(operands);
    return x[name](Number(dim), index, source, reduce as Reduction, rest);
  };

const triangle =
  (call: typeof athanor.trilIndices): Binding =>
  (_, { row, col, ...rest }) =>
    call(Number(row), Number(col), rest);

/** Ops of the area `indexing` that no other area has. */
export const selecting: Readonly<Record<string, Binding>> = {
  scatterReduce: reducing("scatterReduce"),
  indexReduce: reducing("indexReduce"),
  scatterWith: (operands, { dim, value, reduce }) => {
    const [x, index, source] = tensors(operands);
    return x.scatter(Number(dim), index, source ?? Number(value), {
      reduce: reduce as "add" | "multiply",
    });
  },
  indexFill: (operands, { dim, value }) => {
    const [x, index, filler] = tensors(operands);
    return x.indexFill(Number(dim), index, filler ?? Number(value));
  },
  take: method("take"),
  put: method("put"),
  indexTensors: (operands) => {
    const [x, ...indices] = tensors(operands);
    return x.index(indices);
  },
  indexInner: (operands, { entries }) => {
    const [x, ...indices] = tensors(operands);
    const list = entries as (number | number[] | null | "...")[];
    return x.index(
      list.map((entry) =>
        typeof entry === "number" ? indices[entry] : (entry as readonly [number] | null | "..."),
      ),
    );
  },
  indexPut: (operands, args) => {
    const [x, values, ...indices] = tensors(operands);
    return x.indexPut(indices, values, args);
  },
  maskedScatter: method("maskedScatter"),
  selectScatter: method("selectScatter", "dim", "index"),
  sliceScatter: method("sliceScatter"),
  diagonalScatter: method("diagonalScatter"),
  repeatEach: method("repeatInterleave", "repeats"),
  hstack: joined(athanor.hstack),
  vstack: joined(athanor.vstack),
  dstack: joined(athanor.dstack),
  columnStack: joined(athanor.columnStack),
  blockDiag: joined(athanor.blockDiag),
  cartesianProd: joined(athanor.cartesianProd),
  atleast1d: ([x]) => athanor.atleast1d(tensors([x])[0]),
  atleast2d: ([x]) => athanor.atleast2d(tensors([x])[0]),
  atleast3d: ([x]) => athanor.atleast3d(tensors([x])[0]),
  combinations: ([x], args) => athanor.combinations(tensors([x])[0], args),
  tensorSplit: method("tensorSplit", "sections"),
  hsplit: method("hsplit", "sections"),
  vsplit: method("vsplit", "sections"),
  dsplit: method("dsplit", "sections"),
  fliplr: method("fliplr"),
  flipud: method("flipud"),
  ravel: method("ravel"),
  swapaxes: method("swapaxes", "axis0", "axis1"),
  moveaxis: method("moveaxis", "source", "destination"),
  diagflat: method("diagflat"),
  addmv: method("addmv"),
  addr: method("addr"),
  baddbmm: method("baddbmm"),
  addbmm: method("addbmm"),
  trilIndices: triangle(athanor.trilIndices),
  triuIndices: triangle(athanor.triuIndices),
};
