#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <callgate/policy.h>

#include "kernel/audit.h"

#define HEAD "audit(1594067860.484:14536): auid=4294967295 uid=0 gid=0 ses=4294967295 "
#define TAIL " sig=31 arch=c000003e syscall=51 compat=0 ip=0x46fe1f code=0x80000000"

static bool parse(const char *text, struct gate_audit_record *r)
{
	return gate_audit_parse(text, strlen(text), r);
}

static void a_record_is_read_whole(void **state)
{
	struct gate_audit_record r;

	(void)state;
	assert_true(parse(HEAD "pid=29064 comm=\"http-echo\" exe=\"/http-echo\"" TAIL, &r));
	assert_int_equal(r.serial, 14536);
	assert_int_equal(r.pid, 29064);
	assert_int_equal(r.uid, 0);
	assert_int_equal(r.sig, 31);
	assert_int_equal(r.arch, 0xc000003e);
	assert_int_equal(r.nr, 51);
	assert_int_equal(r.ip, 0x46fe1f);
	assert_int_equal(r.code, GATE_RET_KILL_PROCESS);
	assert_string_equal(r.comm, "http-echo");
	assert_string_equal(r.exe, "/http-echo");
}

static void names_in_hex_are_decoded(void **state)
{
	struct gate_audit_record r;

	(void)state;
	assert_true(parse(HEAD "pid=7 comm=612062 exe=2F61" TAIL, &r));
	assert_string_equal(r.comm, "a b");
	assert_string_equal(r.exe, "/a");
}

static void a_name_cannot_pose_as_a_field(void **state)
{
	struct gate_audit_record r;

	(void)state;
	assert_true(parse(HEAD "pid=7 comm=\"x\" exe=\"/a pid=9 code=0x0\"" TAIL, &r));
	assert_int_equal(r.pid, 7);
	assert_int_equal(r.code, GATE_RET_KILL_PROCESS);
	/* "auid" ends like "uid", "opid" like "pid": only whole words count. */
	assert_true(parse("audit(1.2:3): auid=5 uid=6 opid=8 pid=7 comm=\"x\" exe=(null)" TAIL, &r));
	assert_int_equal(r.uid, 6);
	assert_int_equal(r.pid, 7);
	assert_string_equal(r.exe, "(null)");
}

static void fields_of_security_modules_do_not_matter(void **state)
{
	struct gate_audit_record r;

	(void)state;
	assert_true(parse(HEAD "subj=unconfined_u:r:t:s0-s0:c0.c1023 pid=29064 comm=\"a\" exe=\"/a\"" TAIL, &r));
	assert_int_equal(r.pid, 29064);
}

static void what_is_incomplete_is_refused(void **state)
{
	static const char whole[] = HEAD "pid=29064 comm=\"a\" exe=\"/a\" sig=31 arch=c000003e syscall=51 compat=0 ip=0x46fe1f code=";
	struct gate_audit_record r = { .pid = 12345 };

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++)
		assert_false(gate_audit_parse(whole, len, &r));
	assert_int_equal(r.pid, 12345);
	assert_false(parse(HEAD "pid=4294967296 comm=\"a\" exe=\"/a\"" TAIL, &r));
	assert_false(parse(HEAD "pid=x comm=\"a\" exe=\"/a\"" TAIL, &r));
	assert_false(parse(HEAD "pid= comm=\"a\" exe=\"/a\"" TAIL, &r));
}

static void no_length_reads_past_the_end(void **state)
{
	static const char text[] = HEAD "pid=7 comm=61206 exe=\"/a" TAIL;
	struct gate_audit_record r;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		/* Exactly as long as it says, so that a sanitizer sees one byte too many. */
		char *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, text, len);
		(void)gate_audit_parse(copy, len, &r);
		free(copy);
	}
}

static void a_call_number_of_all_ones_is_one(void **state)
{
	struct gate_audit_record r;

	(void)state;
	assert_true(parse(HEAD "pid=7 comm=\"a\" exe=\"/a\" sig=0 arch=40000003 syscall=-1 compat=1 ip=0x0 code=0x50000", &r));
	assert_int_equal(r.nr, UINT32_MAX);
	assert_int_equal(r.arch, 0x40000003);
	assert_int_equal(r.code, GATE_RET_ERRNO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_whole),
		cmocka_unit_test(names_in_hex_are_decoded),
		cmocka_unit_test(a_name_cannot_pose_as_a_field),
		cmocka_unit_test(fields_of_security_modules_do_not_matter),
		cmocka_unit_test(what_is_incomplete_is_refused),
		cmocka_unit_test(no_length_reads_past_the_end),
		cmocka_unit_test(a_call_number_of_all_ones_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
