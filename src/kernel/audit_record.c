/* One record's text. The kernel writes it in audit_log_task and audit_seccomp (kernel/auditsc.c):
 * audit(1594067860.484:14536): auid=… uid=… gid=… ses=… [subj=…] pid=… comm="…" exe="…" sig=… arch=… syscall=… compat=…
 * ip=0x… code=0x… */
#include "kernel/audit.h"

struct field {
	const char *start;
	size_t len;
};

/* The value of `key` at the start of a word. */
static bool find(const char *text, size_t len, const char *key, struct field *ret)
{
	size_t n = strlen(key);
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		/* Names with a quote are written in hex (audit_log_untrustedstring), so quotes always pair. */
		if (quoted || (i > 0 && text[i - 1] != ' ') || len - i <= n || memcmp(text + i, key, n) != 0 ||
		    text[i + n] != '=')
			continue;
		const char *start = text + i + n + 1, *end = start;
		if (end < text + len && *end == '"')
			for (end++; end < text + len && *end != '"'; end++)
				;
		while (end < text + len && *end != ' ')
			end++;
		*ret = (struct field){ start, (size_t)(end - start) };
		return true;
	}
	return false;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static char octet(const char *pair)
{
	unsigned value = (unsigned)digit(pair[0]) << 4 | (unsigned)digit(pair[1]);

	return (char)(value & 0xff);
}

static bool number(const char *text, size_t len, const char *key, unsigned base, uint64_t *ret)
{
	struct field f;
	uint64_t value = 0;

	if (!find(text, len, key, &f) || f.len == 0)
		return false;
	bool minus = base == 10 && f.start[0] == '-';
	size_t i = minus ? 1 : 0;
	if (base == 16 && f.len > 2 && f.start[0] == '0' && f.start[1] == 'x')
		i = 2;
	if (i == f.len || f.len - i > 20)
		return false;
	for (; i < f.len; i++) {
		int d = digit(f.start[i]);

		if (d >= (int)base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)d, &value))
			return false;
	}
	*ret = minus ? -value : value;
	return true;
}

static bool number32(const char *text, size_t len, const char *key, unsigned base, uint32_t *ret)
{
	uint64_t value;

	if (!number(text, len, key, base, &value) || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* "text" as it is, else pairs of hex digits; what is neither ("(null)") is taken as it is. */
static void untrusted(const char *text, size_t len, const char *key, char *ret, size_t size)
{
	struct field f;
	size_t n = 0;

	ret[0] = '\0';
	if (!find(text, len, key, &f) || f.len == 0)
		return;
	bool quoted = f.len >= 2 && f.start[0] == '"' && f.start[f.len - 1] == '"', hex = !quoted && f.len % 2 == 0;
	for (size_t i = 0; hex && i < f.len; i++)
		hex = digit(f.start[i]) < 16;
	if (quoted) {
		f.start++;
		f.len -= 2;
	}
	for (size_t i = 0; i < f.len && n < size - 1; i += hex ? 2 : 1)
		ret[n++] = hex ? octet(f.start + i) : f.start[i];
	ret[n] = '\0';
}

bool gate_audit_parse(const char *text, size_t len, struct gate_audit_record *ret)
{
	struct gate_audit_record r = { 0 };
	uint64_t sig;

	const char *colon = memchr(text, ':', len);
	if (colon == NULL)
		return false;
	for (const char *p = colon + 1; p < text + len && *p >= '0' && *p <= '9'; p++)
		r.serial = r.serial * 10 + (uint64_t)(*p - '0');
	if (!number32(text, len, "pid", 10, &r.pid) || !number32(text, len, "uid", 10, &r.uid) ||
	    !number32(text, len, "arch", 16, &r.arch) || !number32(text, len, "code", 16, &r.code) ||
	    !number(text, len, "sig", 10, &sig) || !number(text, len, "ip", 16, &r.ip))
		return false;
	/* Always there, but never needed to tell what was refused. */
	if (!number32(text, len, "ses", 10, &r.session))
		r.session = UINT32_MAX;
	/* The kernel prints the number as a long: -1 comes as "-1" from a 64-bit call with all bits set. */
	uint64_t nr;
	if (!number(text, len, "syscall", 10, &nr))
		return false;
	r.nr = (uint32_t)nr;
	r.sig = (int32_t)sig;
	untrusted(text, len, "comm", r.comm, sizeof(r.comm));
	untrusted(text, len, "exe", r.exe, sizeof(r.exe));
	*ret = r;
	return true;
}
