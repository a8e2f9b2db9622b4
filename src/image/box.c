#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compile/compile.h"
#include "image/box.h"
#include "image/profiles.h"
#include "kernel/seccomp.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define MEMORY_MAX (768ul << 20) /* zstd windows of 128 MiB, 256 MiB of directory times, and room */
#define FILE_MAX   (1ull << 40)

/* --- filters --- */
static int make_filter(const char *name, const char *text, size_t len, struct gate_insn **insns, size_t *n,
                       struct gate_err *err)
{
	struct gate_profile *profile = NULL;
	GATE_AUTO(gate_rules_freep) struct gate_rules *rules = NULL;
	struct gate_space *space = NULL;
	struct gate_program program = { 0 };
	struct gate_facts facts;
	gate_policy policy;
	int rc = gate_facts_host(&facts, err);

	if (rc == 0)
		rc = gate_profile_read(name, text, len, GATE_ENGINE_NATIVE, NULL, &profile, err);
	if (rc == 0)
		rc = gate_profile_resolve(profile, &facts, NULL, &rules, err);
	if (rc == 0)
		rc = gate_space_new(NULL, &space, err);
	if (rc == 0)
		rc = gate_rules_policy(rules, space, &policy, err);
	if (rc == 0)
		rc = gate_compile_rules(rules, &program, err);
	if (rc == 0)
		rc = gate_compile_prove(space, policy, program.insns, program.len,
		                        gate_arch_info(facts.arch)->big_endian, NULL, err);
	if (rc == 0) {
		*insns = program.insns;
		*n = program.len;
	} else {
		gate_program_done(&program);
		(void)GATE_NOTE(err, "callgate's own filter '%s'", name);
	}
	gate_space_free(space);
	gate_rules_free(GATE_TAKE(&rules));
	gate_profile_free(profile);
	return rc;
}

int gate_box_filters_make(struct gate_box_filters *ret, struct gate_err *err)
{
	struct gate_box_filters f = { 0 };

	if (make_filter("decompress.json", gate_decompress_text, gate_decompress_len, &f.decompress, &f.n_decompress,
	                err) < 0 ||
	    make_filter("unpack.json", gate_unpack_text, gate_unpack_len, &f.unpack, &f.n_unpack, err) < 0) {
		gate_box_filters_done(&f);
		return -1;
	}
	*ret = f;
	return 0;
}

void gate_box_filters_done(struct gate_box_filters *f)
{
	free(f->decompress);
	free(f->unpack);
	*f = (struct gate_box_filters){ 0 };
}

/* --- inside --- */
/* 0, 1, 2 and the report as 3, nothing else. */
static int arrange(const struct gate_box *b, int *report, int *root, struct gate_err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC),
	    fds[5] = { b->in, b->out >= 0 ? b->out : null, null, *report, b->root };
	struct rlimit files;

	if (null < 0)
		return GATE_FAIL_SYS(err, "opening /dev/null");
	for (int i = 0; i < 5; i++) /* out of the way first, so that none is overwritten */
		if (fds[i] >= 0 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10)) < 0)
			return GATE_FAIL_SYS(err, "duplicating a descriptor");
	for (int i = 0; i < 5; i++)
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			return GATE_FAIL_SYS(err, "duplicating a descriptor");
	*report = 3;
	*root = b->root >= 0 ? 4 : -1;
	if (syscall(SYS_close_range, b->root >= 0 ? 5u : 4u, ~0u, 0u) == 0)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0) /* before Linux 5.9 */
		return GATE_FAIL_SYS(err, "getrlimit");
	for (rlim_t fd = b->root >= 0 ? 5 : 4; fd < files.rlim_cur; fd++)
		(void)close((int)fd);
	return 0;
}

/* Root needs CAP_SYS_CHROOT for it, others a user namespace that gives it to them. Nobody's ids are mapped there: files
 * belong to the caller all the same, since the kernel's own ids count. */
static int confine(int root, struct gate_err *err)
{
	if (root < 0)
		return 0;
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return GATE_FAIL_SYS(err, "unpacking without root needs a user namespace");
	if (fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return GATE_FAIL_SYS(err, "making the layer's directory the root");
	(void)close(root);
	return 0;
}

static int lower(struct gate_err *err)
{
	/* Owners, modes, set-user-id bits, file capabilities, whiteouts before 5.8, trusted.overlay.* */
	static const unsigned kept[] = { CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
		                         CAP_SETFCAP, CAP_MKNOD,        CAP_SYS_ADMIN };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint32_t mask = 0;

	for (size_t i = 0; i < GATE_ARRAY_LEN(kept); i++)
		mask |= 1u << kept[i];
	if (syscall(SYS_capget, &head, data) < 0)
		return GATE_FAIL_SYS(err, "capget");
	data[0].effective &= mask;
	data[0].permitted &= mask;
	data[1].effective = data[1].permitted = data[0].inheritable = data[1].inheritable = 0;
	if (syscall(SYS_capset, &head, data) < 0)
		return GATE_FAIL_SYS(err, "capset");
	return 0;
}

static void limit(int what, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(what, &now) < 0)
		return;
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	now.rlim_cur = now.rlim_max;
	(void)setrlimit(what, &now); /* lowering is always permitted */
}

__attribute__((noreturn)) static void inside(const struct gate_box *b, int report, pid_t parent)
{
	static struct gate_box_report said;
	struct gate_err *err = &said.err;
	int root = -1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, FILE_MAX);
	limit(RLIMIT_NOFILE, 64);
	if (!SANITIZED)
		limit(RLIMIT_DATA, MEMORY_MAX);
	if (arrange(b, &report, &root, err) == 0 && confine(root, err) == 0 && lower(err) == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			(void)GATE_FAIL_SYS(err, "no_new_privs");
		else if (gate_seccomp_load(b->filter, b->filter_len, 0, NULL, err) == 0)
			b->run(b->ctx, &said);
	}
	while (write(report, &said, sizeof(said)) < 0 && errno == EINTR)
		;
	/* Not _exit(3): a sanitizer makes calls of its own in there. */
	(void)syscall(SYS_exit_group, err->code != GATE_OK);
	__builtin_trap();
}

/* --- outside --- */
int gate_box_start(struct gate_box *b, struct gate_err *err)
{
	pid_t parent = getpid(), pid;
	int pipes[2];

	b->pid = -1;
	b->report = -1;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return GATE_FAIL_SYS(err, "making a pipe");
	pid = fork();
	if (pid == 0)
		inside(b, pipes[1], parent);
	(void)close(pipes[1]);
	if (pid < 0) {
		(void)close(pipes[0]);
		return GATE_FAIL_SYS(err, "starting a process for %s", b->what);
	}
	b->pid = pid;
	b->report = pipes[0];
	return 0;
}

static int died(const struct gate_box *b, int status, struct gate_err *err)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (sig == SIGSYS)
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "%s was stopped by its own filter: it made a call that it does not need", b->what);
	if (sig != 0)
		return GATE_FAIL(err, GATE_E_PROTO, "%s was killed by signal %d (%s)", b->what, sig, strsignal(sig));
	return GATE_FAIL(err, GATE_E_PROTO, "%s ended without a word", b->what);
}

int gate_box_wait(struct gate_box *b, struct gate_box_report *ret, struct gate_err *err)
{
	struct gate_box_report said = { 0 };
	size_t have = 0;
	int status = 0;

	for (;;) {
		ssize_t n = read(b->report, (char *)&said + have, sizeof(said) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	while (waitpid(b->pid, &status, 0) < 0 && errno == EINTR)
		;
	b->pid = -1;
	(void)close(b->report);
	b->report = -1;
	if (have < sizeof(said) || WIFSIGNALED(status))
		return died(b, status, err);
	said.err.text[sizeof(said.err.text) - 1] = '\0';
	if (said.err.code != GATE_OK || status != 0) {
		enum gate_errc code =
		    said.err.code > GATE_OK && said.err.code < GATE_ERRC_MAX ? said.err.code : GATE_E_PROTO;

		gate_err_set(err, code == GATE_E_SYS && said.err.sys == ENOSPC ? GATE_E_NOSPACE : code, said.err.sys,
		             "%s: %s", b->what, said.err.text);
		return -1;
	}
	*ret = said;
	return 0;
}

void gate_box_end(struct gate_box *b)
{
	if (b->pid > 0) {
		(void)kill(b->pid, SIGKILL); /* our child, not yet waited for: the id is still its own */
		while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (b->report >= 0)
		(void)close(b->report);
	b->pid = -1;
	b->report = -1;
}
