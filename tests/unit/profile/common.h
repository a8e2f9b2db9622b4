/* common.h - what the tests of this layer share. */
#ifndef GATE_TEST_PROFILE_COMMON_H
#define GATE_TEST_PROFILE_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "profile/rules.h"

#define X86_64 0xc000003eu
#define I386   0x40000003u

static inline struct gate_facts host(void)
{
	struct gate_facts f = { .arch = GATE_ARCH_X86_64, .caps = gate_caps_docker, .kernel = { 6, 1 } };

	return f;
}

static inline struct gate_profile *read_as(const char *text, enum gate_engine engine)
{
	struct gate_profile *p = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_profile_read("t.json", text, strlen(text), engine, NULL, &p, &err) < 0)
		fail_msg("%u:%u: %s\n%s", err.line, err.column, err.text, text);
	return p;
}

static inline struct gate_rules *resolved(const struct gate_profile *p, const struct gate_facts *facts)
{
	struct gate_rules *r = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_profile_resolve(p, facts, NULL, &r, &err) < 0)
		fail_msg("%u:%u: %s", err.line, err.column, err.text);
	return r;
}

static inline uint32_t number(enum gate_arch arch, const char *name)
{
	int id = gate_name_find(name, strlen(name));
	const struct gate_syscall *sc = id < 0 ? NULL : gate_syscall_of(arch, (unsigned)id);

	if (sc == NULL)
		fail_msg("%s is no call", name);
	return sc->nr;
}

/* Reads all of a file; NULL when it cannot. The caller frees. */
static inline char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	long size;

	if (f == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 &&
	    (text = malloc((size_t)size + 1)) != NULL) {
		*len = fread(text, 1, (size_t)size, f);
		text[*len] = '\0';
	}
	fclose(f);
	return text;
}

#endif
