/* Capabilities and error numbers. */
#include "abi/tables.h"
#include "abi/words.h"

int gate_cap_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < gate_caps_n; i++)
		if (strlen(gate_caps_names[i]) == len && memcmp(gate_caps_names[i], name, len) == 0)
			return (int)i;
	return -1;
}

const char *gate_cap_name(unsigned cap)
{
	return cap < gate_caps_n ? gate_caps_names[cap] : NULL;
}

const char *gate_cap_suggest(const char *name, size_t len)
{
	struct gate_nearest best = GATE_NEAREST_INIT;

	for (unsigned i = 0; i < gate_caps_n; i++) {
		const char *cap = gate_caps_names[i];

		/* "sys_admin" and "SYS_ADMIN", as on Docker's command line. */
		if (gate_word_equal(cap + 4, strlen(cap + 4), name, len))
			return cap;
		gate_nearest_try(&best, name, len, cap, strlen(cap));
	}
	return best.text;
}

static const struct gate_errnos *errnos(enum gate_arch arch)
{
	return arch != GATE_ARCH_NONE && (unsigned)arch < GATE_ARCH_MAX ? gate_arches[arch].errnos : NULL;
}

const char *gate_errno_name(enum gate_arch arch, unsigned number)
{
	const struct gate_errnos *e = errnos(arch);

	return e != NULL && number < e->n_names ? e->names[number] : NULL;
}

unsigned gate_errno_find(enum gate_arch arch, const char *name, size_t len)
{
	const struct gate_errnos *e = errnos(arch);

	if (e == NULL)
		return 0;
	for (unsigned i = 0; i < e->n_words; i++)
		if (strlen(e->words[i].text) == len && memcmp(e->words[i].text, name, len) == 0)
			return e->words[i].value;
	return 0;
}
