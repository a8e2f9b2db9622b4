/* peer.c - the same entries through libseccomp, in the way of runc and crun: by name for every architecture, unknown
 * names and actions equal to the default skipped, a repeated index as alternatives. */
#include <assert.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "profile/facts.h"

static_assert((int)SCMP_CMP_NE == (int)GATE_OP_NE && (int)SCMP_CMP_MASKED_EQ == (int)GATE_OP_MASKED_EQ,
              "one order of operators");
static_assert(SCMP_ACT_ALLOW == GATE_RET_ALLOW && SCMP_ACT_ERRNO(1) == (GATE_RET_ERRNO | 1), "one encoding of actions");

const char *peer_version(void)
{
	static char text[32];
	const struct scmp_version *v = seccomp_version();

	snprintf(text, sizeof(text), "libseccomp %u.%u.%u", v->major, v->minor, v->micro);
	return text;
}

static struct scmp_arg_cmp arg_of(const struct gate_arg *a)
{
	return (struct scmp_arg_cmp){
		.arg = a->index, .op = (enum scmp_compare)a->op, .datum_a = a->value, .datum_b = a->value_two
	};
}

static void add_entry(scmp_filter_ctx ctx, const struct gate_entry *e, int nr)
{
	struct scmp_arg_cmp args[6];
	bool repeats = e->n_args > 6;

	for (size_t i = 0; i < e->n_args; i++)
		for (size_t j = 0; j < i; j++)
			repeats = repeats || e->args[i].index == e->args[j].index;
	for (size_t i = 0; i < e->n_args; i++) {
		args[repeats ? 0 : i] = arg_of(&e->args[i]);
		if (repeats)
			seccomp_rule_add_array(ctx, e->action, nr, 1, args);
	}
	if (!repeats)
		seccomp_rule_add_array(ctx, e->action, nr, (unsigned)e->n_args, args);
}

static uint32_t token_of(enum gate_arch arch)
{
	return arch == GATE_ARCH_X86_64 ? SCMP_ARCH_X86_64 : arch == GATE_ARCH_X86 ? SCMP_ARCH_X86 : SCMP_ARCH_X32;
}

static void take_program(scmp_filter_ctx ctx, struct gate_program *ret)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	off_t size;

	if (fd < 0 || seccomp_export_bpf(ctx, fd) < 0 || (size = lseek(fd, 0, SEEK_END)) <= 0)
		die("libseccomp does not export");
	ret->insns = malloc((size_t)size);
	ret->len = (size_t)size / sizeof(struct gate_insn);
	if (!ret->insns || pread(fd, ret->insns, (size_t)size, 0) != size)
		die("cannot read the exported filter");
	close(fd);
}

void peer_compile(const struct gate_profile *p, const struct gate_facts *facts, unsigned optimize,
                  struct gate_program *ret, struct peer_time *time)
{
	double start = now_us(), added;
	scmp_filter_ctx ctx = seccomp_init(p->default_action);
	struct gate_cover cover;

	if (!ctx || seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize) < 0)
		die("seccomp_init");
	gate_cover_of(p, facts, &cover);
	for (size_t i = 1; i < cover.n; i++)
		if (seccomp_arch_add(ctx, token_of(cover.arches[i])) < 0)
			die("seccomp_arch_add");
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct gate_entry *e = &p->entries[i];

		if (e->action == p->default_action || !gate_entry_in_force(e, facts, false))
			continue;
		for (size_t n = 0; n < e->n_names; n++) {
			int nr = seccomp_syscall_resolve_name(e->names[n].s);

			if (nr != __NR_SCMP_ERROR)
				add_entry(ctx, e, nr);
		}
	}
	added = now_us();
	take_program(ctx, ret);
	if (time)
		*time = (struct peer_time){ added - start, now_us() - added };
	seccomp_release(ctx);
}
