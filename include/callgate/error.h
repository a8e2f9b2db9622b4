/* callgate/error.h - errors as values.
 *
 * Every function that can fail returns 0 or -1 and takes a `struct gate_err *` last. NULL is allowed there and
 * means that only the verdict is wanted. An error is set once: the first message is the cause and is kept.
 * The value owns no memory and holds no pointer, so it may be copied, sent through a pipe, and filled when
 * memory is gone or after clone(2). Thread-safe and async-signal-safe unless the format needs a locale. */
#ifndef CALLGATE_ERROR_H
#define CALLGATE_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum gate_errc {
	GATE_OK = 0,
	GATE_E_NOMEM,       /* memory is gone */
	GATE_E_SYS,         /* a system call failed; `sys` is its errno */
	GATE_E_SYNTAX,      /* the text is not in the language that it should be in */
	GATE_E_INVALID,     /* well-formed, but says something impossible or unknown */
	GATE_E_UNSUPPORTED, /* possible elsewhere, not here */
	GATE_E_LIMIT,       /* larger or more complex than callgate accepts */
	GATE_E_NOTFOUND,
	GATE_E_DENIED,
	GATE_E_CONFLICT,
	GATE_E_NOSPACE,
	GATE_E_PROTO,    /* a peer broke the protocol between us */
	GATE_E_UNPROVEN, /* a program is not what its policy says: never handed to the kernel */
	GATE_ERRC_MAX
};

struct gate_err {
	enum gate_errc code;
	int sys;               /* errno for GATE_E_SYS, else 0 */
	uint32_t line, column; /* 1-based place in the input (columns in characters), 0 when there is none */
	uint32_t length;       /* characters that the place covers, 0 when unknown */
	char text[488];        /* lower case, cause first, no full stop; cut, never overrun */
};

#define GATE_ERR_INIT                                                                                                  \
	{                                                                                                              \
		GATE_OK, 0, 0, 0, 0,                                                                                   \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}

/* Fills *err unless it is NULL or already set. Keeps errno. */
void gate_err_set(struct gate_err *err, enum gate_errc code, int sys, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "<formatted>: " in front of the text of an error that is set. */
void gate_err_prefix(struct gate_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the place in the input, unless the error has one. */
void gate_err_place(struct gate_err *err, uint32_t line, uint32_t column, uint32_t length);
/* "invalid", "limit", …: the stable word for a code, for JSON. Never NULL. */
const char *gate_errc_name(enum gate_errc code);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
