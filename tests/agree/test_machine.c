/* The machine of src/bpf is the kernel's: the same programs are accepted, and the same values come out, also of
 * operations that no compiler of filters writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/ops.h"
#include "live/probe.h"
#include "../unit/random.h"

#define AUDIT_X86_64 0xc000003eu
#define PROGRAMS     20000

static const uint16_t codes[] = {
	OP_LD_ABS, OP_LD_ABS, OP_LD_ABS, OP_LD_IMM, OP_LDX_IMM, OP_LD_LEN, OP_LDX_LEN, OP_LD_MEM, OP_LDX_MEM, OP_ST, OP_STX, OP_TAX,
	OP_TXA, OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_OR, OP_AND, OP_LSH, OP_RSH, OP_NEG, OP_XOR, OP_ADD | OP_X, OP_SUB | OP_X,
	OP_MUL | OP_X, OP_DIV | OP_X, OP_OR | OP_X, OP_AND | OP_X, OP_LSH | OP_X, OP_RSH | OP_X, OP_XOR | OP_X, OP_JEQ, OP_JGT,
	OP_JGE, OP_JSET, OP_JEQ | OP_X, OP_JGT | OP_X, OP_JGE | OP_X, OP_JSET | OP_X, OP_JA,
};

/* One that is likely to be accepted `left` instructions before the end. */
static struct gate_insn pick(struct test_random *r, size_t left)
{
	struct gate_insn i = { .code = codes[test_below(r, GATE_ARRAY_LEN(codes))], .k = test_edge32(r) };

	if (i.code == OP_LD_ABS)
		i.k = 16 + 4 * test_below(r, 4);
	else if (i.code == OP_LD_MEM || i.code == OP_LDX_MEM || i.code == OP_ST || i.code == OP_STX)
		i.k = test_below(r, 3);
	else if (i.code == OP_LSH || i.code == OP_RSH)
		i.k = test_below(r, 32);
	else if (i.code == OP_DIV)
		i.k += i.k == 0;
	else if (i.code == OP_JA)
		i.k = left == 0 ? 0 : test_below(r, (uint32_t)(left < 4 ? left : 4));
	if (gate_bpf_is_jump(i.code) && i.code != OP_JA && left > 0) {
		i.jt = (uint8_t)test_below(r, (uint32_t)(left < 5 ? left : 5));
		i.jf = (uint8_t)test_below(r, (uint32_t)(left < 5 ? left : 5));
	}
	return i;
}

/* --- what is accepted --- */

static size_t random_program(struct test_random *r, struct gate_insn *p)
{
	size_t len = 1 + test_below(r, test_below(r, 3) == 0 ? 40 : 8);

	for (size_t pc = 0; pc + 1 < len; pc++)
		p[pc] = pick(r, len - pc - 1);
	p[len - 1] = (struct gate_insn){ .code = test_below(r, 2) != 0 ? OP_RET_K : OP_RET_A, .k = test_edge32(r) };
	/* Written first, or most programs would be refused for that alone. */
	for (size_t i = 0; i < 3 && i + 1 < len && test_below(r, 4) != 0; i++)
		p[i] = (struct gate_insn){ .code = test_below(r, 2) != 0 ? OP_ST : OP_STX, .k = (uint32_t)i };
	return len;
}

static void spoil(struct test_random *r, struct gate_insn *p, size_t len)
{
	struct gate_insn *i = &p[test_below(r, (uint32_t)len)];

	switch (test_below(r, 7)) {
	case 0:
		i->code = (uint16_t)test_below(r, 0x200);
		break;
	case 1:
		i->code ^= (uint16_t)(1u << test_below(r, 16));
		break;
	case 2:
		i->k = test_edge32(r);
		break;
	case 3:
		i->k = test_below(r, 70);
		break;
	case 4:
		i->jt = (uint8_t)test_below(r, 256);
		break;
	case 5:
		i->jf = (uint8_t)(len - (size_t)(i - p) - test_below(r, 3));
		break;
	default:
		*i = (struct gate_insn){ .code = (uint16_t)test_next(r), .k = test_edge32(r) };
		break;
	}
}

/* The errno of a load. Nothing is loaded: there is a listener already, and there can be only one (EBUSY, Linux 5.0),
 * which the kernel says after it has looked at the program. */
static int refusal(const struct gate_insn *p, size_t len)
{
	const struct {
		unsigned short len;
		const struct gate_insn *insns;
	} program = { (unsigned short)len, p };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0 ? errno : 0;
}

struct tally {
	unsigned taken, refused;
	size_t len; /* of the program on which they differ */
	int kernel; /* what the kernel said of it: its errno */
	char ours[sizeof(((struct gate_err *)NULL)->text)];
	struct gate_insn program[64];
	bool unable;
};

static void compare_acceptance(struct tally *t, uint64_t seed)
{
	static struct gate_insn p[GATE_BPF_MAX + 2];
	const struct gate_insn allow = { .code = OP_RET_K, .k = GATE_RET_ALLOW };
	struct test_random r = { seed };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || refusal(&allow, 1) != 0 || refusal(&allow, 1) != EBUSY) {
		t->unable = true;
		return;
	}
	for (unsigned i = 0; i < PROGRAMS; i++) {
		struct gate_err err = GATE_ERR_INIT;
		size_t len = random_program(&r, p);
		bool ours;
		int kernel;

		for (unsigned k = test_below(&r, 3); k > 0; k--)
			spoil(&r, p, len);
		if (i % 1000 == 0) { /* around the greatest length, and none */
			len = i % 3000 == 0 ? 0 : GATE_BPF_MAX - 1 + i / 1000 % 3;
			for (size_t pc = 0; pc < len; pc++)
				p[pc] = allow;
		}
		ours = gate_bpf_check(p, len, &err) == 0;
		kernel = refusal(p, len);
		t->taken += ours;
		t->refused += !ours;
		if (kernel != (ours ? EBUSY : EINVAL)) {
			t->len = len;
			t->kernel = kernel;
			(void)snprintf(t->ours, sizeof(t->ours), "%s", ours ? "accepted" : err.text);
			memcpy(t->program, p, (len < 64 ? len : 64) * sizeof(*p));
			return;
		}
	}
}

static void the_kernel_takes_exactly_what_the_check_takes(void **state)
{
	struct test_random r = test_random_start(71);
	struct tally *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	(void)state;
	assert_true(t != MAP_FAILED);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		compare_acceptance(t, r.state);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (t->unable) {
		printf("# skipped: this kernel or its guardian gives no notification listener\n");
		(void)munmap(t, sizeof(*t));
		skip();
	}
	if (t->kernel != 0) {
		for (size_t pc = 0; pc < t->len && pc < 64; pc++)
			printf("# %zu: code %#x jt %u jf %u k %#x\n", pc, t->program[pc].code, t->program[pc].jt, t->program[pc].jf,
			       t->program[pc].k);
		fail_msg("the kernel says errno %d; the check: %s", t->kernel, t->ours);
	}
	printf("# %u programs accepted and %u refused by both\n", t->taken, t->refused);
	assert_true(t->taken > 3000 && t->refused > 3000);
	(void)munmap(t, sizeof(*t));
}

/* --- what comes out --- */

enum odd { ODD_SHIFT, ODD_DIV_0, ODD_DIV, ODD_MUL, ODD_NEG, ODD_LEN, ODD_SCRATCH, ODD_MAX };

static const char *const odd_names[] = { "shifts by 32 or more", "divisions by 0", "divisions", "products", "negations", "lengths",
	                                 "scratch reads" };
_Static_assert(GATE_ARRAY_LEN(odd_names) == ODD_MAX, "every odd operation has a name");

static void count_odd(void *ctx, const struct gate_insn *i, const struct gate_bpf_state *s)
{
	unsigned long *odd = ctx;

	odd[ODD_SHIFT] += (i->code == (OP_LSH | OP_X) || i->code == (OP_RSH | OP_X)) && s->x >= 32;
	odd[ODD_DIV_0] += i->code == (OP_DIV | OP_X) && s->x == 0;
	odd[ODD_DIV] += i->code == OP_DIV || (i->code == (OP_DIV | OP_X) && s->x != 0);
	odd[ODD_MUL] += (i->code & ~OP_X) == OP_MUL;
	odd[ODD_NEG] += i->code == OP_NEG;
	odd[ODD_LEN] += i->code == OP_LD_LEN || i->code == OP_LDX_LEN;
	odd[ODD_SCRATCH] += i->code == OP_LD_MEM || i->code == OP_LDX_MEM;
}

/* Random operations on A, X and scratch, then 11 bits of A, which of them is in the sixth argument, as an errno. */
static size_t computing_program(struct test_random *r, struct gate_insn *p)
{
	static const struct gate_insn tail[] = {
		{ OP_ST, 0, 0, 15 }, { OP_LD_ABS, 0, 0, 56 }, { OP_TAX, 0, 0, 0 }, { OP_LD_MEM, 0, 0, 15 },
		{ OP_JA, 0, 0, 0 },  { OP_RSH | OP_X, 0, 0, 0 }, { OP_AND, 0, 0, 0x7ff }, { OP_OR, 0, 0, GATE_RET_ERRNO },
		{ OP_RET_A, 0, 0, 0 },
	};
	size_t len = 0, n = 3 + test_below(r, 10);

	for (uint32_t i = 0; i < 3; i++) {
		p[len++] = (struct gate_insn){ .code = OP_LD_ABS, .k = 16 + 4 * test_below(r, 4) };
		p[len++] = (struct gate_insn){ .code = OP_ST, .k = i };
	}
	p[len++] = (struct gate_insn){ .code = OP_LDX_MEM, .k = 1 };
	for (size_t i = 0; i < n; i++)
		p[len++] = pick(r, n - i);
	memcpy(p + len, tail, sizeof(tail));
	return len + GATE_ARRAY_LEN(tail);
}

static void the_kernel_computes_what_the_machine_computes(void **state)
{
	enum { RUNS = 1500, INPUTS = 20 };
	struct test_random r = test_random_start(72);
	unsigned long odd[ODD_MAX] = { 0 }, calls = 0;

	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		struct gate_data d[INPUTS * 3] = { 0 };
		uint32_t got[INPUTS * 3];
		struct gate_insn p[64];
		struct gate_err err = GATE_ERR_INIT;
		size_t len = computing_program(&r, p);
		char why[160];

		if (gate_bpf_check(p, len, &err) < 0)
			fail_msg("%s", err.text);
		for (size_t i = 0; i < INPUTS * 3; i++) {
			d[i] = (struct gate_data){ .nr = 39, .arch = AUDIT_X86_64, .args = { test_edge64(&r), test_edge64(&r) } };
			if (i % 3 != 0)
				d[i] = d[i - 1];
			d[i].args[5] = 11 * (i % 3);
		}
		if (probe_calls(p, len, d, INPUTS * 3, got, why) < 0)
			fail_msg("%s", why);
		for (size_t i = 0; i < INPUTS * 3; i++, calls++) {
			uint32_t want = gate_bpf_run(p, len, false, &d[i], NULL, i % 3 == 0 ? count_odd : NULL, odd);

			if (got[i] == probe_sees(want))
				continue;
			for (size_t pc = 0; pc < len; pc++)
				printf("# %zu: code %#x jt %u jf %u k %#x\n", pc, p[pc].code, p[pc].jt, p[pc].jf, p[pc].k);
			fail_msg("the kernel gives %#x, the machine %#x for (%#llx, %#llx), bits from %llu", got[i], want,
			         (unsigned long long)d[i].args[0], (unsigned long long)d[i].args[1],
			         (unsigned long long)d[i].args[5]);
		}
	}
	printf("# %d programs, %lu calls", RUNS, calls);
	for (int i = 0; i < ODD_MAX; i++)
		printf(", %lu %s", odd[i], odd_names[i]);
	printf("\n");
	for (int i = 0; i < ODD_MAX; i++)
		assert_true(odd[i] > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_takes_exactly_what_the_check_takes),
		cmocka_unit_test(the_kernel_computes_what_the_machine_computes),
	};
	const char *unable = probe_unable();

	if (unable != NULL) {
		printf("1..0 # skipped: %s\n", unable);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
