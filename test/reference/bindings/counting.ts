// Bindings of the area `counting`.
import { histogramdd, segmentReduce } from "athanor";
import type { Tensor } from "athanor";
import type { Binding } from "../bindings.ts";

/** Ops of the area `counting`. */
export const counting: Record<string, Binding> = {
  histogramdd: ([x, ...others], { bins, weighted, ...options }) => {
    const tensors = others as readonly Tensor[];
    const edges = weighted === true ? tensors.slice(0, -1) : tensors;
    const weight = weighted === true ? { weight: tensors[tensors.length - 1] } : {};
    const given = (bins ?? edges) as number;
    const result = histogramdd(x as Tensor, given, { ...weight, ...(options as object) });
    return [result.hist, ...result.binEdges];
  },
  segmentReduce: ([x, places], { reduce, by = "lengths", ...options }) =>
    segmentReduce(x as Tensor, reduce as "sum", { [by as string]: places, ...options }),
};
