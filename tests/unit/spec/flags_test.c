/* Every flag: good values and what they become, bad values and what is said. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <cmocka.h>

#include <callgate/abi.h>

#include "base/buf.h"
#include "spec/spec.h"

#define BIT(n) (UINT64_C(1) << (n))

static const char *const environ_[] = { "HOME=/root", "LANG=C", "EMPTY=", "LANGUAGE=de", NULL };
static const struct gate_spec_caller caller = { "/home/me", environ_ };
static const char *const command[] = { "true", NULL };

static int read_flag(struct gate_task *t, const char *flag, const char *value, bool finish, struct gate_err *err)
{
	struct gate_spec s;

	gate_task_init(t);
	gate_spec_init(&s, t, &caller);
	if (gate_spec_flag(&s, flag, value, err) < 0)
		return -1;
	return finish ? gate_spec_finish(&s, command, err) : 0;
}

/* What a task became, as far as one flag can change it. */
static void show(const struct gate_task *t, struct gate_buf *out)
{
	static const char *const modes[] = { "own", "host", "of" };
	const struct {
		const char *name;
		const struct gate_ns *ns;
	} spaces[] = { { "pid", &t->pid }, { "ipc", &t->ipc }, { "network", &t->network }, { "uts", &t->uts } };
	const struct {
		const char *name, *value;
	} texts[] = { { "name", t->name },       { "hostname", t->hostname }, { "rootfs", t->rootfs },
		      { "image", t->image },     { "workdir", t->workdir },   { "user", t->user },
		      { "profile", t->profile }, { "cgroup", t->cgroup_parent }, { "cidfile", t->cidfile } };
	const struct {
		const char *name;
		bool value;
	} bits[] = { { "rw-root", t->rootfs_writable }, { "ro", t->read_only },         { "init", t->init },
		     { "tty", t->terminal },            { "stdin", t->interactive },    { "detach", t->detach },
		     { "rm", t->remove },               { "userns", t->userns_auto },   { "privileged", t->privileged },
		     { "nnp", t->no_new_privs },        { "log", t->log },              { "quiet", t->quiet },
		     { "no-proxy", !t->sig_proxy },     { "cleared", t->has_entrypoint && t->entrypoint.n == 0 } };
	const struct {
		const char *name;
		uint64_t value, usual;
	} numbers[] = { { "isolation", t->isolation, GATE_ISOLATE_ALL },
			{ "add", t->cap_add, 0 },
			{ "drop", t->cap_drop, 0 },
			{ "memory", t->memory, 0 },
			{ "swap", t->memory_swap, 0 },
			{ "quota", t->cpu_quota_us, 0 },
			{ "period", t->cpu_period_us, 0 },
			{ "shares", t->cpu_shares, 0 },
			{ "pids", (uint64_t)t->pids, 0 },
			{ "shm", t->shm_size, 0 },
			{ "stop", (uint64_t)t->stop_signal, 0 },
			{ "grace", t->stop_ms, 10000 },
			{ "timeout", t->timeout_ms, 0 },
			{ "log-bytes", t->log_bytes, 10 << 20 },
			{ "log-files", t->log_files, 3 } };

	for (size_t i = 0; i < GATE_ARRAY_LEN(spaces); i++)
		if (spaces[i].ns->mode != GATE_NS_OWN)
			gate_buf_printf(out, " %s=%s%s%s", spaces[i].name, modes[spaces[i].ns->mode],
			                spaces[i].ns->of != NULL ? ":" : "", spaces[i].ns->of != NULL ? spaces[i].ns->of : "");
	for (size_t i = 0; i < GATE_ARRAY_LEN(texts); i++)
		if (texts[i].value != NULL)
			gate_buf_printf(out, " %s=%s", texts[i].name, texts[i].value);
	for (size_t i = 0; i < GATE_ARRAY_LEN(bits); i++)
		if (bits[i].value)
			gate_buf_printf(out, " %s", bits[i].name);
	for (size_t i = 0; i < GATE_ARRAY_LEN(numbers); i++)
		if (numbers[i].value != numbers[i].usual)
			gate_buf_printf(out, " %s=%llu", numbers[i].name, (unsigned long long)numbers[i].value);
	if (t->has_oom_score_adj)
		gate_buf_printf(out, " oom=%d", t->oom_score_adj);
	for (size_t i = 0; i < t->entrypoint.n; i++)
		gate_buf_printf(out, " entry=%s", t->entrypoint.at[i]);
	for (size_t i = 0; i < t->env.n; i++)
		gate_buf_printf(out, " env:%s", t->env.at[i]);
	for (size_t i = 0; i < t->labels.n; i++)
		gate_buf_printf(out, " label:%s=%s", t->labels.at[i].key, t->labels.at[i].value);
	for (size_t i = 0; i < t->sysctls.n; i++)
		gate_buf_printf(out, " sysctl:%s=%s", t->sysctls.at[i].key, t->sysctls.at[i].value);
	for (size_t i = 0; i < t->groups_add.n; i++)
		gate_buf_printf(out, " group:%s", t->groups_add.at[i]);
	for (size_t i = 0; i < t->limits.n; i++)
		gate_buf_printf(out, " limit:%d=%lld:%lld", t->limits.at[i].resource, (long long)t->limits.at[i].soft,
		                (long long)t->limits.at[i].hard);
	for (size_t i = 0; i < t->volumes.n; i++) {
		const struct gate_volume *v = &t->volumes.at[i];

		gate_buf_printf(out, " %s:%s>%s%s%s%s%s%s%s", v->kind == GATE_VOLUME_BIND ? "bind" : "tmpfs",
		                v->source != NULL ? v->source : "", v->target, v->read_only ? ",ro" : "",
		                v->recursive ? ",rec" : "", v->nosuid ? ",nosuid" : "", v->nodev ? ",nodev" : "",
		                v->noexec ? ",noexec" : "", v->make_source ? ",make" : "");
		if (v->size != 0)
			gate_buf_printf(out, ",size=%llu", (unsigned long long)v->size);
		if (v->mode != 0)
			gate_buf_printf(out, ",mode=%o", v->mode);
	}
}

struct good {
	const char *flag, *value, *becomes;
};

static void check_good(const struct good *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
		struct gate_err err = GATE_ERR_INIT;
		struct gate_task t;

		if (read_flag(&t, rows[i].flag, rows[i].value, false, &err) < 0)
			fail_msg("--%s '%s': %s", rows[i].flag, rows[i].value, err.text);
		gate_buf_puts(&out, "");
		show(&t, &out);
		if (strcmp(out.data[0] == ' ' ? out.data + 1 : out.data, rows[i].becomes) != 0)
			fail_msg("--%s '%s' became '%s', not '%s'", rows[i].flag, rows[i].value, out.data, rows[i].becomes);
		gate_task_done(&t);
	}
}
#define GOOD(rows) check_good(rows, GATE_ARRAY_LEN(rows))

struct bad {
	const char *flag, *value, *says;
};

static void check_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_task t;

		if (read_flag(&t, rows[i].flag, rows[i].value, false, &err) == 0)
			fail_msg("--%s '%s' was taken", rows[i].flag, rows[i].value);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("--%s '%s': %s", rows[i].flag, rows[i].value, err.text);
		/* A sentence of ours: lower case or a quote in front, no full stop. */
		size_t len = strlen(err.text);

		if (err.text[0] == '\'' ? len < 10 : err.text[0] < 'a' || err.text[0] > 'z')
			fail_msg("--%s '%s': '%s'", rows[i].flag, rows[i].value, err.text);
		assert_true(err.text[len - 1] != '.' && err.text[len - 1] != '\n');
		gate_task_done(&t);
	}
}
#define BAD(rows) check_bad(rows, GATE_ARRAY_LEN(rows))

static void general(void **state)
{
	static const struct good good[] = {
		{ "rm", "true", "rm" },
		{ "rm", "false", "" },
		{ "detach", "true", "detach" },
		{ "interactive", "true", "stdin" },
		{ "tty", "T", "tty" },
		{ "init", "1", "init" },
		{ "quiet", "true", "quiet" },
		{ "log", "true", "log" },
		{ "sig-proxy", "false", "no-proxy" },
		{ "name", "web-1.b", "name=web-1.b" },
		{ "cidfile", "./id", "cidfile=./id" },
		{ "label", "a=b=c", "label:a=b=c" },
		{ "label", "alone", "label:alone=" },
		{ "annotation", "io.x/y=z", "label:io.x/y=z" },
		{ "env", "A=b c", "env:A=b c" },
		{ "env", "A=", "env:A=" },
		{ "env", "LANG", "env:LANG=C" },
		{ "env", "EMPTY", "env:EMPTY=" },
		{ "env", "MISSING", "" },
		{ "env", "LAN", "" },
		{ "entrypoint", "/bin/sh", "entry=/bin/sh" },
		{ "entrypoint", "", "cleared" },
		{ "entrypoint", "[\"a b\", \"-c\"]", "entry=a b entry=-c" },
		{ "stop-signal", "SIGTERM", "stop=15" },
		{ "stop-signal", "term", "stop=15" },
		{ "stop-signal", "9", "stop=9" },
		{ "stop-signal", "SIGRTMIN+3", "stop=37" },
		{ "stop-signal", "RTMAX-1", "stop=63" },
		{ "stop-timeout", "3", "grace=3000" },
		{ "stop-timeout", "1.5s", "grace=1500" },
		{ "stop-timeout", "0", "grace=0" },
		{ "timeout", "90", "timeout=90000" },
		{ "timeout", "250ms", "timeout=250" },
		{ "timeout", "2m", "timeout=120000" },
		{ "timeout", "1h", "timeout=3600000" },
		{ "log-opt", "max-size=1m", "log-bytes=1048576" },
		{ "log-opt", "max-file=5", "log-files=5" },
		{ "log-driver", "none", "log-bytes=0" },
		{ "log-driver", "json-file", "" },
		{ "log-driver", "k8s-file", "" },
		{ "restart", "no", "" },
	};
	static const struct bad bad[] = {
		{ "rm", "yes", "'--rm' is true or false" },
		{ "name", "../x", "without a dot in front" },
		{ "name", "a/b", "'a/b'" },
		{ "name", "", "''" },
		{ "label", "", "NAME[=VALUE]" },
		{ "label", "=x", "NAME[=VALUE]" },
		{ "annotation", "=x", "'--annotation'" },
		{ "env", "", "NAME=VALUE" },
		{ "env", "=x", "NAME=VALUE" },
		{ "entrypoint", "[", "JSON array" },
		{ "entrypoint", "[1]", "array of words" },
		{ "entrypoint", "[\"a\\u0000b\"]", "array of words" },
		{ "stop-signal", "SIGTREM", "did you mean 'SIGTERM'?" },
		{ "stop-signal", "65", "1 to 64" },
		{ "stop-signal", "0", "1 to 64" },
		{ "stop-signal", "RTMIN-1", "unknown signal" },
		{ "stop-signal", "", "unknown signal" },
		{ "stop-timeout", "-1", "seconds" },
		{ "stop-timeout", "5 s", "seconds" },
		{ "stop-timeout", "99999999999", "seconds" },
		{ "timeout", "", "seconds" },
		{ "timeout", "1d", "seconds" },
		{ "timeout", "1e3", "seconds" },
		{ "log-opt", "max-sise=1m", "did you mean 'max-size'?" },
		{ "log-opt", "max-size=1", "4k" },
		{ "log-opt", "max-file=0", "1 to 100" },
		{ "log-opt", "tag=x", "max-size=SIZE" },
		{ "log-driver", "journald", "k8s-file" },
		{ "restart", "always", "the agent restarts tasks" },
		{ "restart", "on-failure:3", "the agent restarts tasks" },
		{ "cidfile", "", "path" },
		{ "frobnicate", "x", "no flag" },
		{ "env-file", "x", "no flag" },
	};

	(void)state;
	GOOD(good);
	BAD(bad);
}

static void files(void **state)
{
	static const struct good good[] = {
		{ "image", "oci:./busybox:latest", "image=oci:./busybox:latest" },
		{ "rootfs", "/srv/root", "rootfs=/srv/root" },
		{ "rootfs", "./alpine/", "rootfs=/home/me/alpine" },
		{ "rootfs", "alpine:rw", "rootfs=/home/me/alpine rw-root" },
		{ "rootfs", "/a:O", "rootfs=/a" },
		{ "rootfs", "../x", "rootfs=/home/me/../x" },
		{ "read-only", "true", "ro" },
		{ "volume", "/a:/b", "bind:/a>/b,rec,nosuid,nodev,make" },
		{ "volume", "/a:/b:ro", "bind:/a>/b,ro,rec,nosuid,nodev,make" },
		{ "volume", "/a:/b:rw,z", "bind:/a>/b,rec,nosuid,nodev,make" },
		{ "volume", "./data:/data:ro,Z", "bind:/home/me/data>/data,ro,rec,nosuid,nodev,make" },
		{ "volume", ".:/src", "bind:/home/me>/src,rec,nosuid,nodev,make" },
		{ "volume", "..:/src", "bind:/home/me/..>/src,rec,nosuid,nodev,make" },
		{ "volume", "/a:/b:suid,dev,noexec,bind", "bind:/a>/b,noexec,make" },
		{ "volume", "/a//b/./c/:/d//e/.", "bind:/a/b/c>/d/e,rec,nosuid,nodev,make" },
		{ "volume", "/:/host:ro,rprivate,cached", "bind:/>/host,ro,rec,nosuid,nodev,make" },
		{ "mount", "type=bind,source=/a,target=/b", "bind:/a>/b,rec,nosuid,nodev" },
		{ "mount", "type=bind,src=a,dst=/b,readonly", "bind:/home/me/a>/b,ro,rec,nosuid,nodev" },
		{ "mount", "destination=/b,ro=true,type=bind,source=/a,bind-nonrecursive", "bind:/a>/b,ro,nosuid,nodev" },
		{ "mount", "type=bind,source=/a,target=/b,readonly=false,bind-propagation=rprivate", "bind:/a>/b,rec,nosuid,nodev" },
		{ "mount", "type=bind,\"source=/a,b\",target=/b", "bind:/a,b>/b,rec,nosuid,nodev" },
		{ "mount", "type=bind,\"source=/a\"\"b\",target=/b:c", "bind:/a\"b>/b:c,rec,nosuid,nodev" },
		{ "mount", "type=tmpfs,target=/t", "tmpfs:>/t,nosuid,nodev,noexec" },
		{ "mount", "exec,type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0700",
		  "tmpfs:>/t,nosuid,nodev,size=1048576,mode=700" },
		{ "tmpfs", "/run", "tmpfs:>/run,nosuid,nodev,noexec" },
		{ "tmpfs", "/run:size=64k,mode=1777,exec,rw", "tmpfs:>/run,nosuid,nodev,size=65536,mode=1777" },
		{ "tmpfs", "/run:ro,suid,dev,exec", "tmpfs:>/run,ro" },
		{ "shm-size", "128m", "shm=134217728" },
		{ "workdir", "/a/../b/", "workdir=/a/../b" },
		{ "workdir", "/", "workdir=/" },
	};
	static const struct bad bad[] = {
		{ "image", "", "oci:DIR" },
		{ "image", "--rm", "oci:DIR" },
		{ "rootfs", "", "DIR or DIR:rw" },
		{ "volume", "/b", "without a source" },
		{ "volume", ":/b", "without a source" },
		{ "volume", "", "without a source" },
		{ "volume", "data:/b", "'./data'" },
		{ "volume", "data/x:/b", "'./data/x'" },
		{ "volume", "/a:b", "absolute path" },
		{ "volume", "/a:", "absolute path" },
		{ "volume", "/a:/b/../c", "without '..'" },
		{ "volume", "/a:/", "'/' itself" },
		{ "volume", "/a:/./", "'/' itself" },
		{ "volume", "/a:/proc", "/proc" },
		{ "volume", "/a:/proc/sys/kernel", "/proc" },
		{ "volume", "/a:/b:or", "did you mean 'ro'?" },
		{ "volume", "/a:/b:", "unknown word ''" },
		{ "volume", "/a:/b:ro,", "unknown word ''" },
		{ "volume", "/a:/b:rshared", "do not travel" },
		{ "volume", "/a:/b:U", "owners" },
		{ "volume", "/a:/b:ro:x", "too many ':'" },
		{ "mount", "", "unknown word" },
		{ "mount", "source=/a,target=/b", "type=bind or type=tmpfs" },
		{ "mount", "type=volume,source=a,target=/b", "type=bind or type=tmpfs" },
		{ "mount", "type=bnid,source=/a,target=/b", "did you mean 'bind'?" },
		{ "mount", "type=bind,target=/b", "source=PATH" },
		{ "mount", "type=bind,source=,target=/b", "empty path" },
		{ "mount", "type=bind,source=/a", "target=PATH" },
		{ "mount", "type=bind,source=/a,taget=/b", "did you mean 'target'?" },
		{ "mount", "type=bind,source=/a,target=/b,readonly=maybe", "true or false" },
		{ "mount", "type=bind,source=/a,target=/b,tmpfs-size=1m", "neither tmpfs-size" },
		{ "mount", "type=tmpfs,source=/a,target=/b", "takes no source" },
		{ "mount", "type=tmpfs,target=/b,bind-nonrecursive", "does not take" },
		{ "mount", "type=tmpfs,target=/b,tmpfs-size=x", "64m" },
		{ "mount", "type=bind,source=/a,target=/b,bind-propagation=shared", "do not travel" },
		{ "mount", "type=bind,\"source=/a,target=/b", "quotes" },
		{ "mount", "type=bind,sou\"rce=/a,target=/b", "quotes" },
		{ "mount", "type=bind,\"source=/a\"x,target=/b", "quotes" },
		{ "mount", "type=bind,source=/a,target=/b,volume-opt=x", "no volumes" },
		{ "tmpfs", "run", "absolute path" },
		{ "tmpfs", "", "absolute path" },
		{ "tmpfs", "/run:size=50%", "64m" },
		{ "tmpfs", "/run:size=0", "64m" },
		{ "tmpfs", "/run:mode=9", "octal" },
		{ "tmpfs", "/run:mode=", "octal" },
		{ "tmpfs", "/run:mode=77777", "octal" },
		{ "tmpfs", "/run:uid=0", "root user" },
		{ "tmpfs", "/run:sise=1", "did you mean 'size'?" },
		{ "shm-size", "0", "more than 0" },
		{ "shm-size", "much", "64m" },
		{ "workdir", "tmp", "absolute" },
		{ "workdir", "", "absolute" },
	};

	(void)state;
	GOOD(good);
	BAD(bad);
}

static void rights(void **state)
{
	static const struct good good[] = {
		{ "cap-add", "CHOWN", "add=1" },
		{ "cap-add", "cap_chown", "add=1" },
		{ "cap-add", "CAP_KILL,chown", "add=33" },
		{ "cap-add", "all", "add=2199023255551" },
		{ "cap-drop", "ALL", "drop=2199023255551" },
		{ "cap-drop", "NET_RAW", "drop=8192" },
		{ "privileged", "true", "privileged" },
		{ "security-opt", "seccomp=web.json", "profile=web.json" },
		{ "security-opt", "seccomp:web.json", "profile=web.json" },
		{ "security-opt", "seccomp=docker:web.json", "profile=docker:web.json" },
		{ "security-opt", "seccomp=unconfined", "profile=unconfined" },
		{ "security-opt", "seccomp=builtin", "profile=default" },
		{ "security-opt", "no-new-privileges", "nnp" },
		{ "security-opt", "no-new-privileges:true", "nnp" },
		{ "security-opt", "no-new-privileges=false", "" },
		{ "security-opt", "apparmor=unconfined", "" },
		{ "security-opt", "label=disable", "" },
		{ "profile", "web.json", "profile=web.json" },
		{ "no-new-privs", "true", "nnp" },
		{ "user", "1000:1000", "user=1000:1000" },
		{ "user", "www-data", "user=www-data" },
		{ "group-add", "audio", "group:audio" },
		{ "userns", "auto", "userns" },
		{ "userns", "host", "" },
	};
	static const struct bad bad[] = {
		{ "cap-add", "SYS_ADMN", "did you mean 'CAP_SYS_ADMIN'?" },
		{ "cap-add", "", "NET_ADMIN" },
		{ "cap-add", "KILL,", "NET_ADMIN" },
		{ "cap-drop", "CAP_", "unknown capability" },
		{ "cap-drop", "0", "unknown capability" },
		{ "security-opt", "seccomp=", "'unconfined'" },
		{ "security-opt", "seccomp", "'unconfined'" },
		{ "security-opt", "secomp=x", "did you mean 'seccomp'?" },
		{ "security-opt", "no-new-privileges=maybe", "true or false" },
		{ "security-opt", "apparmor=docker-default", "AppArmor" },
		{ "security-opt", "label=type:x", "SELinux" },
		{ "security-opt", "systempaths=unconfined", "masked paths" },
		{ "security-opt", "unmask=ALL", "masked paths" },
		{ "security-opt", "", "seccomp=SOURCE" },
		{ "profile", "", "'unconfined'" },
		{ "user", "", "user" },
		{ "user", "-1", "user" },
		{ "user", "0x0", "user" },
		{ "user", "00", "user" },
		{ "user", "4294967295", "above 4294967294" },
		{ "user", "root:", "group" },
		{ "user", "root:+1", "group" },
		{ "user", "a:b:c", "group" },
		{ "group-add", "", "group" },
		{ "group-add", "keep-groups", "groups that were said" },
		{ "userns", "keep-id", "auto or host" },
		{ "userns", "autp", "did you mean 'auto'?" },
	};

	(void)state;
	GOOD(good);
	BAD(bad);
}

static void amounts(void **state)
{
	static const struct good good[] = {
		{ "memory", "64m", "memory=67108864" },
		{ "memory", "0.5g", "memory=536870912" },
		{ "memory", "1.5G", "memory=1610612736" },
		{ "memory", "1048576", "memory=1048576" },
		{ "memory", "1048576b", "memory=1048576" },
		{ "memory", "64 MiB", "memory=67108864" },
		{ "memory", "64mb", "memory=67108864" },
		{ "memory", "1t", "memory=1099511627776" },
		{ "memory", "0", "" },
		{ "memory-swap", "-1", "swap=18446744073709551615" },
		{ "memory-swap", "1g", "swap=1073741824" },
		{ "cpus", "0.5", "quota=50000 period=100000" },
		{ "cpus", "2", "quota=200000 period=100000" },
		{ "cpus", "0.01", "quota=1000 period=100000" },
		{ "cpus", "1.333333", "quota=133333 period=100000" },
		{ "cpus", "0", "" },
		{ "cpu-quota", "50000", "quota=50000" },
		{ "cpu-quota", "-1", "" },
		{ "cpu-period", "50000", "period=50000" },
		{ "cpu-shares", "512", "shares=512" },
		{ "cpu-shares", "0", "" },
		{ "pids-limit", "64", "pids=64" },
		{ "pids-limit", "-1", "" },
		{ "pids-limit", "0", "" },
		{ "ulimit", "nofile=1024:2048", "limit:7=1024:2048" },
		{ "ulimit", "nofile=1024", "limit:7=1024:1024" },
		{ "ulimit", "core=-1", "limit:4=-1:-1" },
		{ "ulimit", "core=0:unlimited", "limit:4=0:-1" },
		{ "oom-score-adj", "-500", "oom=-500" },
		{ "oom-score-adj", "1000", "oom=1000" },
		{ "cgroup-parent", "/machine/web", "cgroup=/machine/web" },
		{ "cgroup-parent", "web.slice", "cgroup=web.slice" },
	};
	static const struct bad bad[] = {
		{ "memory", "", "64m" },
		{ "memory", "64x", "64m" },
		{ "memory", "-64m", "64m" },
		{ "memory", "64 m b", "64m" },
		{ "memory", "1e3", "64m" },
		{ "memory", ".5g", "64m" },
		{ "memory", "5.g", "64m" },
		{ "memory", "0x10", "64m" },
		{ "memory", "010m", "64m" },
		{ "memory", "64", "at least 512k" },
		{ "memory", "99999999999999g", "more bytes" },
		{ "memory", "99999999999999999999999", "64m" },
		{ "memory-swap", "-2", "64m" },
		{ "cpus", "0.001", "below 0.01" },
		{ "cpus", "-1", "0.5" },
		{ "cpus", "half", "0.5" },
		{ "cpus", "", "0.5" },
		{ "cpus", "1,5", "0.5" },
		{ "cpus", "9999999", "0.5" },
		{ "cpu-quota", "10", "at least 1000" },
		{ "cpu-quota", "x", "at least 1000" },
		{ "cpu-period", "10", "1000 to 1000000" },
		{ "cpu-shares", "1", "2 to 262144" },
		{ "cpu-shares", "300000", "2 to 262144" },
		{ "pids-limit", "-2", "4194304" },
		{ "pids-limit", "many", "4194304" },
		{ "pids-limit", "99999999", "4194304" },
		{ "ulimit", "nofile", "NAME=SOFT" },
		{ "ulimit", "=1", "NAME=SOFT" },
		{ "ulimit", "nofiles=1", "did you mean 'nofile'?" },
		{ "ulimit", "nofile=2:1", "above the hard" },
		{ "ulimit", "nofile=-1:1", "above the hard" },
		{ "ulimit", "nofile=1:", "SOFT[:HARD]" },
		{ "ulimit", "nofile=", "SOFT[:HARD]" },
		{ "ulimit", "nofile=1:2:3", "SOFT[:HARD]" },
		{ "ulimit", "nofile=-2", "SOFT[:HARD]" },
		{ "ulimit", "host", "NAME=SOFT" },
		{ "oom-score-adj", "1001", "-1000 to 1000" },
		{ "oom-score-adj", "--1", "-1000 to 1000" },
		{ "cgroup-parent", "../up", "without '..'" },
		{ "cgroup-parent", "a/../../b", "without '..'" },
		{ "cgroup-parent", "a//b", "without '..'" },
		{ "cgroup-parent", "", "without '..'" },
		{ "cgroup-parent", "/", "without '..'" },
	};

	(void)state;
	GOOD(good);
	BAD(bad);
}

static void spaces(void **state)
{
	static const struct good good[] = {
		{ "network", "none", "" },
		{ "network", "host", "network=host" },
		{ "net", "host", "network=host" },
		{ "network", "container:web", "network=of:web" },
		{ "pid", "host", "pid=host" },
		{ "pid", "container:0123456789ab", "pid=of:0123456789ab" },
		{ "pid", "private", "" },
		{ "ipc", "shareable", "" },
		{ "ipc", "host", "ipc=host" },
		{ "uts", "host", "uts=host" },
		{ "cgroupns", "private", "" },
		{ "hostname", "web-1.example", "hostname=web-1.example" },
		{ "sysctl", "net.ipv4.ip_forward=1", "sysctl:net.ipv4.ip_forward=1" },
		{ "sysctl", "net.ipv4.ping_group_range=0 2147483647", "sysctl:net.ipv4.ping_group_range=0 2147483647" },
		{ "sysctl", "kernel.shmmax=1", "sysctl:kernel.shmmax=1" },
		{ "sysctl", "kernel.sem=250 32000 32 128", "sysctl:kernel.sem=250 32000 32 128" },
		{ "sysctl", "fs.mqueue.msg_max=10", "sysctl:fs.mqueue.msg_max=10" },
		{ "isolation", "linux/seccomp", "isolation=1" },
		{ "isolation", "default", "" },
	};
	static const struct bad bad[] = {
		{ "network", "bridge", "none, host, or container:TASK" },
		{ "network", "default", "none, host, or container:TASK" },
		{ "network", "slirp4netns:port_handler=x", "none, host, or container:TASK" },
		{ "network", "hots", "did you mean 'host'?" },
		{ "network", "mynet", "no named networks" },
		{ "network", "container:", "the id or the name" },
		{ "network", "container:../x", "the id or the name" },
		{ "net", "bridge", "none, host" },
		{ "pid", "none", "private, host" },
		{ "pid", "pod:x", "private, host" },
		{ "ipc", "none", "/dev/shm" },
		{ "ipc", "hst", "did you mean 'host'?" },
		{ "uts", "", "private, host" },
		{ "cgroupns", "container:x", "private or host" },
		{ "hostname", "", "letters" },
		{ "hostname", "a b", "letters" },
		{ "hostname", "-a", "letters" },
		{ "hostname", "a/b", "letters" },
		{ "hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "up to 64" },
		{ "sysctl", "net.ipv4.ip_forward", "KEY=VALUE" },
		{ "sysctl", "=1", "KEY=VALUE" },
		{ "sysctl", "kernel.core_pattern=|/x", "not one of a namespace" },
		{ "sysctl", "kernel.shm=1", "not one of a namespace" },
		{ "sysctl", "kernel.shm_rmid_forced2=1", "not one of a namespace" },
		{ "sysctl", "kernel/shmmax=1", "not one of a namespace" },
		{ "sysctl", "net.../kernel/core_pattern=x", "not one of a namespace" },
		{ "sysctl", "net..x=1", "not one of a namespace" },
		{ "sysctl", "net.=1", "not one of a namespace" },
		{ "sysctl", "net.x.=1", "not one of a namespace" },
		{ "sysctl", "net.a/b=1", "not one of a namespace" },
		{ "sysctl", "vm.overcommit_memory=1", "not one of a namespace" },
		{ "sysctl", "fs.file-max=1", "not one of a namespace" },
		{ "sysctl", "net.x=", "value" },
		{ "sysctl", "net.x=1\nkernel.core_pattern=|/x", "value" },
		{ "sysctl", "net.x=$(id)", "value" },
		{ "isolation", "", "empty place" },
		{ "isolation", "linux/secomp", "did you mean 'linux/seccomp'?" },
		{ "isolation", "cgroups/all", "cgroups/cpu" },
	};

	(void)state;
	GOOD(good);
	BAD(bad);
}

/* --- what comes together --- */
struct pair {
	const char *flags[8]; /* name, value, … */
	const char *says;     /* NULL: it is fine */
};

static void combinations(void **state)
{
#define PLAIN "isolation", "linux/seccomp"
	static const struct pair rows[] = {
		{ { "rm", "true", "detach", "true" }, NULL },
		{ { "tty", "true", "detach", "true" }, NULL },
		{ { "memory", "64m", "memory-swap", "64m" }, NULL },
		{ { "memory", "64m", "memory-swap", "-1" }, NULL },
		{ { "memory-swap", "64m" }, "needs '--memory'" },
		{ { "memory", "64m", "memory-swap", "32m" }, "below '--memory'" },
		{ { "cpus", "1", "cpu-quota", "1000" }, "same thing" },
		{ { "cpu-period", "1000" }, "needs '--cpu-quota'" },
		{ { "cpu-period", "50000", "cpu-quota", "1000" }, NULL },
		{ { "image", "a", "rootfs", "/b" }, "two answers" },
		{ { "rootfs", "/b:rw", "read-only", "true" }, "contradict" },
		{ { "read-only", "true", "isolation", "linux/seccomp,namespaces/pid" }, "'filesystem/linux'" },
		{ { "read-only", "false", PLAIN }, NULL },
		{ { "rootfs", "/b", PLAIN }, "'filesystem/linux'" },
		{ { "image", "b", PLAIN }, "'filesystem/linux'" },
		{ { "volume", "/a:/b", PLAIN }, "'filesystem/linux'" },
		{ { "mount", "type=tmpfs,target=/b", PLAIN }, "'filesystem/linux'" },
		{ { "tmpfs", "/b", PLAIN }, "'filesystem/linux'" },
		{ { "shm-size", "1m", PLAIN }, "'filesystem/linux'" },
		{ { "memory", "64m", PLAIN }, "'cgroups/mem'" },
		{ { PLAIN, "memory", "64m" }, "'cgroups/mem'" },
		{ { "cpus", "1", PLAIN }, "'cgroups/cpu'" },
		{ { "cpu-shares", "10", PLAIN }, "'cgroups/cpu'" },
		{ { "pids-limit", "10", PLAIN }, "'cgroups/pids'" },
		{ { "ulimit", "core=0", PLAIN }, "'posix/rlimits'" },
		{ { "cap-add", "KILL", PLAIN }, "'linux/capabilities'" },
		{ { "cap-drop", "KILL", PLAIN }, "'linux/capabilities'" },
		{ { "privileged", "true", PLAIN }, "'linux/capabilities'" },
		{ { "privileged", "false", PLAIN }, NULL },
		{ { "no-new-privs", "true", PLAIN }, "'linux/nnp'" },
		{ { "security-opt", "no-new-privileges", PLAIN }, "'linux/nnp'" },
		{ { "hostname", "x", PLAIN }, "'namespaces/uts'" },
		{ { "network", "none", PLAIN }, "'namespaces/network'" },
		{ { "network", "container:x", PLAIN }, "'namespaces/network'" },
		{ { "network", "host", PLAIN }, NULL },
		{ { "pid", "private", PLAIN }, "'namespaces/pid'" },
		{ { "ipc", "private", PLAIN }, "'namespaces/ipc'" },
		{ { "uts", "private", PLAIN }, "'namespaces/uts'" },
		{ { "cgroupns", "private", PLAIN }, "'namespaces/cgroup'" },
		{ { "cgroupns", "host", PLAIN }, NULL },
		{ { "cgroup-parent", "x", PLAIN }, "cgroups/…" },
		{ { PLAIN }, NULL },
		{ { "isolation", "namespaces/pid" }, "seccomp=unconfined" },
		{ { "isolation", "namespaces/pid", "profile", "unconfined" }, NULL },
		{ { "isolation", "namespaces/pid", "profile", "web.json" }, "'linux/seccomp'" },
		{ { "isolation", "namespaces/pid", "profile", "default" }, "'linux/seccomp'" },
		{ { "isolation", "namespaces/pid", "log", "true", "profile", "unconfined" }, "'--log' needs" },
		{ { "profile", "a.json", "security-opt", "seccomp=b.json" }, "two profiles" },
		{ { "profile", "a.json", "security-opt", "seccomp=a.json" }, NULL },
		{ { "profile", "a.json", "security-opt", "seccomp=unconfined" }, "two profiles" },
		{ { "hostname", "x", "uts", "host" }, "not the task's own" },
		{ { "shm-size", "1m", "ipc", "host" }, "not the task's own" },
		{ { "userns", "auto", "network", "host" }, "belongs to the host" },
		{ { "userns", "auto", "pid", "host" }, "belongs to the host" },
		{ { "userns", "auto", "ipc", "host" }, "belongs to the host" },
		{ { "userns", "auto", "uts", "host" }, "belongs to the host" },
		{ { "userns", "auto" }, NULL },
		{ { "sysctl", "net.x=1" }, NULL },
		{ { "sysctl", "net.x=1", "network", "host" }, "would change the host" },
		{ { "sysctl", "net.x=1", "network", "container:a" }, "would change another task" },
		{ { "sysctl", "kernel.shmmax=1", "ipc", "host" }, "would change the host" },
		{ { "sysctl", "kernel.shmmax=1", "network", "host" }, NULL },
		{ { "sysctl", "net.x=1", PLAIN }, "'filesystem/linux'" },
		{ { "cap-add", "KILL", "cap-drop", "KILL" }, "CAP_KILL is both" },
		{ { "cap-add", "ALL", "cap-drop", "ALL" }, "every capability is both" },
		{ { "cap-add", "KILL", "cap-drop", "ALL" }, NULL },
		{ { "cap-add", "ALL", "cap-drop", "KILL" }, NULL },
		{ { "volume", "/a:/b", "tmpfs", "/b" }, "two mounts on '/b'" },
		{ { "volume", "/a:/b", "tmpfs", "/b/c" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_task t;
		struct gate_spec s;
		int done = 0;

		gate_task_init(&t);
		gate_spec_init(&s, &t, &caller);
		for (size_t k = 0; k < 8 && rows[i].flags[k] != NULL && done == 0; k += 2)
			done = gate_spec_flag(&s, rows[i].flags[k], rows[i].flags[k + 1], &err);
		if (done == 0)
			done = gate_spec_finish(&s, command, &err);
		if (rows[i].says == NULL ? done < 0 : done == 0 || strstr(err.text, rows[i].says) == NULL)
			fail_msg("row %zu (--%s '%s' …): '%s', not '%s'", i, rows[i].flags[0], rows[i].flags[1], err.text,
			         rows[i].says != NULL ? rows[i].says : "");
		gate_task_done(&t);
	}
}

static void what_is_off_is_the_host_s(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	(void)state;
	assert_int_equal(read_flag(&t, "isolation", "linux/seccomp,namespaces/pid", true, &err), 0);
	assert_int_equal(t.pid.mode, GATE_NS_OWN);
	assert_int_equal(t.network.mode, GATE_NS_HOST);
	assert_int_equal(t.ipc.mode, GATE_NS_HOST);
	assert_int_equal(t.uts.mode, GATE_NS_HOST);
	assert_string_equal(t.workdir, "/home/me");
	gate_task_done(&t);
	assert_int_equal(read_flag(&t, "cgroupns", "host", true, &err), 0);
	assert_int_equal(t.isolation, GATE_ISOLATE_ALL & ~(1u << GATE_ISOLATE_CGROUP));
	assert_null(t.workdir);
	gate_task_done(&t);
}

static void later_values_win_and_lists_grow(void **state)
{
	static const char *const flags[][2] = { { "memory", "64m" },     { "memory", "32m" },       { "env", "A=1" },
		                                { "env", "A=2" },        { "ulimit", "core=1" },    { "ulimit", "core=2" },
		                                { "label", "a=1" },      { "label", "a=2" },        { "cap-add", "KILL" },
		                                { "cap-add", "CHOWN" },  { "sysctl", "net.x=1" },   { "sysctl", "net.x=2" },
		                                { "entrypoint", "a" },   { "entrypoint", "b" },     { "net", "host" },
		                                { "network", "none" },   { "rm", "true" },          { "rm", "false" },
		                                { "rootfs", "/r" } };
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;
	struct gate_spec s;

	(void)state;
	gate_task_init(&t);
	gate_spec_init(&s, &t, &caller);
	for (size_t i = 0; i < GATE_ARRAY_LEN(flags); i++)
		assert_int_equal(gate_spec_flag(&s, flags[i][0], flags[i][1], &err), 0);
	assert_int_equal(gate_spec_finish(&s, command, &err), 0);
	show(&t, &out);
	assert_string_equal(out.data, " rootfs=/r add=33 memory=33554432 entry=b env:A=1 env:A=2 label:a=2 sysctl:net.x=2 limit:4=2:2");
	gate_task_done(&t);
}

static void a_command_is_needed(void **state)
{
	static const char *const none[] = { NULL }, *const empty[] = { "", NULL };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;
	struct gate_spec s;

	(void)state;
	gate_task_init(&t);
	gate_spec_init(&s, &t, &caller);
	assert_int_equal(gate_spec_finish(&s, none, &err), -1);
	assert_non_null(strstr(err.text, "COMMAND"));
	assert_int_equal(gate_spec_finish(&s, empty, NULL), -1);
	gate_task_done(&t);
	gate_task_init(&t);
	gate_spec_init(&s, &t, &caller);
	assert_int_equal(gate_spec_flag(&s, "image", "oci:x", NULL), 0);
	assert_int_equal(gate_spec_finish(&s, none, NULL), 0);
	gate_task_done(&t);
	gate_task_init(&t);
	gate_spec_init(&s, &t, &caller);
	assert_int_equal(gate_spec_flag(&s, "entrypoint", "sh", NULL), 0);
	assert_int_equal(gate_spec_finish(&s, none, NULL), 0);
	gate_task_done(&t);
}

static void the_host_s_files_come_with_the_caller_s_environment(void **state)
{
	static const char *const around[] = { "HOME=/root", "USER=root", "PWD=/x", "A=1", "=odd", "odd", "B=", NULL };
	static const struct gate_spec_caller who = { "/", around };
	static const struct {
		const char *flags[4], *becomes;
	} rows[] = {
		{ { "env", "A=2" }, "HOME=/root USER=root A=1 B= A=2 " },
		{ { "user", "33:33" }, "A=1 B= " },
		{ { "isolation", "linux/seccomp" }, "HOME=/root USER=root PWD=/x A=1 B= " },
		{ { "rootfs", "/r", "env", "A=2" }, "A=2 " },
		{ { "image", "i" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
		struct gate_task t;
		struct gate_spec s;

		gate_task_init(&t);
		gate_spec_init(&s, &t, &who);
		for (size_t k = 0; k < 4 && rows[i].flags[k] != NULL; k += 2)
			assert_int_equal(gate_spec_flag(&s, rows[i].flags[k], rows[i].flags[k + 1], NULL), 0);
		assert_int_equal(gate_spec_finish(&s, command, NULL), 0);
		gate_buf_puts(&out, "");
		for (size_t k = 0; k < t.env.n; k++)
			gate_buf_printf(&out, "%s ", t.env.at[k]);
		assert_string_equal(out.data, rows[i].becomes);
		gate_task_done(&t);
	}
}

/* --- files of lines --- */
static int lines(const char *name, const char *text, size_t len, struct gate_buf *out, struct gate_err *err)
{
	struct gate_task t;
	struct gate_spec s;

	gate_task_init(&t);
	gate_spec_init(&s, &t, &caller);
	int done = gate_spec_lines(&s, name, "file", text, len, err);

	if (done == 0) {
		gate_buf_puts(out, "");
		show(&t, out);
	}
	gate_task_done(&t);
	return done;
}

static void environment_files(void **state)
{
	static const struct {
		const char *text, *becomes, *says;
	} rows[] = {
		{ "", "", NULL },
		{ "A=1\nB=2", " env:A=1 env:B=2", NULL },
		{ "\xef\xbb\xbf" "A=1\r\n\r\n# no\n  # no\n \t B= 2 \n", " env:A=1 env:B= 2 ", NULL },
		{ "A=\"quoted\"\nB='x'\n", " env:A=\"quoted\" env:B='x'", NULL },
		{ "A=b=c # no comment", " env:A=b=c # no comment", NULL },
		{ "LANG\nMISSING\nLANG  \n", " env:LANG=C env:LANG=C", NULL },
		{ "A=1\n=x", NULL, "file:2: there is no name" },
		{ "A B=1", NULL, "file:1: the name 'A B' has a blank" },
		{ "A =1", NULL, "has a blank" },
		{ "A B", NULL, "has a blank" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
		struct gate_err err = GATE_ERR_INIT;
		int done = lines("env-file", rows[i].text, strlen(rows[i].text), &out, &err);

		if (rows[i].says != NULL ? done == 0 || strstr(err.text, rows[i].says) == NULL
		                         : done < 0 || strcmp(out.data, rows[i].becomes) != 0)
			fail_msg("row %zu: '%s' '%s'", i, out.data != NULL ? out.data : "", err.text);
	}
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;

	assert_int_equal(lines("env-file", "A=1\0B", 5, &out, &err), -1);
	assert_non_null(strstr(err.text, "NUL"));
	assert_int_equal(lines("label-file", "a=1\nb\n", 6, &out, NULL), 0);
	assert_string_equal(out.data, " label:a=1 label:b=");
	char *big = calloc(1, GATE_SPEC_LINES_MAX + 1);

	assert_non_null(big);
	assert_int_equal(lines("env-file", big, GATE_SPEC_LINES_MAX + 1, &out, NULL), -1);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(general),
		cmocka_unit_test(files),
		cmocka_unit_test(rights),
		cmocka_unit_test(amounts),
		cmocka_unit_test(spaces),
		cmocka_unit_test(combinations),
		cmocka_unit_test(what_is_off_is_the_host_s),
		cmocka_unit_test(later_values_win_and_lists_grow),
		cmocka_unit_test(a_command_is_needed),
		cmocka_unit_test(the_host_s_files_come_with_the_caller_s_environment),
		cmocka_unit_test(environment_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
