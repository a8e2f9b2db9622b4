#include <sys/utsname.h>

#include <callgate/abi.h>

#include "cli/cli.h"
#include "doc/doc.h"

static void print_json(void)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_kver newest = gate_abi_newest();
	struct utsname host = { 0 };
	struct gate_json j;
	char tables[32];

	(void)uname(&host);
	(void)snprintf(tables, sizeof(tables), "%u.%u", newest.major, newest.minor);
	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "schemaVersion");
	gate_json_u64(&j, 1);
	gate_json_key(&j, "version");
	gate_json_text(&j, GATE_VERSION);
	gate_json_key(&j, "tables");
	gate_json_text(&j, tables);
	gate_json_key(&j, "kernel");
	gate_json_text(&j, host.release);
	gate_json_key(&j, "machine");
	gate_json_text(&j, host.machine);
	gate_json_end(&j, '}');
	(void)puts(out.data != NULL ? out.data : "");
}

static int run(struct gate_cli *cli)
{
	if (gate_cli_json(cli))
		print_json();
	else
		(void)puts("callgate " GATE_VERSION);
	return 0;
}

const struct gate_verb gate_verb_version = {
	.name = "version",
	.operands = "",
	.summary = "the version of callgate, of its tables, and of the kernel",
	.about =
	    "Prints one line. With --format=json also the newest kernel release that the system call tables cover, and the "
	    "running kernel.",
	.class = GATE_CLASS_ANALYSIS,
	.groups = { gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate --version", "one line" },
		{ "callgate version --format=json", "for programs" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "2", "bad usage" }, { 0 } },
	.run = run,
};
