/* System calls by name, by number and by position. */
#include "abi/tables.h"
#include "abi/words.h"

struct gate_kver gate_abi_newest(void)
{
	return gate_tables_newest;
}

int gate_name_find(const char *name, size_t len)
{
	uint64_t hash;
	uint16_t i;

	if (len == 0)
		return -1;
	hash = gate_name_hash(name, len);
	i = gate_hash_slot[((hash >> 20) ^ gate_hash_displace[hash & (gate_hash_buckets - 1)]) & (gate_hash_slots - 1)];
	if (i == GATE_ABI_NONE || gate_names_len[i] != len ||
	    memcmp(gate_names_blob + gate_names_at[i], name, len) != 0)
		return -1;
	return i;
}

size_t gate_name_count(void)
{
	return gate_names_n;
}

const char *gate_name_text(unsigned name)
{
	return name < gate_names_n ? gate_names_blob + gate_names_at[name] : NULL;
}

struct gate_kver gate_name_since(unsigned name)
{
	return name < gate_names_n ? gate_names_since[name] : (struct gate_kver){ GATE_KVER_UNKNOWN, 0 };
}

const char *gate_name_suggest(const char *name, size_t len)
{
	struct gate_nearest best = GATE_NEAREST_INIT;

	for (unsigned i = 0; i < gate_hints_n; i++)
		if (gate_word_equal(gate_hints[i].text, strlen(gate_hints[i].text), name, len))
			return gate_name_text(gate_hints[i].value);
	for (unsigned i = 0; i < gate_names_n; i++)
		gate_nearest_try(&best, name, len, gate_name_text(i), gate_names_len[i]);
	return best.text;
}

static const struct gate_arch_row *row(enum gate_arch arch)
{
	return (unsigned)arch < GATE_ARCH_MAX ? &gate_arches[arch] : &gate_arches[GATE_ARCH_NONE];
}

const struct gate_syscall *gate_syscall_of(enum gate_arch arch, unsigned name)
{
	const struct gate_arch_row *r = row(arch);

	if (r->n_calls == 0 || name >= gate_names_n || r->rows[name] == GATE_ABI_NONE)
		return NULL;
	return &r->calls[r->rows[name]];
}

const struct gate_syscall *gate_syscall_by_nr(enum gate_arch arch, uint32_t nr)
{
	const struct gate_arch_row *r = row(arch);
	size_t low = 0, high = r->n_calls;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (r->calls[mid].nr < nr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->n_calls && r->calls[low].nr == nr ? &r->calls[low] : NULL;
}

size_t gate_syscall_count(enum gate_arch arch)
{
	return row(arch)->n_calls;
}

const struct gate_syscall *gate_syscall_at(enum gate_arch arch, size_t i)
{
	const struct gate_arch_row *r = row(arch);

	return i < r->n_calls ? &r->calls[i] : NULL;
}

bool gate_syscall_mux(enum gate_arch arch, unsigned name, uint32_t *mux_nr, uint32_t *subcall)
{
	const struct gate_arch_row *r = row(arch);

	if (r->mux == 0)
		return false;
	for (unsigned i = 0; i < gate_muxes_n; i++) {
		if (gate_muxes[i].name != name || (r->mux & gate_muxes[i].mux) == 0)
			continue;
		*mux_nr = gate_muxes[i].mux == GATE_MUX_SOCKETCALL ? r->socketcall : r->ipc;
		*subcall = gate_muxes[i].subcall;
		return true;
	}
	return false;
}
