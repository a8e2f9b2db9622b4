/* agent/profiles.h for tests that are not about profiles: every task gets one instruction that allows everything, under the name
 * that it asked for, or none. f->profile_error makes every decision fail. */
#include <linux/filter.h>

#include "fake.h"

const struct gate_http_route gate_profiles_routes[] = { { 0 } };

int gate_profiles_open(struct gate_agent *a, struct gate_profiles **ret, struct gate_err *err)
{
	(void)a;
	(void)err;
	*ret = NULL;
	return 0;
}

void gate_profiles_close(struct gate_profiles *p)
{
	(void)p;
}

int gate_profiles_decide(struct gate_profiles *p, const struct gate_profile_request *r, struct gate_arena *arena,
                         struct gate_profile_decision *ret, struct gate_err *err)
{
	static const struct sock_filter allow[] = { { BPF_RET | BPF_K, 0, 0, 0x7fff0000U } };
	static const char digest[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

	(void)p;
	(void)arena;
	if (fake_now->profile_error.code != GATE_OK) {
		if (err != NULL)
			*err = fake_now->profile_error;
		return -1;
	}
	*ret = (struct gate_profile_decision){ .name = "" };
	if (r->seccomp.present && r->seccomp.unconfined) {
		ret->profile.unconfined = true;
		return 0;
	}
	ret->name = r->seccomp.profile_name != NULL ? r->seccomp.profile_name : "default.json";
	ret->profile = (struct gate_wire_profile){
		.insns = allow, .len = 1, .source = ret->name, .text_digest = digest, .meaning_digest = digest
	};
	return 0;
}

bool gate_profiles_place(struct gate_profiles *p, const struct gate_agent_task *t, const struct gate_record_denial *d,
                         char *text, size_t size)
{
	size_t len = fake_now->place != NULL ? strlen(fake_now->place) : size;

	(void)p;
	(void)t;
	(void)d;
	if (len >= size)
		return false;
	memcpy(text, fake_now->place, len + 1);
	return true;
}

void gate_profiles_findings(struct gate_profiles *p,
                            void (*fn)(void *ctx, const char *name, const struct gate_profile_counts *n), void *ctx)
{
	(void)p;
	fn(ctx, "web \"1\".json", &(struct gate_profile_counts){ .warnings = 2 });
}
