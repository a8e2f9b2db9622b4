#include <sys/utsname.h>

#include "image/manifest.h"

struct gate_platform gate_platform_host(void)
{
	/* uname(2)'s words and Go's */
	static const struct {
		const char *machine, *arch, *also;
	} rows[] = {
		{ "x86_64", "amd64", "386" }, { "i686", "386", NULL },        { "aarch64", "arm64", "arm" },
		{ "armv7l", "arm", NULL },    { "riscv64", "riscv64", NULL }, { "ppc64le", "ppc64le", NULL },
		{ "s390x", "s390x", NULL },   { "mips64", "mips64", NULL },   { "loongarch64", "loong64", NULL },
	};
	struct utsname host;

	for (size_t i = 0; uname(&host) == 0 && i < GATE_ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].machine, host.machine) == 0)
			return (struct gate_platform){ rows[i].arch, rows[i].also };
	return (struct gate_platform){ "unknown", NULL };
}
