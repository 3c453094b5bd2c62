/** Encodes small graphs as ONNX models: as much of the protobuf schema as the benchmarks need. */

const FLOAT = 1;
const attributeType = { integer: 2, integers: 7 };

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const integer = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);

function bytes(field, value) {
  const content = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

const message = (...fields) => Buffer.concat(fields.flat());

function attribute(name, value) {
  const values = Array.isArray(value)
    ? [...value.map((item) => integer(8, item)), integer(20, attributeType.integers)]
    : [integer(3, value), integer(20, attributeType.integer)];
  return message(bytes(1, name), values);
}

function node({ op, inputs, output, attributes = {} }) {
  return message(
    inputs.map((name) => bytes(1, name)),
    bytes(2, output),
    bytes(4, op),
    Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
  );
}

function valueInfo(name, shape) {
  const dims = shape.map((dim) => bytes(1, integer(1, dim)));
  const tensorType = message(integer(1, FLOAT), bytes(2, message(dims)));
  return message(bytes(1, name), bytes(2, bytes(1, tensorType)));
}

function tensor(name, { shape, data }) {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return message(
    shape.map((dim) => integer(1, dim)),
    integer(2, FLOAT),
    bytes(8, name),
    bytes(9, raw),
  );
}

/** The model of a graph whose result is called `y`. */
export function encodeModel({ inputs, constants = {}, nodes, output }) {
  const graph = message(
    nodes.map((item) => bytes(1, node(item))),
    bytes(2, "bench"),
    Object.entries(constants).map(([name, value]) => bytes(5, tensor(name, value))),
    Object.entries(inputs).map(([name, { shape }]) => bytes(11, valueInfo(name, shape))),
    bytes(12, valueInfo("y", output)),
  );
  const opset = message(bytes(1, ""), integer(2, 17));
  return message(integer(1, 8), bytes(7, graph), bytes(8, opset));
}
