/** Names of PyTorch whose meaning has another name here. */
export const renamed = {
  absolute: "abs",
  arccos: "acos",
  arccosh: "acosh",
  arcsin: "asin",
  arcsinh: "asinh",
  arctan: "atan",
  arctan2: "atan2",
  arctanh: "atanh",
  as_tensor: "tensor",
  asarray: "tensor",
  backward: "grad",
  bool: "to",
  byte: "to",
  chain_matmul: "linalg.multiDot",
  char: "to",
  clip: "clamp",
  compile: "jit",
  concat: "cat",
  concatenate: "cat",
  cpu: "to",
  cuda: "to",
  dim: "ndim",
  divide: "div",
  double: "to",
  empty: "zeros",
  empty_like: "zerosLike",
  fix: "trunc",
  float: "to",
  fractional_max_pool2d_with_indices: "nn.functional.fractionalMaxPool2d",
  fractional_max_pool3d_with_indices: "nn.functional.fractionalMaxPool3d",
  from_numpy: "Tensor.from",
  frombuffer: "Tensor.from",
  gammaln: "lgamma",
  ger: "outer",
  greater: "gt",
  greater_equal: "ge",
  half: "to",
  int: "to",
  inverse: "linalg.inv",
  igamma: "special.gammainc",
  igammac: "special.gammaincc",
  is_nonzero: "item",
  less: "lt",
  less_equal: "le",
  load: "io.load",
  logsigmoid: "logSigmoid",
  long: "to",
  multi_head_attention_forward: "nn.MultiheadAttention",
  multigammaln: "mvlgamma",
  multiply: "mul",
  ndimension: "ndim",
  negative: "neg",
  nelement: "numel",
  not_equal: "ne",
  numpy: "data",
  orgqr: "linalg.householderProduct",
  pinverse: "linalg.pinv",
  psi: "digamma",
  row_stack: "vstack",
  save: "io.saveTorch",
  seed: "manualSeed",
  short: "to",
  size: "shape",
  split_with_sizes: "split",
  subtract: "sub",
  swapdims: "swapaxes",
  trapz: "trapezoid",
  true_divide: "div",
  triangular_solve: "linalg.solveTriangular",
  type: "dtype",
  type_as: "to",
  upsample: "nn.functional.interpolate",
  upsample_bilinear: "nn.functional.interpolate",
  upsample_nearest: "nn.functional.interpolate",
  vdot: "dot",
};

const list = (text) => new RegExp(`^(${text.trim().split(/\s+/).join("|")})$`);

/** Names of PyTorch that do not exist here, and why. */
export const absences = [
  {
    reason: "there is no sparse layout",
    names:
      /sparse|^to_dense$|^(coalesce|is_coalesced|hspmm|smm|sspaddmm|values|indices|.*_indices|SparseAdam|dense_dim)$|_copy$.*indices/i,
  },
  {
    reason: "there are no quantized tensors",
    names: /quantize|^q_|^qscheme$|^int_repr$|fake_quant|^dequantize$/,
  },
  {
    reason: "there are no complex dtypes; `fft` has pairs as a last dim of 2",
    names: list(
      `conj_physical resolve_conj resolve_neg cdouble cfloat chalf sgn is_complex is_conj is_neg isreal view_as_complex view_as_real adjoint
      eig eigvals symeig view_as_complex_copy view_as_real_copy`,
    ),
  },
  {
    reason: "tensors are immutable values without a storage of their own to look into",
    names: list(
      `as_strided as_strided_scatter as_strided_copy data_ptr const_data_ptr storage storage_offset storage_type untyped_storage stride
      is_contiguous contiguous is_set_to is_shared is_pinned pin_memory record_stream resize resize_as set_ empty_strided new_empty_strided
      empty_permuted dim_order element_size is_same_size to_padded_tensor as_subclass module_load new share_memory is_inference
      is_distributed get_device ipu mtia xpu from_file`,
    ),
  },
  { reason: "a view's copy: every result is a value", names: /_copy$/ },
  {
    reason: "part of Python's or C++'s interface to PyTorch",
    names: list(
      `parse_ir parse_schema parse_type_comment merge_type_from_type_comment unify_type_list import_ir_module
      import_ir_module_from_buffer compiled_with_cxx11_abi typename Optional has_torch_function_unary has_torch_function_variadic fork wait
      init_num_threads thread_safe_generator hash_tensor to_dlpack from_dlpack to_mkldnn Container NLLLoss2d RNNBase RNNCellBase
      ExponentialFamily native_channel_shuffle unsafe_chunk unsafe_split unsafe_split_with_sizes conv_tbc range slice_inverse`,
    ),
  },
  {
    reason: "gradients are functions of a graph (`grad`), not state of tensors",
    names: list("register_hook register_post_accumulate_grad_hook retain_grad reinforce"),
  },
  {
    reason: "results are the same on every run anyway",
    names: list("use_deterministic_algorithms are_deterministic_algorithms_enabled"),
  },
  {
    reason:
      "not built yet; random matrices are products of draws of `MultivariateNormal` and `Chi2`",
    names: list("Wishart LKJCholesky"),
  },
  {
    reason: "local response normalisation is `LocalResponseNorm`, this is its Caffe form",
    names: list("CrossMapLRN2d"),
  },
  {
    reason: "modules say their sizes",
    names: /^Lazy/,
  },
  {
    reason: "comes with the process groups of a later release",
    names: list("DataParallel SyncBatchNorm"),
  },
  {
    reason: "comes with the CUDA backend",
    names: list("grouped_mm scaled_mm scaled_grouped_mm"),
  },
  {
    reason: "`dtype` rules are written in docs/tensors-and-jit.md",
    names: list("can_cast promote_types result_type is_signed"),
  },
  {
    reason: "new tensors are made by `zerosLike`, `onesLike`, `fullLike` and the factories",
    names: /^new_/,
  },
];
