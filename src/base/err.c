#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

void gate_err_set(struct gate_err *err, enum gate_errc code, int sys, const char *format, ...)
{
	int saved = errno;
	va_list ap;

	if (err == NULL || err->code != GATE_OK)
		return;
	memset(err, 0, sizeof(*err));
	err->code = code;
	err->sys = sys;
	va_start(ap, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	if (code == GATE_E_SYS && sys != 0) {
		size_t len = strlen(err->text);

		/* strerrordesc_np is async-signal-safe and knows no locale (glibc 2.32). */
		const char *why = strerrordesc_np(sys);

		(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", why != NULL ? why : "unknown error");
	}
	errno = saved;
}

void gate_err_prefix(struct gate_err *err, const char *format, ...)
{
	char head[sizeof(err->text)], tail[sizeof(err->text)];
	va_list ap;

	if (err == NULL || err->code == GATE_OK)
		return;
	va_start(ap, format);
	(void)vsnprintf(head, sizeof(head), format, ap);
	va_end(ap);
	memcpy(tail, err->text, sizeof(tail));
	size_t n = strlen(head), room = sizeof(err->text) - 1;

	if (n > room - 2)
		n = room - 2;
	memcpy(err->text, head, n);
	memcpy(err->text + n, ": ", 2);
	size_t rest = strlen(tail);
	if (rest > room - n - 2)
		rest = room - n - 2;
	memcpy(err->text + n + 2, tail, rest);
	err->text[n + 2 + rest] = '\0';
}

void gate_err_place(struct gate_err *err, uint32_t line, uint32_t column, uint32_t length)
{
	if (err == NULL || err->code == GATE_OK || err->line != 0)
		return;
	err->line = line;
	err->column = column;
	err->length = length;
}

const char *gate_errc_name(enum gate_errc code)
{
	static const char *const names[] = {
		[GATE_OK] = "ok",
		[GATE_E_NOMEM] = "no-memory",
		[GATE_E_SYS] = "system",
		[GATE_E_SYNTAX] = "syntax",
		[GATE_E_INVALID] = "invalid",
		[GATE_E_UNSUPPORTED] = "unsupported",
		[GATE_E_LIMIT] = "limit",
		[GATE_E_NOTFOUND] = "not-found",
		[GATE_E_DENIED] = "denied",
		[GATE_E_CONFLICT] = "conflict",
		[GATE_E_NOSPACE] = "no-space",
		[GATE_E_PROTO] = "protocol",
		[GATE_E_UNPROVEN] = "unproven",
	};
	_Static_assert(GATE_ARRAY_LEN(names) == GATE_ERRC_MAX, "every code has a name");

	return (unsigned)code < GATE_ERRC_MAX ? names[code] : "unknown";
}

void gate_check_failed(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "callgate: internal error: %s (%s:%d)\n", what, file, line);
	abort();
}
