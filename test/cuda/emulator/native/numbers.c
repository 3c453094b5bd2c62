/* Elements of tensors as doubles. */
#include "emulator.h"
#include <math.h>
#include <string.h>

int emu_type_bytes(enum emu_type type) {
  switch (type) {
    case EMU_F64:
    case EMU_I64: return 8;
    case EMU_F32:
    case EMU_I32: return 4;
    case EMU_F16:
    case EMU_BF16: return 2;
    default: return 1;
  }
}

static float from_bits(u32 bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
static u32 to_bits(float x) {
  u32 bits;
  memcpy(&bits, &x, 4);
  return bits;
}
static float from_f16(uint16_t h) {
  u32 sign = (u32)(h & 0x8000) << 16, size = h & 0x7fff;
  if (size >= 0x7c00) return from_bits(sign | 0x7f800000u | (size & 0x3ff) << 13);
  if (size < 0x0400) return from_bits(sign | to_bits((float)size * 0x1p-24f));
  return from_bits(sign | ((size << 13) + 0x38000000u));
}
static uint16_t to_f16(float x) {
  u32 bits = to_bits(x), size = bits & 0x7fffffff;
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  if (size > 0x7f800000u) return 0x7fff;
  if (size >= 0x477ff000u) return sign | 0x7c00;
  if (size < 0x38800000u) return sign | (uint16_t)rintf(from_bits(size) * 0x1p24f);
  return sign | (uint16_t)((size - 0x38000000u + 0xfff + (size >> 13 & 1)) >> 13);
}
static uint16_t to_bf16(float x) {
  u32 bits = to_bits(x);
  if ((bits & 0x7fffffff) > 0x7f800000u) return 0x7fff;
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double emu_load(enum emu_type type, const void *base, int64_t index) {
  switch (type) {
    case EMU_F32: return ((const float *)base)[index];
    case EMU_F64: return ((const double *)base)[index];
    case EMU_F16: return from_f16(((const uint16_t *)base)[index]);
    case EMU_BF16: return from_bits((u32)((const uint16_t *)base)[index] << 16);
    case EMU_I32: return ((const int32_t *)base)[index];
    case EMU_I64: return (double)((const int64_t *)base)[index];
    case EMU_I8: return ((const int8_t *)base)[index];
    case EMU_U8:
    case EMU_BOOL: return ((const uint8_t *)base)[index];
  }
  return 0;
}
void emu_store(enum emu_type type, void *base, int64_t index, double value) {
  switch (type) {
    case EMU_F32: ((float *)base)[index] = (float)value; break;
    case EMU_F64: ((double *)base)[index] = value; break;
    case EMU_F16: ((uint16_t *)base)[index] = to_f16((float)value); break;
    case EMU_BF16: ((uint16_t *)base)[index] = to_bf16((float)value); break;
    case EMU_I32: ((int32_t *)base)[index] = (int32_t)value; break;
    case EMU_I64: ((int64_t *)base)[index] = (int64_t)value; break;
    case EMU_I8: ((int8_t *)base)[index] = (int8_t)value; break;
    case EMU_U8: ((uint8_t *)base)[index] = (uint8_t)value; break;
    case EMU_BOOL: ((uint8_t *)base)[index] = value != 0; break;
  }
}
