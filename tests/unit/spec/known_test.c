/* Every flag of docker run 20.10 and podman run 4.3 is honoured or refused in words; none of them is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "spec/spec.h"

static const char *const docker[] = {
	"add-host", "attach", "blkio-weight", "blkio-weight-device", "cap-add", "cap-drop", "cgroup-parent", "cgroupns", "cidfile",
	"cpu-count", "cpu-percent", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares", "cpus",
	"cpuset-cpus", "cpuset-mems", "detach", "detach-keys", "device", "device-cgroup-rule", "device-read-bps",
	"device-read-iops", "device-write-bps", "device-write-iops", "disable-content-trust", "dns", "dns-opt", "dns-option",
	"dns-search", "domainname", "entrypoint", "env", "env-file", "expose", "gpus", "group-add", "health-cmd",
	"health-interval", "health-retries", "health-start-period", "health-timeout", "hostname", "init", "interactive",
	"io-maxbandwidth", "io-maxiops", "ip", "ip6", "ipc", "isolation", "kernel-memory", "label", "label-file", "link",
	"link-local-ip", "log-driver", "log-opt", "mac-address", "memory", "memory-reservation", "memory-swap",
	"memory-swappiness", "mount", "name", "net", "net-alias", "network", "network-alias", "no-healthcheck",
	"oom-kill-disable", "oom-score-adj", "pid", "pids-limit", "platform", "privileged", "publish", "publish-all", "pull",
	"read-only", "restart", "rm", "runtime", "security-opt", "shm-size", "sig-proxy", "stop-signal", "stop-timeout",
	"storage-opt", "sysctl", "tmpfs", "tty", "ulimit", "user", "userns", "uts", "volume", "volume-driver", "volumes-from",
	"workdir",
};
static const char *const podman[] = {
	"annotation", "authfile", "cgroup-conf", "cgroups", "chrootdirs", "conmon-pidfile", "decryption-key", "env-host",
	"env-merge", "gidmap", "group-entry", "health-on-failure", "hostuser", "http-proxy", "image-volume", "init-ctr",
	"init-path", "no-hosts", "os", "override-arch", "override-os", "override-variant", "passwd", "passwd-entry",
	"personality", "pidfile", "pod", "pod-id-file", "preserve-fds", "quiet", "read-only-tmpfs", "requires", "rmi",
	"rootfs", "sdnotify", "seccomp-policy", "secret", "signature-policy", "subgidname", "subuidname", "systemd", "timeout",
	"tls-verify", "tz", "uidmap", "umask", "unsetenv", "unsetenv-all", "variant",
};
/* Read by the verb itself. */
static const char *const by_verb[] = { "arch", "help", "replace" };

static const struct gate_refusal *refused(const char *name)
{
	for (const struct gate_refusal *r = gate_spec_refused; r->name != NULL; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

static void check(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gate_spec_has(names[i]) == (refused(names[i]) != NULL))
			fail_msg("--%s is %s", names[i], gate_spec_has(names[i]) ? "honoured and refused" : "unknown");
}

static void every_flag_has_an_answer(void **state)
{
	(void)state;
	check(docker, GATE_ARRAY_LEN(docker));
	check(podman, GATE_ARRAY_LEN(podman));
	for (size_t i = 0; i < GATE_ARRAY_LEN(by_verb); i++)
		assert_false(gate_spec_has(by_verb[i]) || refused(by_verb[i]) != NULL);
}

static void refusals_are_clauses(void **state)
{
	(void)state;
	for (const struct gate_refusal *r = gate_spec_refused; r->name != NULL; r++) {
		size_t len = strlen(r->why);

		assert_true(len > 10 && r->why[len - 1] != '.');
		assert_false(gate_spec_has(r->name));
		for (const struct gate_refusal *q = gate_spec_refused; q != r; q++)
			assert_true(strcmp(q->name, r->name) != 0 && (r->letter == 0 || q->letter != r->letter));
	}
}

static void switches_are_known(void **state)
{
	(void)state;
	assert_true(gate_spec_is_switch("rm"));
	assert_true(gate_spec_is_switch("sig-proxy"));
	assert_false(gate_spec_is_switch("memory"));
	assert_false(gate_spec_is_switch("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flag_has_an_answer),
		cmocka_unit_test(refusals_are_clauses),
		cmocka_unit_test(switches_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
