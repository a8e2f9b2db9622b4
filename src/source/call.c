/* System calls as people write them. */
#include <ctype.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "source/source.h"

struct text {
	const char *all, *at;
};

static int fail_here(const struct text *t, struct gate_err *err, const char *what)
{
	gate_err_set(err, GATE_E_SYNTAX, 0, "'%s': %s", t->all, what);
	gate_err_place(err, 1, (uint32_t)(t->at - t->all) + 1, 1);
	return -1;
}

static void blanks(struct text *t)
{
	while (*t->at == ' ')
		t->at++;
}

static int argument(struct text *t, struct gate_call *call, unsigned i, struct gate_err *err)
{
	const char *start = t->at;
	bool negative = *start == '-';
	uint64_t value = 0;

	while (isalnum((unsigned char)*t->at) || *t->at == '_' || *t->at == '-')
		t->at++;
	if (t->at - start == 1 && *start == '_')
		return 0;
	if (gate_u64_parse_any(start + negative, (size_t)(t->at - start) - negative, UINT64_MAX, &value) < 0) {
		t->at = start;
		return fail_here(t, err, "an argument is a number (10, 0x1f, -1) or _ for any value");
	}
	call->args[i] = negative ? 0 - value : value;
	call->given |= (uint8_t)(1u << i);
	return 0;
}

static int arguments(struct text *t, struct gate_call *call, struct gate_err *err)
{
	t->at++;
	blanks(t);
	for (unsigned i = 0; *t->at != ')'; i++) {
		if (i == 6)
			return fail_here(t, err, "a system call has at most 6 arguments");
		if (i > 0) {
			if (*t->at != ',')
				return fail_here(t, err, "a comma or ) is missing");
			t->at++;
			blanks(t);
		}
		if (argument(t, call, i, err) < 0)
			return -1;
		blanks(t);
		if (*t->at == '\0')
			return fail_here(t, err, "the closing ) is missing");
	}
	t->at++;
	return 0;
}

/* Where else a name exists, for the message. */
static int not_here(const char *name, size_t len, enum gate_arch arch, struct gate_err *err)
{
	const char *here = gate_arch_info(arch)->name, *near = gate_name_suggest(name, len);
	int id = gate_name_find(name, len);

	if (id < 0 && near != NULL)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "no system call is named '%.*s' (did you mean '%s'?)", (int)len,
		                 name, near);
	if (id < 0)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "no system call is named '%.*s'", (int)len, name);
	for (int other = GATE_ARCH_NONE + 1; other < GATE_ARCH_MAX; other++)
		if (gate_syscall_of((enum gate_arch)other, (unsigned)id) != NULL)
			return GATE_FAIL(err, GATE_E_NOTFOUND, "%s has no system call '%.*s' (%s has: write %s:%.*s)",
			                 here, (int)len, name, gate_arch_info((enum gate_arch)other)->name,
			                 gate_arch_info((enum gate_arch)other)->name, (int)len, name);
	return GATE_FAIL(err, GATE_E_NOTFOUND, "%s has no system call '%.*s'", here, (int)len, name);
}

static int number_of(struct text *t, const char *name, size_t len, struct gate_call *call, struct gate_err *err)
{
	const struct gate_syscall *sc;
	uint64_t nr = 0;
	int id;

	if (isdigit((unsigned char)*name)) {
		if (gate_u64_parse_any(name, len, UINT32_MAX, &nr) < 0) {
			t->at = name;
			return fail_here(t, err, "a call's number is one of 0 … 4294967295, decimal or 0x…");
		}
		call->nr = (uint32_t)nr;
		return 0;
	}
	id = gate_name_find(name, len);
	sc = id < 0 ? NULL : gate_syscall_of(call->arch, (unsigned)id);
	if (sc == NULL)
		return not_here(name, len, call->arch, err);
	call->nr = sc->nr;
	return 0;
}

int gate_call_parse(const char *text, enum gate_arch arch, struct gate_call *ret, struct gate_err *err)
{
	struct text t = { text, text };
	struct gate_call call = { .arch = arch };
	const char *colon, *name;
	size_t len;

	blanks(&t);
	colon = strchr(t.at, ':');
	if (colon != NULL) {
		call.arch = gate_arch_by_name(t.at, (size_t)(colon - t.at));
		if (call.arch == GATE_ARCH_NONE) {
			const char *near = gate_arch_suggest(t.at, (size_t)(colon - t.at));

			return near == NULL ? GATE_FAIL(err, GATE_E_NOTFOUND, "no architecture is named '%.*s'",
			                                (int)(colon - t.at), t.at)
			                    : GATE_FAIL(err, GATE_E_NOTFOUND,
			                                "no architecture is named '%.*s' (did you mean '%s'?)",
			                                (int)(colon - t.at), t.at, near);
		}
		t.at = colon + 1;
	}
	GATE_CHECK(gate_arch_info(call.arch) != NULL);
	name = t.at;
	while (isalnum((unsigned char)*t.at) || *t.at == '_')
		t.at++;
	len = (size_t)(t.at - name);
	if (len == 0)
		return fail_here(&t, err,
		                 "a call is a name or a number, like mkdir, socket(40), 165 or x86:socketcall(1)");
	if (number_of(&t, name, len, &call, err) < 0)
		return -1;
	blanks(&t);
	if (*t.at == '(' && arguments(&t, &call, err) < 0)
		return -1;
	blanks(&t);
	if (*t.at != '\0')
		return fail_here(&t, err, "there is something behind the call");
	*ret = call;
	return 0;
}

void gate_call_data(const struct gate_call *call, struct gate_data *ret)
{
	*ret = (struct gate_data){ .arch = gate_arch_info(call->arch)->audit, .nr = call->nr };
	for (unsigned i = 0; i < 6; i++)
		if ((call->given >> i & 1) != 0)
			ret->args[i] = call->args[i];
}

void gate_call_text(const struct gate_data *data, enum gate_arch native, bool all, char *text, size_t size)
{
	enum gate_arch arch = gate_arch_of(data->arch, data->nr);
	const struct gate_syscall *sc = arch == GATE_ARCH_NONE ? NULL : gate_syscall_by_nr(arch, data->nr);
	unsigned most = sc != NULL && sc->n_args != GATE_NARGS_UNKNOWN ? sc->n_args : 6, n = 0;
	size_t at = 0;

#define PUT(...)                                                                                                       \
	do {                                                                                                           \
		int w_ = snprintf(text + at, size - at, __VA_ARGS__);                                                  \
		at = w_ < 0 || (size_t)w_ >= size - at ? size - 1 : at + (size_t)w_;                                   \
	} while (0)
	if (size == 0)
		return;
	text[0] = '\0';
	if (arch == GATE_ARCH_NONE)
		PUT("arch 0x%08x:", data->arch);
	else if (arch != native)
		PUT("%s:", gate_arch_info(arch)->name);
	if (sc != NULL)
		PUT("%s", gate_name_text(sc->name));
	else
		PUT("%u", data->nr);
	for (unsigned i = 0; i < 6; i++)
		if (data->args[i] != 0)
			n = i + 1;
	if (all && n < most)
		n = most;
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++)
		PUT("%s0x%llx", i == 0 ? "(" : ", ", (unsigned long long)data->args[i]);
	PUT(")");
#undef PUT
}
