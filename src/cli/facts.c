#include "base/num.h"
#include "cli/cli.h"

/* The next piece of a comma-separated list; false at the end. */
static bool next_piece(const char **s, const char **piece, size_t *len)
{
	if (*s == NULL)
		return false;
	*piece = *s;
	*len = strcspn(*s, ",");
	*s = (*s)[*len] == ',' ? *s + *len + 1 : NULL;
	return true;
}

static int take_arches(const char *list, struct gate_facts *facts, struct gate_err *err)
{
	const char *piece;
	size_t len;

	facts->n_arches = 0;
	while (next_piece(&list, &piece, &len)) {
		enum gate_arch arch = gate_arch_by_name(piece, len);
		const char *near = arch == GATE_ARCH_NONE ? gate_arch_suggest(piece, len) : NULL;
		bool twice = false;

		if (arch == GATE_ARCH_NONE)
			return GATE_FAIL(err, GATE_E_INVALID, "unknown architecture '%.*s'%s%s%s", (int)len, piece,
			                 near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
			                 near != NULL ? "'?)" : "");
		for (size_t i = 0; i < facts->n_arches; i++)
			twice = twice || facts->arches[i] == arch;
		if (!twice)
			facts->arches[facts->n_arches++] = arch;
	}
	facts->arch = facts->arches[0];
	return 0;
}

static int take_caps(const char *list, struct gate_facts *facts, struct gate_err *err)
{
	const char *piece;
	size_t len;
	uint64_t caps = 0;

	while (next_piece(&list, &piece, &len)) {
		int cap = gate_cap_find(piece, len);

		if (len == 4 && memcmp(piece, "none", 4) == 0)
			continue;
		if (len == 3 && memcmp(piece, "all", 3) == 0)
			caps |= GATE_CAPS_ALL;
		else if (len == 6 && memcmp(piece, "docker", 6) == 0)
			caps |= gate_caps_docker;
		else if (cap >= 0)
			caps |= UINT64_C(1) << cap;
		else {
			const char *near = gate_cap_suggest(piece, len);

			return GATE_FAIL(err, GATE_E_INVALID, "unknown capability '%.*s'%s%s%s", (int)len, piece,
			                 near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
			                 near != NULL ? "'?)" : "");
		}
	}
	facts->caps = caps;
	return 0;
}

static int take_kernel(const char *text, struct gate_facts *facts, struct gate_err *err)
{
	const char *dot = strchr(text, '.');
	uint64_t major = 0, minor = 0;

	if (dot == NULL || gate_u64_parse(text, (size_t)(dot - text), 999, &major) < 0 ||
	    gate_u64_parse(dot + 1, strcspn(dot + 1, ".-"), 999, &minor) < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'--kernel' takes a release such as 6.1, not '%s'", text);
	facts->kernel = (struct gate_kver){ (uint16_t)major, (uint16_t)minor };
	return 0;
}

int gate_cli_facts(const struct gate_cli *cli, struct gate_facts *ret, struct gate_err *err)
{
	const char *arches = gate_option_text(cli, "arch"), *kernel = gate_option_text(cli, "kernel");
	struct gate_facts facts = { 0 };

	if (gate_facts_host(&facts, err) < 0)
		return -1;
	if (arches != NULL && take_arches(arches, &facts, err) < 0)
		return -1;
	if (kernel != NULL && take_kernel(kernel, &facts, err) < 0)
		return -1;
	if (gate_option_known(cli, "caps") && take_caps(gate_option_text(cli, "caps"), &facts, err) < 0)
		return -1;
	*ret = facts;
	return 0;
}
