/* The agent's settings: precedence, Mesos' and DC/OS' words, what is refused and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

struct made {
	struct gate_settings *s;
	struct gate_config *c;
	struct gate_err err;
	char file[64];
};

/* Flags, variables and file (any may be NULL) to a configuration; err when there is none. */
static void make(struct made *m, const char *const *flags, const char *const *variables, const char *yaml)
{
	static const char *const none[] = { NULL };
	GATE_AUTO(gate_buf_done) struct gate_buf bytes = GATE_BUF_INIT;
	int fd;

	memset(m, 0, sizeof(*m));
	strcpy(m->file, "/tmp/callgate-config-XXXXXX");
	fd = mkstemp(m->file);
	assert_true(fd >= 0);
	if (yaml != NULL)
		assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
	close(fd);
	assert_int_equal(gate_settings_new(&m->s, NULL), 0);
	assert_int_equal(gate_settings_flag(m->s, "config", m->file, NULL), 0);
	for (flags = flags != NULL ? flags : none; *flags != NULL; flags += 2)
		if (gate_settings_flag(m->s, flags[0], flags[1], &m->err) < 0)
			goto out;
	if (gate_settings_environment(m->s, (char *const *)variables, &m->err) < 0 ||
	    gate_settings_finish(m->s, &m->err) < 0)
		goto out;
	assert_int_equal(gate_settings_bytes(m->s, &bytes, &m->err), 0);
	(void)gate_config_make(bytes.data, bytes.len, &m->c, &m->err);
out:
	unlink(m->file);
}

static void done(struct made *m)
{
	gate_config_free(m->c);
	gate_settings_free(m->s);
}

static void nothing_said_means_everything_isolated_and_no_default_profile(void **state)
{
	const char *const *notes;
	struct made m;

	(void)state;
	make(&m, NULL, NULL, NULL);
	assert_non_null(m.c);
	assert_int_equal(m.c->isolation, GATE_ISOLATE_ALL & ~(1U << GATE_ISOLATE_NNP));
	assert_null(m.c->profile_name);
	assert_int_equal(gate_settings_notes(m.s, &notes), 1);
	assert_string_equal(notes[0], "warning: there is no default profile: tasks that name none run without a filter; "
	                              "--seccomp_profile_name=default.json (seccomp_profile_name in "
	                              "/etc/callgate/agent.yaml) gives them one");
	assert_string_equal(gate_settings_get(m.s, "seccomp_config_dir"), "/etc/callgate/seccomp");
	assert_string_equal(m.c->state_dir, "/var/lib/callgate");
	assert_int_equal(m.c->gc_delay_ms, 604800000);
	assert_true(m.c->strict);
	assert_true(m.c->cpus > 0 && m.c->mem_mib > 0);
	assert_int_equal(m.c->port_low, 31000);
	assert_true(m.c->measured);
	assert_null(m.c->acl == NULL ? NULL : m.c->acl->subject);
	done(&m);
}

static void a_flag_wins_over_a_variable_and_that_over_the_file(void **state)
{
	static const char *const flags[] = { "seccomp_profile_name", "flag.json", NULL };
	static const char *const vars[] = { "MESOS_SECCOMP_PROFILE_NAME=var.json", "MESOS_HOSTNAME=var", "HOME=/", NULL };
	struct made m;

	(void)state;
	make(&m, flags, vars, "seccomp_profile_name: file.json\nhostname: file\nattributes: 'rack:file'\n");
	assert_non_null(m.c);
	assert_string_equal(m.c->profile_name, "flag.json");
	assert_string_equal(m.c->hostname, "var");
	assert_string_equal(m.c->attributes, "rack:file");
	done(&m);
}

static void without_a_default_profile_there_is_none(void **state)
{
	static const char *const flags[] = { "isolation", "linux/seccomp", "seccomp_config_dir", "/etc/mesos", NULL };
	struct made m;

	(void)state;
	make(&m, flags, NULL, NULL);
	assert_non_null(m.c);
	assert_null(m.c->profile_name);
	assert_int_equal(m.c->isolation, 1 << GATE_ISOLATE_SECCOMP);
	done(&m);
}

static void dcos_words_switch_the_isolator(void **state)
{
	static const struct {
		const char *yaml, *profile;
		bool on;
	} rows[] = {
		{ "mesos_seccomp_enabled: true\n", "default.json", true },
		{ "mesos_seccomp_enabled: true\nmesos_seccomp_profile_name: ''\n", NULL, true },
		{ "mesos_seccomp_enabled: 'true'\nmesos_seccomp_profile_name: web.json\n", "web.json", true },
		{ "mesos_seccomp_enabled: false\nmesos_seccomp_profile_name: web.json\n", NULL, false },
		{ "mesos_seccomp_enabled: true\nseccomp_profile_name: web.json\n", "web.json", true },
		{ "isolation: namespaces/pid\nmesos_seccomp_enabled: true\n", "default.json", true },
		{ "seccomp_config_dir: /etc/mesos\n", NULL, true },
		{ "isolation: [namespaces/pid, linux/seccomp]\nmesos_seccomp_enabled: false\n", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct made m;

		make(&m, NULL, NULL, rows[i].yaml);
		assert_string_equal(m.err.text, "");
		assert_int_equal((m.c->isolation & 1 << GATE_ISOLATE_SECCOMP) != 0, rows[i].on);
		if (rows[i].profile == NULL)
			assert_null(m.c->profile_name);
		else
			assert_string_equal(m.c->profile_name, rows[i].profile);
		done(&m);
	}
}

static void dcos_list_of_isolators_is_taken_and_what_is_idle_is_noted(void **state)
{
	static const char *const flags[] = {
		"isolation",
		"cgroups/all,disk/du,network/cni,filesystem/linux,docker/runtime,docker/volume,volume/sandbox_path,"
		"volume/secret,volume/csi,posix/rlimits,namespaces/pid,namespaces/ipc,linux/capabilities,linux/seccomp",
		"seccomp_config_dir", "/opt/mesosphere/etc/dcos/mesos/seccomp", "switch_user", "true", "seccomp_profile_name",
		"default.json", NULL
	};
	const char *const *notes;
	struct made m;

	(void)state;
	make(&m, flags, NULL, NULL);
	assert_string_equal(m.err.text, "");
	assert_true((m.c->isolation & 1 << GATE_ISOLATE_PIDS) != 0);
	assert_int_equal(m.c->isolation & 1 << GATE_ISOLATE_NETWORK, 0);
	assert_int_equal(gate_settings_notes(m.s, &notes), 7);
	assert_string_equal(notes[0], "isolator disk/du does nothing here: there is no quota for sandboxes; usage is not "
	                              "measured");
	done(&m);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	static const struct {
		const char *flag, *value, *variable, *yaml, *why;
	} rows[] = {
		{ .flag = "seccomp_confg_dir", .value = "/x", .why = "--seccomp_confg_dir: unknown setting (did you mean 'seccomp_config_dir'?)" },
		{ .flag = "acls", .value = "/x", .why = "--acls: not supported here: who may do what is said by --acl" },
		{ .flag = "seccomp_config_dir", .value = "x", .why = "--seccomp_config_dir: a path must be absolute: 'x'" },
		{ .flag = "strict", .value = "yes", .why = "--strict: a switch is true or false, not 'yes'" },
		{ .flag = "switch_user", .value = "false", .why = "--switch_user: 'false' is not supported (true does it here): a task runs as its user, always" },
		{ .flag = "recover", .value = "cleanup", .why = "'cleanup' is not supported (reconnect does it here)" },
		{ .flag = "gc_delay", .value = "2 days", .why = "'2 days' is not a time" },
		{ .flag = "attributes", .value = "rack:r1;zone", .why = "Invalid attribute key:value pair 'zone'" },
		{ .flag = "resources", .value = "gpus:1", .why = "'gpus' is not a resource here" },
		{ .flag = "listen", .value = "http://0.0.0.0:80", .why = "would be without TLS" },
		{ .flag = "listen", .value = "https://127.0.0.1:5051", .why = "https needs --tls-certificate" },
		{ .flag = "ip", .value = "10.0.0.1", .why = "https needs --tls-certificate" },
		{ .flag = "port", .value = "5051", .why = "--port needs --ip" },
		{ .flag = "isolation", .value = "linux/seccomp,linux/seccomp", .why = "Duplicate entries found in --isolation flag 'linux/seccomp,linux/seccomp'" },
		{ .flag = "isolation", .value = "gpu/nvidia", .why = "Unknown or unsupported isolator 'gpu/nvidia'" },
		{ .flag = "acl", .value = "[{\"uid\":1}]", .why = "--acl: an entry of acl needs rights" },
		{ .flag = "unconfined", .value = "somebody", .why = "unconfined is a list of objects" },
		{ .flag = "hostname", .value = "file:///nonexistent/x", .why = "--hostname: cannot open '/nonexistent/x'" },
		{ .yaml = "isolation: filesystem/linux\nfloor: a.json\n", .why = "--floor means nothing without linux/seccomp" },
		{ .variable = "MESOS_CREDENTIAL=/x", .why = "MESOS_CREDENTIAL: not supported here" },
		{ .variable = "MESOS_STRICT=maybe", .why = "MESOS_STRICT: a switch is true or false" },
		{ .yaml = "hostname: a\nstrikt: true\n", .why = ":2:9: strikt: unknown setting (did you mean 'strict'?)" },
		{ .yaml = "acl:\n  - uid: 7\n    rights: [read, fly]\n", .why = ":3:20: acl: 'fly' is not a right" },
		{ .yaml = "- a\n", .why = ":1:1: settings are 'name: value' lines, not an array" },
		{ .yaml = "a: b: c\n", .why = ": this is not YAML" },
		{ .yaml = "port: [1]\n", .why = ":1:7: port: port is one value, not an array" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const char *const flags[] = { rows[i].flag, rows[i].value, NULL }, *const vars[] = { rows[i].variable, NULL };
		struct made m;

		make(&m, flags, vars, rows[i].yaml);
		if (m.c != NULL || strstr(m.err.text, rows[i].why) == NULL)
			fail_msg("row %zu: '%s'", i, m.err.text);
		if (rows[i].yaml != NULL && rows[i].why[0] == ':')
			assert_int_equal(strncmp(m.err.text, m.file, strlen(m.file)), 0);
		done(&m);
	}
}

static void variables_of_others_are_noted_only(void **state)
{
	static const char *const vars[] = { "MESOS_NATIVE_JAVA_LIBRARY=/x", "MESOS_MASTER=zk://x", NULL };
	const char *const *notes;
	struct made m;

	(void)state;
	make(&m, NULL, vars, "seccomp_profile_name: default.json\n");
	assert_non_null(m.c);
	assert_int_equal(gate_settings_notes(m.s, &notes), 2);
	assert_string_equal(notes[0], "MESOS_NATIVE_JAVA_LIBRARY is not used: the agent has no such setting");
	assert_string_equal(notes[1], "--master is accepted and does nothing: there is no master: this agent takes its work "
	                              "itself");
	done(&m);
}

static void policy_of_the_operator_reaches_the_configuration(void **state)
{
	struct made m;

	(void)state;
	make(&m, NULL, NULL,
	     "acl:\n- {uid: 1000, rights: [read, launch]}\n- {subject: ops, rights: all}\n"
	     "unconfined:\n- user: root\n  path: /system/*\n- label: team=*\nprofiles: [web/*, default.json]\nfloor: default.json\n"
	     "mesos_dialect: true\n");
	assert_string_equal(m.err.text, "");
	assert_int_equal(m.c->n_acl, 2);
	assert_int_equal(m.c->acl[0].uid, 1000);
	assert_int_equal(m.c->acl[0].rights, GATE_RIGHT_READ | GATE_RIGHT_LAUNCH);
	assert_string_equal(m.c->acl[1].subject, "ops");
	assert_int_equal(m.c->acl[1].rights, GATE_RIGHT_ALL);
	assert_int_equal(m.c->n_unconfined, 2);
	assert_true(m.c->unconfined_limited);
	assert_string_equal(m.c->unconfined[0].path, "/system/*");
	assert_string_equal(m.c->unconfined[1].label, "team=*");
	assert_string_equal(m.c->allowed[0], "web/*");
	assert_string_equal(m.c->allowed[1], "default.json");
	assert_null(m.c->allowed[2]);
	assert_string_equal(m.c->floor, "default.json");
	assert_true(m.c->mesos_dialect);
	done(&m);
}

static void values_may_come_from_files(void **state)
{
	char name[] = "/tmp/callgate-config-XXXXXX", url[64];
	const char *const flags[] = { "unconfined", url, NULL };
	int fd = mkstemp(name);
	struct made m;

	(void)state;
	assert_int_equal(write(fd, "nobody\n", 7), 7);
	close(fd);
	(void)snprintf(url, sizeof(url), "file://%s", name);
	make(&m, flags, NULL, NULL);
	unlink(name);
	assert_string_equal(m.err.text, "");
	assert_true(m.c->unconfined_limited);
	assert_int_equal(m.c->n_unconfined, 0);
	done(&m);
}

static void resources_and_durations_are_read_as_mesos_writes_them(void **state)
{
	struct gate_resources r = { .disk_mib = 7 };
	struct gate_err err = GATE_ERR_INIT;
	uint64_t ms;

	(void)state;
	assert_int_equal(gate_resources_parse("cpus:1.5;mem(*):1024;ports:[31000-31010]", &r, &err), 0);
	assert_true(r.cpus == 1.5);
	assert_int_equal(r.mem_mib, 1024);
	assert_int_equal(r.disk_mib, 7);
	assert_int_equal(r.port_high, 31010);
	assert_int_equal(gate_resources_parse("[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}},"
	                                      "{\"name\":\"ports\",\"ranges\":{\"range\":[{\"begin\":1,\"end\":2}]}}]",
	                                      &r, &err),
	                 0);
	assert_true(r.cpus == 4);
	assert_int_equal(r.port_low, 1);
	assert_int_equal(gate_resources_parse("cpus(role):1", &r, NULL), -1);
	assert_int_equal(gate_resources_parse("ports:[5-1]", &r, NULL), -1);
	assert_int_equal(gate_duration_parse("1.5hrs", &ms, NULL), 0);
	assert_int_equal(ms, 5400000);
	assert_int_equal(gate_duration_parse("500ms", &ms, NULL), 0);
	assert_int_equal(ms, 500);
	assert_int_equal(gate_duration_parse("5", &ms, NULL), -1);
	assert_int_equal(gate_duration_parse("1.secs", &ms, NULL), -1);
}

static void start_up_checks_have_mesos_texts(void **state)
{
	static const char *const none[] = { "isolation", "linux/seccomp", NULL };
	static const char *const dir[] = { "isolation", "linux/seccomp", "seccomp_config_dir", "/etc/mesos/", "seccomp_profile_name",
		                           "/a.json", NULL };
	static const char chain[] = "Failed to create a containerizer: Could not create MesosContainerizer: Failed to create "
				    "isolator 'linux/seccomp': ";
	struct gate_err err = GATE_ERR_INIT;
	struct made m;

	(void)state;
	make(&m, none, NULL, NULL);
	assert_non_null(m.c);
	assert_int_equal(gate_settings_check(m.s, &err), -1);
	assert_int_equal(strncmp(err.text, chain, strlen(chain)), 0);
	assert_string_equal(err.text + strlen(chain), geteuid() == 0 ? "Missing required `--seccomp_config_dir` flag" :
	                                                               "Linux Seccomp isolator requires root permissions");
	assert_int_equal(gate_settings_check_profile(m.s, "{}", 2, NULL, &err), 0);
	done(&m);

	make(&m, dir, NULL, NULL);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_settings_check_profile(m.s, "{}", 2, NULL, &err), -1);
	assert_int_equal(strncmp(err.text, chain, strlen(chain)), 0);
	assert_non_null(strstr(err.text, "Failed to parse Seccomp profile '/etc/mesos/a.json': "));
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_settings_check_profile(m.s, NULL, 0, "No such file or directory", &err), -1);
	assert_string_equal(err.text + strlen(chain),
	                    "Failed to read Seccomp profile file '/etc/mesos/a.json': No such file or directory");
	assert_int_equal(gate_settings_check_profile(m.s, "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 34, NULL, NULL), 0);
	done(&m);
}

static void the_front_believes_no_bytes(void **state)
{
	static const char cut[] = { 'a', '=', 'b' }, unknown[] = "nonsense=1", no_value[] = "strict";
	struct gate_config *c = NULL;

	(void)state;
	assert_int_equal(gate_config_make(cut, sizeof(cut), &c, NULL), -1);
	assert_int_equal(gate_config_make(unknown, sizeof(unknown), &c, NULL), -1);
	assert_int_equal(gate_config_make(no_value, sizeof(no_value), &c, NULL), -1);
	assert_int_equal(gate_config_make("", 0, &c, NULL), -1);
	assert_int_equal(gate_config_make("strict=true", 12, &c, NULL), -1);
	assert_null(c);
}

static void no_name_is_in_two_lists(void **state)
{
	(void)state;
	for (const struct gate_refusal *r = gate_flags_refused; r->name != NULL; r++)
		if (gate_flag_find(r->name, NULL) != NULL)
			fail_msg("%s is refused and accepted", r->name);
	for (int g = 0; g < GATE_FLAGS_GROUPS; g++)
		for (const struct gate_flag *f = gate_flags[g]; f->name != NULL; f++)
			if (gate_flag_find(f->name, NULL) != f)
				fail_msg("%s is there twice", f->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_means_everything_isolated_and_no_default_profile),
		cmocka_unit_test(a_flag_wins_over_a_variable_and_that_over_the_file),
		cmocka_unit_test(without_a_default_profile_there_is_none),
		cmocka_unit_test(dcos_words_switch_the_isolator),
		cmocka_unit_test(dcos_list_of_isolators_is_taken_and_what_is_idle_is_noted),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(variables_of_others_are_noted_only),
		cmocka_unit_test(policy_of_the_operator_reaches_the_configuration),
		cmocka_unit_test(values_may_come_from_files),
		cmocka_unit_test(resources_and_durations_are_read_as_mesos_writes_them),
		cmocka_unit_test(start_up_checks_have_mesos_texts),
		cmocka_unit_test(the_front_believes_no_bytes),
		cmocka_unit_test(no_name_is_in_two_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
