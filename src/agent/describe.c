/* A task as JSON, and the calls that its filter refused. */
#include <signal.h>
#include <stdio.h>

#include <callgate/abi.h>
#include <callgate/policy.h>

#include "agent/parts.h"

#define NAMED 3 /* calls that a message names; all are in the list */

/* --- refused calls --- */
static bool is_kill(const struct gate_record_denial *d)
{
	return d->action == GATE_RET_KILL_PROCESS || d->action == GATE_RET_KILL_THREAD || d->sig == SIGSYS;
}

/* "ptrace (101, x86_64)" */
static void call_text(const struct gate_record_denial *d, struct gate_buf *out)
{
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	const struct gate_arch_info *info = gate_arch_info(arch);
	const struct gate_syscall *known = gate_syscall_by_nr(arch, d->nr);

	gate_buf_printf(out, "%s (%u, ", known != NULL ? gate_name_text(known->name) : "a call without a name", d->nr);
	if (info != NULL)
		gate_buf_printf(out, "%s)", info->name);
	else
		gate_buf_printf(out, "architecture 0x%x)", d->arch);
}

static bool sigsys(const struct gate_record *r)
{
	return r->outcome == GATE_OUTCOME_KILLED ? r->signal == SIGSYS
	                                         : r->outcome == GATE_OUTCOME_EXITED && r->status == 128 + SIGSYS;
}

void gate_denials_text(struct gate_agent *a, const struct gate_agent_task *t, const struct gate_record *r, bool all,
                       struct gate_buf *out)
{
	char place[128];
	unsigned n = 0;

	for (uint32_t i = 0; i < r->n_denials; i++) {
		const struct gate_record_denial *d = &r->denials[i];

		if ((!all && !is_kill(d)) || n++ >= NAMED)
			continue;
		gate_buf_puts(out, n == 1 ? "; seccomp refused " : ", ");
		call_text(d, out);
		if (gate_profiles_place(a->profiles, t, d, place, sizeof(place)))
			gate_buf_printf(out, " by %s", place);
		else if (t->profile[0] != '\0')
			gate_buf_printf(out, " by profile '%s'", t->profile);
	}
	if (n > NAMED)
		gate_buf_printf(out, " and %u more", n - NAMED);
	if (n == 0 && !t->unconfined && sigsys(r))
		gate_buf_puts(out,
		              "; seccomp refused a call, but which one is not known: the audit log is not complete");
}

static void put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void put_number(struct gate_json *j, const char *key, uint64_t n)
{
	gate_json_key(j, key);
	gate_json_u64(j, n);
}

/* As `callgate inspect` has them. */
static void denial(struct gate_agent *a, const struct gate_agent_task *t, const struct gate_record_denial *d,
                   struct gate_json *j)
{
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	const struct gate_arch_info *info = gate_arch_info(arch);
	const struct gate_syscall *known = gate_syscall_by_nr(arch, d->nr);
	char place[128];

	gate_json_object(j);
	put(j, "arch", info != NULL ? info->name : NULL);
	put(j, "syscall", known != NULL ? gate_name_text(known->name) : NULL);
	put_number(j, "number", d->nr);
	put(j, "verdict", gate_ret_word(d->action));
	put(j, "place", gate_profiles_place(a->profiles, t, d, place, sizeof(place)) ? place : NULL);
	put_number(j, "signal", (uint64_t)d->sig);
	put_number(j, "count", d->count);
	put_number(j, "pid", d->pid);
	put(j, "comm", d->comm);
	put(j, "exe", d->exe);
	gate_json_end(j, '}');
}

char *gate_denials_json(struct gate_agent *a, const struct gate_agent_task *t, const struct gate_record *r)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_array(&j);
	for (uint32_t i = 0; i < r->n_denials; i++)
		denial(a, t, &r->denials[i], &j);
	gate_json_end(&j, ']');
	char *text = gate_buf_take(&out);

	a->nomem |= text == NULL;
	return text;
}

/* --- a task --- */
static void put_time(struct gate_json *j, const char *key, int64_t wall_ms)
{
	char text[32];

	gate_time_text(wall_ms, text);
	put(j, key, wall_ms != 0 ? text : NULL);
}

/* JSON that is kept as text: we wrote it. */
static void put_json(struct gate_json *j, const char *key, const char *text)
{
	gate_json_key(j, key);
	gate_json_raw(j, text != NULL && text[0] != '\0' ? text : "null");
}

static void put_profile(const struct gate_agent_task *t, struct gate_json *j)
{
	gate_json_key(j, "profile");
	gate_json_object(j);
	put(j, "name", t->profile[0] != '\0' ? t->profile : NULL);
	put(j, "textDigest", t->text_digest[0] != '\0' ? t->text_digest : NULL);
	put(j, "meaningDigest", t->meaning_digest[0] != '\0' ? t->meaning_digest : NULL);
	gate_json_key(j, "unconfined");
	gate_json_bool(j, t->unconfined);
	gate_json_end(j, '}');
}

void gate_task_describe(const struct gate_agent_task *t, struct gate_json *j)
{
	static const char *const owners[] = { [GATE_OWNER_MARATHON] = "marathon",
		                              [GATE_OWNER_METRONOME] = "metronome",
		                              [GATE_OWNER_OPERATOR] = "operator" };

	put(j, "id", t->id);
	put(j, "containerId", t->container);
	put(j, "parent", t->parent);
	put(j, "owner", owners[t->owner]);
	put(j, "ownerId", t->owner_id);
	put(j, "version", t->version);
	put(j, "name", t->name);
	put(j, "user", t->user);
	put(j, "command", t->command);
	put(j, "state", gate_state_name(t->state));
	put(j, "message", t->message);
	put(j, "reason", t->cause == GATE_CAUSE_NONE ? NULL : gate_cause_name(t->cause));
	gate_json_key(j, "exitStatus"); /* wait(2)'s */
	if (t->has_status)
		gate_json_u64(j, (uint64_t)t->wait_status);
	else
		gate_json_null(j);
	put_number(j, "pid", t->pid);
	put_profile(t, j);
	put_json(j, "denials", t->denials);
	put_json(j, "labels", t->labels);
	gate_json_key(j, "healthy");
	if (t->health_known)
		gate_json_bool(j, t->healthy);
	else
		gate_json_null(j);
	put(j, "client", t->client);
	put_time(j, "stagedAt", t->staged_ms);
	put_time(j, "startedAt", t->started_ms);
	put_time(j, "endedAt", t->ended_ms);
}
