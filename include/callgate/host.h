/* callgate/host.h - what this kernel and this caller can do: pure data, for `callgate doctor` and for programs.
 *
 * Every fact is asked for anew, from the kernel itself where that is possible without effects. Some questions fork a
 * short-lived child, which loads a filter or makes a foreign call there. Nothing prints. */
#ifndef CALLGATE_HOST_H
#define CALLGATE_HOST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum gate_host_state {
	GATE_HOST_UNKNOWN = 0, /* could not be found out; `value` says why */
	GATE_HOST_NO,
	GATE_HOST_YES
};

struct gate_host_fact {
	const char *group; /* "actions", "flags", "notification", "audit", "launch", "limits", "analysis", "host" */
	const char *id;    /* "flag-tsync": stable, for JSON; unique */
	const char *name;  /* "SECCOMP_FILTER_FLAG_TSYNC": for people */
	enum gate_host_state state;
	char value[192];        /* what was found, one line; may be empty */
	const char *needed_for; /* what callgate uses it for */
	const char *without;    /* what happens where it is missing */
};

size_t gate_host_count(void);
/* Asks for fact i < gate_host_count(), always in the same order. Text pointers are valid for ever. */
void gate_host_ask(size_t i, struct gate_host_fact *ret);
/* "yes", "no", "unknown". Never NULL. */
const char *gate_host_state_name(enum gate_host_state state);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
