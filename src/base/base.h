/* base.h - what every layer needs: cleanup by scope, checked arithmetic, assertions.
 * Includes the other headers of this layer. Nothing here knows about system calls or policies. */
#ifndef GATE_BASE_BASE_H
#define GATE_BASE_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <callgate/error.h>

/* The visible -1 lets gcc see that outputs stay unset (docs: style, errors). */
#define GATE_FAIL(err, code, ...) (gate_err_set((err), (code), 0, __VA_ARGS__), -1)
#define GATE_FAIL_SYS(err, ...)   (gate_err_set((err), GATE_E_SYS, errno, __VA_ARGS__), -1)
#define GATE_FAIL_NOMEM(err)      (gate_err_set((err), GATE_E_NOMEM, 0, "out of memory"), -1)
#define GATE_FAIL_AT(err, at, code, ...)                                                                               \
	(gate_err_set((err), (code), 0, __VA_ARGS__), gate_err_place((err), (at).line, (at).column, (at).length), -1)
#define GATE_NOTE(err, ...) (gate_err_prefix((err), __VA_ARGS__), -1)

/* A place in a text: 1-based line and column (characters), length in characters; line 0 means none. */
struct gate_place {
	uint32_t line, column, length;
};

#define GATE_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Programming errors only: stays on in release and aborts with its place. Nothing from text, kernel or disk may
 * reach one; the fuzzers prove it. */
#define GATE_CHECK(x) ((x) ? (void)0 : gate_check_failed(#x, __FILE__, __LINE__))
__attribute__((noreturn)) void gate_check_failed(const char *what, const char *file, int line);

/* Scope-bound cleanup. Variables are initialised where declared; GATE_TAKE moves out. */
#define GATE_AUTO(fn) __attribute__((cleanup(fn)))
#define GATE_TAKE(p)                                                                                                   \
	({                                                                                                             \
		__typeof__(*(p)) taken_ = *(p);                                                                        \
		*(p) = NULL;                                                                                           \
		taken_;                                                                                                \
	})
static inline void gate_freep(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}
#define GATE_AUTOFREE GATE_AUTO(gate_freep)

/* Defines fn##p for GATE_AUTO from a destructor that accepts NULL. */
#define GATE_DEFINE_FREEP(type, fn)                                                                                    \
	static inline void fn##p(type **p)                                                                             \
	{                                                                                                              \
		fn(*p);                                                                                                \
		*p = NULL;                                                                                             \
	}

#endif
