/* filter.c - callgate's filters beside libseccomp's and the engines', in one run: what they mean, how long they are,
 * how many instructions a call runs, and what making, loading and running them takes. `bench/run` calls this. */
#include <linux/filter.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "profile/facts.h"

#define TOKEN 0xc000003eu /* AUDIT_ARCH_X86_64 */
#define MOST  12u         /* filters; one more place is for none */

struct mix_call {
	uint32_t nr;
	uint64_t arg;
	double weight;
};

struct bench {
	const char *file, *mix_file;
	FILE *rows;
	char *text;
	size_t len;
	struct gate_facts facts;
	struct gate_profile *profile, *docker;
	struct gate_rules *rules, *docker_rules;
	struct mix_call mix[128];
	size_t n_mix;
	struct contender c[MOST + 1];
	size_t n;
	int rounds;
};

static void row(struct bench *b, const char *who, const char *what, const char *unit, double median, double low,
                double high, size_t n)
{
	if (b->rows)
		fprintf(b->rows, "%s\t%zu\t%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%zu\n", b->file, b->facts.n_arches, who, what,
		        unit, median, low, high, n);
}

static void timed(struct bench *b, const char *who, const char *what, const char *unit, struct samples *s, double base)
{
	double median = quantile(s, 0.5), low = quantile(s, 0.1), high = quantile(s, 0.9);

	if (s->n == 0)
		return;
	printf("  %-24s %-28s %10.1f %s  (p10 %.1f, p90 %.1f, n %zu)", who, what, median, unit, low, high, s->n);
	printf(base > 0 ? "  x %.2f\n" : "\n", median / base);
	row(b, who, what, unit, median, low, high, s->n);
}

/* --- input --- */

static char *slurp(const char *file, size_t *len)
{
	FILE *f = fopen(file, "re");
	char *text = malloc(1u << 20);

	if (!f || !text)
		die("cannot read %s", file);
	*len = fread(text, 1, (1u << 20) - 1, f);
	text[*len] = '\0';
	fclose(f);
	return text;
}

static void read_mix(struct bench *b)
{
	FILE *f = b->mix_file ? fopen(b->mix_file, "re") : NULL;
	char line[256], name[64];

	while (f && b->n_mix < GATE_ARRAY_LEN(b->mix) && fgets(line, sizeof(line), f)) {
		struct mix_call *m = &b->mix[b->n_mix];
		unsigned long long arg;
		const struct gate_syscall *sc;

		if (line[0] == '#' || sscanf(line, "%63s %lli %lf", name, (long long *)&arg, &m->weight) != 3)
			continue;
		sc = gate_syscall_of(GATE_ARCH_X86_64, (unsigned)gate_name_find(name, strlen(name)));
		if (!sc)
			die("%s: unknown call %s", b->mix_file, name);
		m->nr = sc->nr;
		m->arg = arg;
		b->n_mix++;
	}
	if (f)
		fclose(f);
	else
		printf("mix: skipped: no file of calls and weights\n");
}

static bool read_profile(struct bench *b, enum gate_engine engine, struct gate_profile **p, struct gate_rules **r)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_profile_read(b->file, b->text, b->len, engine, NULL, p, &err) == 0 &&
	    gate_profile_resolve(*p, &b->facts, NULL, r, &err) == 0)
		return true;
	if (engine == GATE_ENGINE_NATIVE)
		die("%s: %s", b->file, err.text);
	printf("%s meaning: skipped: %s\n", gate_engine_name(engine), err.text);
	return false;
}

static struct contender *contend(struct bench *b, const char *name)
{
	if (b->n == MOST)
		die("too many filters");
	snprintf(b->c[b->n].name, sizeof(b->c[b->n].name), "%s", name);
	return &b->c[b->n++];
}

static void read_program(struct bench *b, char *name_and_file)
{
	char *file = strchr(name_and_file, '=');
	struct contender *c;

	if (!file)
		die("--program wants NAME=FILE");
	*file++ = '\0';
	c = contend(b, name_and_file);
	c->program.insns = (struct gate_insn *)slurp(file, &c->program.len);
	c->program.len /= sizeof(struct gate_insn);
}

/* What entering seccomp costs, whatever the filter. */
static void add_floor(struct bench *b)
{
	static const struct gate_insn allow = { .code = BPF_RET | BPF_K, .k = GATE_RET_ALLOW };
	struct contender *c = contend(b, "ret allow (the floor)");

	c->program.insns = malloc(sizeof(allow));
	if (!c->program.insns)
		die("out of memory");
	c->program.insns[0] = allow;
	c->program.len = 1;
}

/* --- what they mean --- */

static gate_policy meaning(struct gate_space *space, const struct gate_program *p)
{
	struct gate_err err = GATE_ERR_INIT;
	gate_policy policy;

	if (gate_bpf_check(p->insns, p->len, &err) < 0 ||
	    gate_bpf_lift(space, p->insns, p->len, false, &policy, &err) < 0 ||
	    gate_policy_normal(space, policy, &policy, &err) < 0)
		die("%s", err.text);
	return policy;
}

static unsigned differing_numbers(struct gate_space *space, gate_policy differ)
{
	unsigned n = 0;
	gate_policy here;

	if (gate_policy_fix(space, differ, GATE_WORD_ARCH, UINT32_MAX, TOKEN, &here, NULL) < 0)
		return 0;
	for (uint32_t nr = 0; nr < 1024; nr++) {
		gate_policy at;
		uint32_t leaf;

		if (gate_policy_fix(space, here, GATE_WORD_NR, UINT32_MAX, nr, &at, NULL) == 0)
			n += !gate_policy_is_const(space, at, &leaf) || leaf != 0;
	}
	return n;
}

static void compare_meanings(struct bench *b)
{
	struct gate_space *space = NULL;
	gate_policy all[MOST];

	if (gate_space_new(NULL, &space, NULL) < 0)
		die("out of memory");
	printf("\nmeaning (of x86_64 numbers below 1024, how many differ from the first of the table):\n");
	for (size_t i = 0; i + 1 < b->n; i++) { /* the last is the floor */
		gate_policy differ;
		struct gate_data data;
		const char *same = NULL;

		all[i] = meaning(space, &b->c[i].program);
		for (size_t j = i; j-- > 0;)
			same = all[j] == all[i] ? b->c[j].name : same;
		if (same || i == 0) {
			printf("  %-24s %s%s\n", b->c[i].name, same ? "means exactly what this does: " : "-",
			       same ? same : "");
			continue;
		}
		if (gate_policy_combine(space, GATE_COMBINE_DIFFER, all[0], all[i], &differ, NULL) < 0 ||
		    !gate_policy_witness(space, differ, &data))
			continue;
		printf("  %-24s differs in %u", b->c[i].name, differing_numbers(space, differ));
		printf("; first: arch 0x%x nr %u args[0] 0x%llx: %s(%u) here, %s(%u) there\n", data.arch, data.nr,
		       (unsigned long long)data.args[0], gate_ret_word(gate_policy_decide(space, all[i], &data)),
		       GATE_RET_DATA(gate_policy_decide(space, all[i], &data)),
		       gate_ret_word(gate_policy_decide(space, all[0], &data)),
		       GATE_RET_DATA(gate_policy_decide(space, all[0], &data)));
	}
	printf(
	    "  (callgate: calls younger than the profile get ENOSYS, other architectures kill the process, arguments are\n"
	    "  compared as wide as the kernel reads them; libseccomp alone has no ENOSYS: engines put a stub in front)\n");
	gate_space_free(space);
}

/* --- counts: no clock --- */

static uint32_t executed(const struct gate_program *p, uint32_t nr, uint64_t arg)
{
	struct gate_data data = { .arch = TOKEN, .nr = nr, .args = { arg } };
	uint32_t n;

	gate_bpf_run(p->insns, p->len, false, &data, &n, NULL, NULL);
	return n;
}

static void count(struct bench *b, struct contender *c)
{
	const struct gate_program *p = &c->program;
	size_t calls = gate_syscall_count(GATE_ARCH_X86_64);
	uint32_t last = gate_syscall_at(GATE_ARCH_X86_64, calls - 1)->nr, most = 0, walked;
	double all = 0, mix = 0, weight = 0, asked = 0, asked_weight = 0, emulated = 0;

	for (uint32_t nr = 0; nr <= last; nr++) {
		uint32_t n = executed(p, nr, 0);

		all += n;
		most = n > most ? n : most;
		gate_bpf_const_allow(p->insns, p->len, TOKEN, nr, &walked);
		emulated += walked;
		gate_bpf_const_allow(p->insns, p->len, 0x40000003, nr, &walked);
		emulated += walked;
	}
	for (size_t i = 0; i < b->n_mix; i++) {
		const struct mix_call *m = &b->mix[i];
		double cost = m->weight * executed(p, m->nr, m->arg);
		bool hit = gate_bpf_const_allow(p->insns, p->len, TOKEN, m->nr, NULL);

		mix += cost;
		weight += m->weight;
		asked += hit ? 0 : cost;
		asked_weight += hit ? 0 : m->weight;
	}
	all /= last + 1;
	mix = weight > 0 ? mix / weight : 0;
	asked = asked_weight > 0 ? asked / asked_weight : 0;
	printf("  %-24s %6zu %8.1f %6u %8.2f %10.2f %10.0f\n", c->name, p->len, all, most, mix, asked, emulated);
	row(b, c->name, "length", "instructions", (double)p->len, 0, 0, 1);
	row(b, c->name, "executed, all numbers", "instructions", all, 0, 0, last + 1);
	row(b, c->name, "executed, mix", "instructions", mix, 0, 0, b->n_mix);
	row(b, c->name, "executed, mix beside the bitmap", "instructions", asked, 0, 0, b->n_mix);
	row(b, c->name, "emulated at load", "instructions", emulated, 0, 0, 1);
}

/* Calls for which the first of the table runs more instructions than another. */
static void where_we_lose(struct bench *b)
{
	printf("\ncalls of x86_64 that run more instructions under callgate's filter than under\n");
	for (size_t i = 1; i + 1 < b->n; i++) {
		size_t calls = gate_syscall_count(GATE_ARCH_X86_64), more = 0;

		printf("  %-24s", b->c[i].name);
		for (size_t k = 0; k < calls; k++) {
			const struct gate_syscall *sc = gate_syscall_at(GATE_ARCH_X86_64, k);

			if (executed(&b->c[0].program, sc->nr, 0) <= executed(&b->c[i].program, sc->nr, 0))
				continue;
			if (more++ < 6)
				printf(" %s", gate_name_text(sc->name));
		}
		printf("%s (%zu of %zu)\n", more > 6 ? " ..." : "", more, calls);
	}
}

/* --- making --- */

struct making {
	struct samples json, rules, loop, proof, peer[2];
};

static void make_ours(struct bench *b, struct making *m)
{
	struct gate_profile *profile;
	struct gate_rules *rules;
	struct gate_program p;
	struct gate_space *space;
	gate_policy policy;
	double start = now_us(), resolved;

	read_profile(b, GATE_ENGINE_NATIVE, &profile, &rules);
	resolved = now_us();
	if (gate_compile_rules(rules, &p, NULL) < 0)
		die("does not compile");
	sample(&m->rules, now_us() - resolved);
	sample(&m->json, now_us() - start);
	start = now_us();
	if (gate_space_new(NULL, &space, NULL) < 0 || gate_rules_policy(rules, space, &policy, NULL) < 0 ||
	    gate_compile_prove(space, policy, p.insns, p.len, false, NULL, NULL) < 0)
		die("not proven");
	sample(&m->proof, now_us() - start);
	gate_space_free(space);
	gate_program_done(&p);
	for (int i = 0; i < 20; i++) {
		start = now_us();
		if (gate_compile_rules(rules, &p, NULL) < 0)
			die("does not compile");
		sample(&m->loop, now_us() - start);
		gate_program_done(&p);
	}
	gate_rules_free(rules);
	gate_profile_free(profile);
}

static void make_theirs(struct bench *b, struct making *m, unsigned optimize)
{
	struct gate_program p;
	struct peer_time time;

	peer_compile(b->profile, &b->facts, optimize, &p, &time);
	sample(&m->peer[optimize - 1], time.add + time.export);
	gate_program_done(&p);
}

static void time_making(struct bench *b)
{
	struct making m = { .json.n = 0 };
	double base;

	for (int r = 0; r < b->rounds; r++) {
		make_ours(b, &m);
		make_theirs(b, &m, 1);
		make_theirs(b, &m, 2);
	}
	printf("\nmaking (in turns; ratios to callgate's rules to program, caches cold):\n");
	base = quantile(&m.rules, 0.5);
	timed(b, "callgate", "JSON to program", "us", &m.json, base);
	timed(b, "callgate", "rules to program, cold", "us", &m.rules, base);
	timed(b, "callgate", "rules to program, in a loop", "us", &m.loop, base);
	timed(b, "callgate", "proof", "us", &m.proof, base);
	timed(b, "libseccomp default", "rules to program", "us", &m.peer[0], base);
	timed(b, "libseccomp optimize 2", "rules to program", "us", &m.peer[1], base);
	samples_done(&m.json);
	samples_done(&m.rules);
	samples_done(&m.loop);
	samples_done(&m.proof);
	samples_done(&m.peer[0]);
	samples_done(&m.peer[1]);
}

/* --- the whole --- */

static void environment(void)
{
	struct utsname u;
	char line[256], cpu[128] = "unknown CPU";
	char jit = '?', harden = '?';
	FILE *f = fopen("/proc/cpuinfo", "re");

	uname(&u);
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "model name : %127[^\n]", cpu) != 1)
		;
	if (f)
		fclose(f);
	if ((f = fopen("/proc/sys/net/core/bpf_jit_enable", "re"))) {
		jit = (char)fgetc(f);
		fclose(f);
	}
	if ((f = fopen("/proc/sys/net/core/bpf_jit_harden", "re"))) {
		harden = (char)fgetc(f);
		fclose(f);
	}
	printf(
	    "environment: Linux %s %s, %s, %ld CPUs, JIT %c (harden %c), uid %u, callgate compiler %u, %s, built by %s\n",
	    u.release, u.machine, cpu, sysconf(_SC_NPROCESSORS_ONLN), jit, harden, geteuid(), GATE_COMPILE_VERSION,
	    peer_version(), __VERSION__);
}

static void in_the_kernel(struct bench *b)
{
	double load;

	snprintf(b->c[b->n].name, sizeof(b->c[b->n].name), "no filter");
	if (live_load(b->c, b->n, b->rounds)) {
		struct contender *floor = &b->c[b->n - 1];

		printf("\nkernel load (in turns, each in a fresh child; ratios of what is above the floor, by p10):\n");
		load = quantile(&b->c[0].load, 0.1) - quantile(&floor->load, 0.1);
		for (size_t i = 0; i < b->n; i++) {
			timed(b, b->c[i].name, "load", "us", &b->c[i].load, 0);
			if (i > 0 && &b->c[i] != floor && load > 0)
				printf("  %-24s   %.1f times callgate's\n", "",
				       (quantile(&b->c[i].load, 0.1) - quantile(&floor->load, 0.1)) / load);
		}
	}
	if (!live_calls(b->c, b->n + 1, 3 * b->rounds))
		return;
	printf("\nper call (in turns, one CPU; differences of a few ns are noise: trees tie):\n");
	for (int call = 0; call < 3; call++)
		for (size_t i = 0; i <= b->n; i++)
			timed(b, b->c[i].name, live_call_names[call], "ns", &b->c[i].calls[call], 0);
}

int main(int argc, char **argv)
{
	struct bench b = { .rounds = 30,
		           .facts = { .arch = GATE_ARCH_X86_64, .caps = gate_caps_docker, .kernel = { 6, 18 } } };
	static const enum gate_arch all[] = { GATE_ARCH_X86_64, GATE_ARCH_X86, GATE_ARCH_X32 };
	struct gate_err err = GATE_ERR_INIT;
	char *programs[MOST];
	size_t n_programs = 0;

	signal(SIGPIPE, SIG_IGN);
	memcpy(b.facts.arches, all, sizeof(all));
	b.facts.n_arches = 1;
	for (int opt; (opt = getopt(argc, argv, "3m:p:r:n:")) != -1;) {
		if (opt == '3')
			b.facts.n_arches = 3;
		else if (opt == 'm')
			b.mix_file = optarg;
		else if (opt == 'p' && n_programs < MOST)
			programs[n_programs++] = optarg;
		else if (opt == 'r')
			b.rows = fopen(optarg, "ae");
		else if (opt == 'n')
			b.rounds = atoi(optarg);
		else
			die("usage: bench-filter [-3] [-m MIX] [-p NAME=PROGRAM]... [-r ROWS] [-n ROUNDS] PROFILE");
	}
	if (optind + 1 != argc)
		die("which profile?");
	b.file = argv[optind];
	b.text = slurp(b.file, &b.len);
	environment();
	printf("profile: %s, %s, Docker's capabilities, kernel 6.18\n", b.file,
	       b.facts.n_arches == 1 ? "x86_64" : "x86_64 + x86 + x32");
	read_mix(&b);
	read_profile(&b, GATE_ENGINE_NATIVE, &b.profile, &b.rules);
	if (gate_compile_rules(b.rules, &contend(&b, "callgate")->program, &err) < 0 ||
	    (read_profile(&b, GATE_ENGINE_DOCKER, &b.docker, &b.docker_rules) &&
	     gate_compile_rules(b.docker_rules, &contend(&b, "callgate, docker:")->program, &err) < 0))
		die("%s", err.text);
	peer_compile(b.profile, &b.facts, 1, &contend(&b, "libseccomp default")->program, NULL);
	peer_compile(b.profile, &b.facts, 2, &contend(&b, "libseccomp optimize 2")->program, NULL);
	for (size_t i = 0; i < n_programs; i++)
		read_program(&b, programs[i]);
	add_floor(&b);

	compare_meanings(&b);
	printf("\n  %-24s %6s %8s %6s %8s %10s %10s\n", "instructions", "length", "mean", "max", "mix", "not bitmap",
	       "emulated");
	for (size_t i = 0; i < b.n; i++)
		count(&b, &b.c[i]);
	where_we_lose(&b);
	time_making(&b);
	in_the_kernel(&b);
	for (size_t i = 0; i <= b.n; i++) {
		gate_program_done(&b.c[i].program);
		samples_done(&b.c[i].load);
		for (int call = 0; call < 3; call++)
			samples_done(&b.c[i].calls[call]);
	}
	gate_rules_free(b.rules);
	gate_rules_free(b.docker_rules);
	gate_profile_free(b.profile);
	gate_profile_free(b.docker);
	free(b.text);
	if (b.rows)
		fclose(b.rows);
	return 0;
}
