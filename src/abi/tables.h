/* tables.h - the shape of the generated tables (tables/generate.py). Only src/abi includes this. */
#ifndef GATE_ABI_TABLES_H
#define GATE_ABI_TABLES_H

#include "base/base.h"

#include <callgate/abi.h>

#define GATE_ABI_NONE 0xffff /* no name, no row */

struct gate_word {
	const char *text;
	uint32_t value;
};

struct gate_errnos {
	const char *const *names; /* by number, NULL where there is none */
	unsigned n_names;
	const struct gate_word *words; /* by name, in alphabetical order */
	unsigned n_words;
};

enum { GATE_MUX_SOCKETCALL = 1, GATE_MUX_IPC = 2 };

struct gate_mux_row {
	uint16_t name;
	uint8_t subcall, mux;
};

struct gate_arch_row {
	struct gate_arch_info info;
	const struct gate_syscall *calls; /* ascending numbers */
	const uint16_t *rows;             /* by name: index in `calls`, or GATE_ABI_NONE */
	unsigned n_calls;
	const struct gate_errnos *errnos;
	unsigned mux; /* GATE_MUX_*: which multiplexers it has, and their numbers */
	uint32_t socketcall, ipc;
	const char *aliases; /* separated by commas */
};

extern const struct gate_kver gate_tables_newest;
extern const unsigned gate_names_n;
extern const char gate_names_blob[];
extern const uint16_t gate_names_at[]; /* offset of each name's text in the blob */
extern const uint8_t gate_names_len[];
extern const struct gate_kver gate_names_since[];
extern const uint32_t gate_hash_buckets, gate_hash_slots; /* powers of two */
extern const uint16_t gate_hash_displace[], gate_hash_slot[];
extern const struct gate_arch_row gate_arches[GATE_ARCH_MAX];
extern const struct gate_mux_row gate_muxes[];
extern const unsigned gate_muxes_n;
extern const char *const gate_caps_names[];
extern const unsigned gate_caps_n;
extern const struct gate_word gate_hints[];
extern const unsigned gate_hints_n;

/* The first `n` <= 8 bytes at p as a little-endian number, on any host. */
static inline uint64_t gate_load_le(const char *p, size_t n)
{
	uint64_t x = 0;

	memcpy(&x, p, n);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	return x;
}

/* name_hash in tables/generate.py does the same. Reads two or three words instead of every byte: a profile names
 * some 400 calls, and resolving them is on the path of every launch. len > 0. */
static inline uint64_t gate_name_hash(const char *s, size_t len)
{
	uint64_t a, b, c = 0;

	if (len >= 8) {
		a = gate_load_le(s, 8);
		b = gate_load_le(s + len - 8, 8);
		if (len > 16)
			c = gate_load_le(s + 8, 8);
	} else if (len >= 4) {
		a = gate_load_le(s, 4);
		b = gate_load_le(s + len - 4, 4);
	} else {
		a = (uint64_t)(unsigned char)s[0] | (uint64_t)(unsigned char)s[len / 2] << 8;
		b = (unsigned char)s[len - 1];
	}
	b ^= (c << 1) ^ len * UINT64_C(0xc2b2ae3d27d4eb4f);
	a = (a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b | 1);
	return a ^ (a >> 29);
}

#endif
