/* buf.h - a growing byte buffer and growing arrays.
 * A failed growth sets `failed` and later calls do nothing, so callers check once at the end. */
#ifndef GATE_BASE_BUF_H
#define GATE_BASE_BUF_H

#include <stdarg.h>

#include "base/base.h"

struct gate_buf {
	char *data; /* NUL-terminated whenever it is not NULL */
	size_t len, cap;
	bool failed; /* memory was gone at some point: the content is incomplete */
};
#define GATE_BUF_INIT                                                                                                  \
	{                                                                                                              \
		NULL, 0, 0, false                                                                                      \
	}

void gate_buf_add(struct gate_buf *b, const void *bytes, size_t len);
void gate_buf_puts(struct gate_buf *b, const char *s);
void gate_buf_printf(struct gate_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gate_buf_vprintf(struct gate_buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
/* Untrusted text for people: control bytes and invalid UTF-8 as \xNN, the rest unchanged. */
void gate_buf_escaped(struct gate_buf *b, const char *s, size_t len);
/* The NUL-terminated content, which the caller frees; NULL when memory was gone. The buffer is empty afterwards. */
char *gate_buf_take(struct gate_buf *b);
void gate_buf_done(struct gate_buf *b);

/* Makes room for one more element of `size` bytes in an array of n elements and capacity *cap.
 * Returns -1, with everything unchanged, when memory is gone. */
int gate_grow(void *array_ptr, size_t n, size_t *cap, size_t size);

#endif
