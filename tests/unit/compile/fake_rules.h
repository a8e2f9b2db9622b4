/* fake_rules.h - rules out of thin air, what they mean by the book, and their diagram: the witnesses of the compiler. */
#ifndef FAKE_RULES_H
#define FAKE_RULES_H

#include <callgate/policy.h>

#include "../random.h"
#include "profile/rules.h"

/* How wild random rules are. */
struct fake_shape {
	uint32_t tokens, spans, cases, conds; /* at most; at least one token and span */
	uint32_t nr_step;                     /* numbers between spans: at most */
	bool edges;                           /* constants at the edges of words, else from a small set */
};

/* Everything is in rules->arena: gate_arena_done frees. */
void fake_rules(struct test_random *r, const struct fake_shape *shape, struct gate_rules *ret);
/* The first case that matches, one condition after the other. */
uint32_t fake_decide(const struct gate_rules *rules, const struct gate_data *data);
/* A call at the edges of what the rules test. */
void fake_data(struct test_random *r, const struct gate_rules *rules, struct gate_data *ret);
int fake_policy(const struct gate_rules *rules, struct gate_space *space, gate_policy *ret, struct gate_err *err);

#endif
