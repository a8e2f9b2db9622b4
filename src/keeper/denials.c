/* Which calls the task was refused, from the kernel's audit records: those with the task's own audit session, which
 * every process of it inherits and none can change. Where that cannot be known, the record says so; nothing is guessed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "keeper/keeper.h"

/* A fence comes back within a millisecond; a long queue of other people's records may be before it. */
#define FENCE_MS 1000
/* Without one: how long nothing may arrive before all is taken to be here. */
#define QUIET_MS 50
/* A task in a loop of refused calls is looked at so often, not more; what the queue does not hold is counted as lost. */
#define LOOK_MS    20
#define ANSWER_MS  500
#define NO_SESSION UINT32_MAX

/* --- the socket passes on just the task's records ---
 * Without this every record of the host would wake every keeper. Put on when the first one of somebody else's has come: most
 * tasks never see one, and the kernel takes half a millisecond to compile it. "audit(T.MMM:N): auid=N uid=N gid=N ses=N pid=…": nothing
 * before ses= comes from a task, so its first place is the right one. */
enum { TEXT = 16 /* struct nlmsghdr */, SEARCH_FROM = TEXT + 32, SEARCH_TO = TEXT + 96, TYPE = 4 };
enum { PROGRAM_MAX = 8 + 4 * (SEARCH_TO - SEARCH_FROM) + 2 * 12 + 4 };

struct program {
	struct sock_filter at[PROGRAM_MAX];
	unsigned short n;
};

static void put(struct program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	p->at[p->n++] = (struct sock_filter){ code, jt, jf, k };
}

/* BPF loads are big-endian; the type is in the host's order. */
static uint16_t as_loaded(uint16_t v)
{
	unsigned char b[2];

	memcpy(b, &v, 2);
	return (uint16_t)(b[0] << 8 | b[1]);
}

static void write_program(struct program *p, uint32_t session, bool fence)
{
	char digits[12];
	size_t n = 0;

	for (uint32_t rest = session; rest != 0 || n == 0; rest /= 10)
		digits[n++] = (char)('0' + rest % 10);
	p->n = 0;
	put(p, BPF_LD | BPF_H | BPF_ABS, 0, 0, TYPE);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, as_loaded(AUDIT_USER_AVC));
	put(p, BPF_RET | BPF_K, 0, 0, fence ? UINT32_MAX : 0);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, as_loaded(GATE_AUDIT_SECCOMP));
	put(p, BPF_RET | BPF_K, 0, 0, 0);
	const unsigned search = p->n, compare = search + 4 * (SEARCH_TO - SEARCH_FROM) + 1;
	for (uint32_t at = SEARCH_FROM; at < SEARCH_TO; at++) {
		put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, at);
		put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, (uint32_t)'s' << 24 | 'e' << 16 | 's' << 8 | '=');
		put(p, BPF_LDX | BPF_W | BPF_IMM, 0, 0, at + 4);
		put(p, BPF_JMP | BPF_JA, 0, 0, compare - (p->n + 1U));
	}
	put(p, BPF_RET | BPF_K, 0, 0, 0);
	for (uint32_t i = 0; i <= n; i++) {
		put(p, BPF_LD | BPF_B | BPF_IND, 0, 0, i);
		put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * (n - i) + 1),
		    (uint8_t)(i < n ? digits[n - 1 - i] : ' '));
	}
	put(p, BPF_RET | BPF_K, 0, 0, UINT32_MAX);
	put(p, BPF_RET | BPF_K, 0, 0, 0);
}

/* What does not pass is not there any more: best effort, the session is compared again. */
static void attach(int fd, uint32_t session, bool fence)
{
	static struct program p;
	struct sock_fprog filter = { 0, p.at };

	write_program(&p, session, fence);
	filter.len = p.n;
	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

/* Once narrow, it must be told of the fence, too. */
static void narrow(struct gate_keeper *k, bool fence)
{
	attach(k->denials.fd, k->record.session, fence);
	k->denials.narrow = true;
}

/* --- what the keeper is told --- */
static const struct gate_row *filter_row(const struct gate_keeper *k)
{
	for (uint32_t i = 0; i < k->plan->n_rows; i++)
		if (k->view.rows[i].step == GATE_STEP_FILTER)
			return &k->view.rows[i];
	return NULL;
}

static bool same_pids(const struct gate_keeper *k)
{
	static const char first[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
	char link[64];
	int proc = gate_plan_fd(&k->view, k->plan->proc);
	ssize_t n = proc < 0 ? -1 : readlinkat(proc, "self/ns/pid", link, sizeof(link));

	return n == sizeof(first) - 1 && memcmp(link, first, sizeof(first) - 1) == 0;
}

static void close_both(struct gate_keeper_denials *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	if (d->ask >= 0)
		(void)close(d->ask);
	d->fd = d->ask = -1;
}

static int take_out(struct gate_keeper *k, int32_t index)
{
	int fd = gate_plan_fd(&k->view, index);

	if (index >= 0)
		k->fds[index] = -1;
	return fd;
}

void gate_denials_start(struct gate_keeper *k)
{
	struct gate_keeper_denials *d = &k->denials;
	const struct gate_row *row = filter_row(k);

	*d = (struct gate_keeper_denials){ .fd = take_out(k, k->plan->audit),
		                           .ask = take_out(k, k->plan->audit_ask),
		                           .answers = GATE_AUDIT_NO_ANSWERS };
	if (row == NULL) { /* unconfined: nothing is refused */
		close_both(d);
		return;
	}
	d->log = (row->a & SECCOMP_FILTER_FLAG_LOG) != 0;
	if (!d->log)
		k->record.gaps |= GATE_GAP_ONLY_KILLS;
	if (d->fd < 0)
		k->record.gaps |= GATE_GAP_NOT_HEARD;
	else if (k->record.session == NO_SESSION)
		k->record.gaps |= GATE_GAP_UNATTRIBUTED;
	if (d->fd < 0 || k->record.session == NO_SESSION) {
		close_both(d);
		return;
	}
	d->same_pids = same_pids(k);
	/* A thread of the kernel's answers; read in the end. */
	if (d->log && d->ask >= 0)
		(void)gate_audit_request(d->ask, AUDIT_GET, GATE_AUDIT_SEQ_FIRST, NULL);
}

static void copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	if (n > size - 1)
		n = size - 1;
	memcpy(to, from, n);
	memset(to + n, 0, size - n);
}

static void count(struct gate_keeper *k, const struct gate_audit_record *a)
{
	struct gate_record *r = &k->record;

	if (a->session != r->session)
		return;
	for (uint32_t i = 0; i < r->n_denials; i++) {
		struct gate_record_denial *d = &r->denials[i];

		if (d->arch == a->arch && d->nr == a->nr && d->action == a->code) {
			d->count++;
			return;
		}
	}
	if (r->n_denials == GATE_RECORD_DENIALS) {
		r->gaps |= GATE_GAP_TOO_MANY;
		return;
	}
	struct gate_record_denial *d = &r->denials[r->n_denials++];
	*d = (struct gate_record_denial){ .arch = a->arch,
		                          .nr = a->nr,
		                          .action = a->code,
		                          .sig = a->sig,
		                          .count = 1,
		                          .pid = a->pid,
		                          .main = k->denials.same_pids && a->pid == r->pid };
	copy(d->comm, sizeof(d->comm), a->comm);
	copy(d->exe, sizeof(d->exe), a->exe);
}

/* 1: the fence, 0: nothing more now. */
static int take_all(struct gate_keeper *k)
{
	static struct gate_audit_datagram m;
	struct gate_keeper_denials *d = &k->denials;
	struct gate_audit_record a;
	int got;

	while (d->fd >= 0 && (got = gate_audit_read(d->fd, &m)) != 0) {
		if (got == 2)
			d->overflows++;
		if (got < 0)
			close_both(d);
		if (got != 1)
			continue;
		if (m.type == GATE_AUDIT_SECCOMP && gate_audit_parse(m.text, m.len, &a)) {
			count(k, &a);
			if (a.session != k->record.session && !d->narrow)
				narrow(k, d->fence_sent);
		} else if (m.type == GATE_AUDIT_SECCOMP)
			d->overflows++; /* a record that cannot be read is a record lost */
		else if (m.type == AUDIT_USER_AVC && d->fence_sent &&
		         memmem(m.text, m.len, d->fence, strlen(d->fence)) != NULL)
			return 1;
	}
	return 0;
}

void gate_denials_look(struct gate_keeper *k, uint64_t now)
{
	if (k->denials.fd < 0 || now < k->denials.next_ms)
		return;
	(void)take_all(k);
	k->denials.next_ms = gate_keeper_now_ms() + LOOK_MS;
}

/* --- the end --- */
/* Was a call refused that was logged, or may one have been? Else nobody waits. */
static bool matters(const struct gate_keeper *k)
{
	const struct gate_record *r = &k->record;
	const int sigsys = 31; /* on all architectures but alpha, mips, parisc, sparc */

	return k->denials.log || r->n_denials > 0 || (r->outcome == GATE_OUTCOME_KILLED && r->signal == sigsys) ||
	       (r->outcome == GATE_OUTCOME_EXITED && r->status == 128 + sigsys);
}

static void fence_text(char ret[40])
{
	static const char start[] = "callgate-fence ";
	size_t at = sizeof(start) - 1;
	uint64_t words[] = { (uint64_t)getpid() << 32, gate_keeper_time_ns() };

	memcpy(ret, start, at);
	for (int i = 0; i < 6; i++)
		ret[at++] = (char)('a' + (words[0] >> (60 - 4 * i) & 15));
	for (int i = 0; i < 16; i++)
		ret[at++] = (char)('a' + (words[1] >> (60 - 4 * i) & 15));
	ret[at] = '\0';
}

/* The fence is an audit message of type USER_AVC, the only one that the kernel passes on also while auditing is off
 * (audit_receive_msg, kernel/audit.c): all that was logged before it is before it in the queue. */
void gate_denials_fence(struct gate_keeper *k)
{
	struct gate_keeper_denials *d = &k->denials;

	if (d->fd < 0 || d->ask < 0 || !matters(k))
		return;
	if (d->narrow)
		narrow(k, true);
	fence_text(d->fence);
	if (gate_audit_request(d->ask, AUDIT_USER_AVC, GATE_AUDIT_SEQ_FENCE, d->fence) < 0)
		return;
	/* The acknowledgement is there when sendto(2) returns. */
	while (gate_audit_take_answer(d->ask, &d->answers))
		;
	d->fence_sent = d->answers.error[GATE_AUDIT_SEQ_FENCE] == 0;
	if (d->log)
		(void)gate_audit_request(d->ask, AUDIT_GET, GATE_AUDIT_SEQ_SECOND, NULL);
}

static bool wait_for(int fd, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = gate_keeper_now_ms();

	return now < until && poll(&p, 1, (int)(until - now)) > 0;
}

static bool fenced(struct gate_keeper *k)
{
	struct gate_keeper_denials *d = &k->denials;
	uint64_t until = gate_keeper_now_ms() + (d->fence_sent ? FENCE_MS : QUIET_MS);

	for (;;) {
		if (take_all(k) == 1)
			return true;
		if (d->fd < 0 || !wait_for(d->fd, until))
			return false;
	}
}

/* Adds what the kernel lost meanwhile; false when that cannot be known. */
static bool add_lost(struct gate_keeper *k)
{
	struct gate_keeper_denials *d = &k->denials;
	struct gate_audit_answers *a = &d->answers;
	const int first = GATE_AUDIT_SEQ_FIRST, second = GATE_AUDIT_SEQ_SECOND;

	if (d->ask < 0)
		return false;
	for (uint64_t until = gate_keeper_now_ms() + ANSWER_MS; !a->has_lost[first] || !a->has_lost[second];) {
		if (gate_audit_take_answer(d->ask, a))
			continue;
		if (a->error[first] < 0 || a->error[second] < 0 || !wait_for(d->ask, until))
			return false;
	}
	k->record.lost += a->lost[second] - a->lost[first];
	return true;
}

/* Is the word in kernel.seccomp.actions_logged? Where that cannot be read, yes: nothing points to a gap. */
static bool logged(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || p[len] == '\0'))
			return true;
	return false;
}

static bool all_logged(const struct gate_keeper *k)
{
	char list[256];
	int proc = gate_plan_fd(&k->view, k->plan->proc);

	if (proc < 0 || gate_store_read(proc, "sys/kernel/seccomp/actions_logged", list, sizeof(list)) < 0)
		return true;
	return logged(list, "kill_process") && logged(list, "kill_thread") &&
	       (!k->denials.log || logged(list, "errno"));
}

void gate_denials_finish(struct gate_keeper *k)
{
	struct gate_keeper_denials *d = &k->denials;
	struct gate_record *r = &k->record;

	if (d->fd < 0)
		return;
	bool all = take_all(k) == 1;
	if (!all && (d->fence_sent || matters(k)))
		all = fenced(k);
	if (!all)
		r->gaps |= GATE_GAP_NO_FENCE;
	if (d->log && !add_lost(k))
		r->gaps |= GATE_GAP_UNCOUNTED;
	if (!all_logged(k))
		r->gaps |= GATE_GAP_ACTIONS;
	r->lost += d->overflows;
	if (r->lost > 0)
		r->gaps |= GATE_GAP_LOST;
	close_both(d);
}
