// Bindings of the area `distribution-more`: a case builds one of its first operands, and calls one method.
import type { Tensor } from "athanor";
import * as distributions from "athanor/distributions";
import type { Binding } from "../bindings.ts";

type Build = (variant: string, ...parameters: readonly Tensor[]) => distributions.Distribution;

/** How many operands are parameters, and how a family is built of them. */
const families: Readonly<Record<string, readonly [count: number, build: Build]>> = {
  Kumaraswamy: [2, (_, a, b) => new distributions.Kumaraswamy(a, b)],
  VonMises: [2, (_, a, b) => new distributions.VonMises(a, b)],
  ContinuousBernoulli: [
    1,
    (variant, p) => new distributions.ContinuousBernoulli({ [variant as "probs"]: p }),
  ],
  GeneralizedPareto: [3, (_, a, b, c) => new distributions.GeneralizedPareto(a, b, c)],
  FisherSnedecor: [2, (_, a, b) => new distributions.FisherSnedecor(a, b)],
  LogisticNormal: [2, (_, a, b) => new distributions.LogisticNormal(a, b)],
  LowRankMultivariateNormal: [
    3,
    (_, a, b, c) => new distributions.LowRankMultivariateNormal(a, b, c),
  ],
};

function family(name: string): Binding {
  const [count, build] = families[name];
  return (operands, { method, variant }) => {
    const all = operands.filter((x) => x !== null);
    const made = build(variant as string, ...all.slice(0, count));
    const member = Reflect.get(made, method as string) as unknown;
    if (typeof member !== "function") return member as Tensor;
    return (member as (...values: readonly Tensor[]) => Tensor).call(made, ...all.slice(count));
  };
}

/** Classes of the area `distribution-more`. */
export const moreDistributions: Readonly<Record<string, Binding>> = Object.fromEntries(
  Object.keys(families).map((name) => [name, family(name)]),
);
