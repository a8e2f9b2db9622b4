/* weigh.c - where the time goes: loading, and calls that really run the filter.
 *
 * Loading: for every number of the native and the compat ABI the kernel walks the filter once (Linux 5.11).
 * Running: since then the bitmap answers calls that are allowed whatever their arguments, and the filter runs for
 * the rest: argument checks, denials, and the probes by which libraries find out what a kernel has. Kernels before
 * 5.11, and calls under a second filter that asks, run it for everything: so the calls that any busy server makes
 * most are listed as well, with less weight. The shares are rounded from what `strace -c` shows for common network
 * servers, shells and language runtimes; they steer, nothing depends on them. */
#include "compile/weigh.h"

#define COST_RUN 20u /* per share: one more instruction on a call's way, beside GATE_COST_WALK */
#define ASKED    4u  /* a call that the bitmap does not answer counts that often */

static const struct {
	const char *name;
	uint8_t share;
} shares[] = {
	{ "read", 100 },
	{ "write", 80 },
	{ "futex", 80 },
	{ "epoll_wait", 60 },
	{ "recvfrom", 50 },
	{ "sendto", 50 },
	{ "close", 40 },
	{ "openat", 30 },
	{ "writev", 20 },
	{ "sendmsg", 16 },
	{ "recvmsg", 16 },
	{ "newfstatat", 16 },
	{ "fstat", 14 },
	{ "mmap", 14 },
	{ "rt_sigprocmask", 12 },
	{ "munmap", 10 },
	{ "fcntl", 10 },
	{ "poll", 10 },
	{ "rt_sigaction", 6 },
	{ "socket", 6 },
	{ "accept4", 6 },
	{ "lseek", 6 },
	{ "ioctl", 6 },
	{ "mprotect", 4 },
	{ "brk", 4 },
	{ "clone", 3 },
	{ "clone3", 3 },
	{ "wait4", 3 },
	{ "personality", 1 },
	{ "execve", 1 },
	{ "statx", 4 },
	{ "epoll_pwait", 10 },
	{ "getrandom", 2 },
	{ "rseq", 1 },
	{ "mount", 1 },
	{ "nanosleep", 2 },
	{ "clock_nanosleep", 3 },
	{ "pread64", 10 },
	{ "pwrite64", 6 },
	{ "access", 3 },
};

static struct gate_seg *seg_of(struct gate_seg *segs, size_t n, uint32_t nr)
{
	size_t lo = 0, hi = n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (segs[mid].lo <= nr)
			lo = mid;
		else
			hi = mid;
	}
	return &segs[lo];
}

static void weigh_shares(const struct gate_graph *g, enum gate_arch arch, struct gate_seg *segs, size_t n)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(shares); i++) {
		int name = gate_name_find(shares[i].name, strlen(shares[i].name));
		const struct gate_syscall *call = name < 0 ? NULL : gate_syscall_of(arch, (unsigned)name);
		const struct gate_node *node;
		struct gate_seg *seg;

		if (!call)
			continue;
		seg = seg_of(segs, n, call->nr);
		node = gate_graph_at(g, seg->node);
		seg->weight +=
		    shares[i].share * COST_RUN * (node->code == GATE_I_RET && node->k == GATE_RET_ALLOW ? 1u : ASKED);
	}
}

/* One walk per number between the ABI's first and last. */
static void weigh_walks(enum gate_arch arch, struct gate_seg *segs, size_t n)
{
	size_t count = gate_syscall_count(arch);
	uint32_t first, last;

	if (count == 0)
		return;
	first = gate_syscall_at(arch, 0)->nr;
	last = gate_syscall_at(arch, count - 1)->nr;
	for (size_t s = 0; s < n; s++) {
		uint32_t lo = segs[s].lo > first ? segs[s].lo : first;
		uint32_t hi = s + 1 < n && segs[s + 1].lo <= last ? segs[s + 1].lo - 1 : last;

		if (lo <= hi)
			segs[s].weight += GATE_COST_WALK * (hi - lo + 1);
	}
}

void gate_weigh(const struct gate_graph *g, uint32_t audit, struct gate_seg *segs, size_t n)
{
	enum gate_arch arch = gate_arch_of(audit, 0);

	for (size_t s = 0; s < n; s++)
		segs[s].weight = 0;
	if (g->small || arch == GATE_ARCH_NONE)
		return;
	weigh_walks(arch, segs, n);
	weigh_shares(g, arch, segs, n);
}
