import { attentionGrad, fullLike, input, part } from "../ir/build.ts";
import { composedAttentionGrad } from "../ir/composed-attention.ts";
import { substitute } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";

type Gradients = (
  outputs: readonly Node[],
  cotangents: readonly Node[],
  wrt: readonly Node[],
) => (Node | null)[];

/**
 * Cotangents of attention's operands from those of its results. A bias of its own, and a cotangent
 * of the logarithms (second order), take the composed form, which holds all weights.
 */
export function attentionGradient(
  node: NodeOf<"attention">,
  cotangents: ReadonlyMap<number, Node>,
  isLive: (source: Node) => boolean,
): (Node | null)[] {
  const [out, stats] = [part(node, 0), part(node, 1)];
  const gradient = cotangents.get(0);
  const statsGradient = cotangents.get(1);
  const bias = node.src[3];
  const needsBias = bias !== undefined && isLive(bias);
  const src = [...node.src, out, stats, gradient ?? fullLike(out, 0)];
  if (statsGradient !== undefined || needsBias) {
    const composed = composedAttentionGrad(src, node.attrs, statsGradient);
    if (statsGradient !== undefined) {
      const { query, key, value } = composed;
      return [query, key, value, ...(needsBias ? [composed.bias] : [])];
    }
    return [...fusedGradients(node, src), composed.bias];
  }
  return fusedGradients(node, src);
}

function fusedGradients(node: NodeOf<"attention">, src: readonly Node[]): Node[] {
  const gradients = attentionGrad(src, node.attrs);
  return [0, 1, 2].map((i) => part(gradients, i));
}

/**
 * Cotangents of the operands of attention's gradient: those of its composed form. It is
 * differentiated over inputs of its own, because its operands depend on one another.
 */
export function attentionGradGradient(
  node: NodeOf<"attentionGrad">,
  cotangents: ReadonlyMap<number, Node>,
  gradients: Gradients,
): (Node | null)[] {
  const stands = node.src.map((source) => input(source.shape, source.dtype));
  const { query, key, value } = composedAttentionGrad(stands, node.attrs);
  const entries = [...cotangents];
  const results = gradients(
    entries.map(([index]) => [query, key, value][index]),
    entries.map(([, cotangent]) => cotangent),
    stands,
  );
  const given = new Map(stands.map((stand, i): [Node, Node] => [stand, node.src[i]]));
  return results.map((result) => (result === null ? null : substitute([result], given)[0]));
}
