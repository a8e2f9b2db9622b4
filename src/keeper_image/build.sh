#!/bin/sh
# build.sh OUTPUT MUSL-GCC TREE GENERATED SOURCE...: callgate-keeper (OUTPUT.d for ninja, OUTPUT.h for image.S), static and position-independent, out of musl.
# musl-gcc's specs know no -static-pie: its start files are named here. The kernel's headers come last, so that no
# header of another libc can be meant (glibc's lie in the same place).
set -eu
output=$1 cc=$2 tree=$3 generated=$4
shift 4
musl=$("$cc" '-###' -x c /dev/null -o /dev/null 2>&1 | tr ' ' '\n' | grep '/Scrt1\.o$')
musl=${musl%/Scrt1.o}
parts=$(mktemp -d "$output.XXXXXX")
trap 'rm -rf "$parts"' EXIT
multiarch=$("$cc" -print-multiarch 2> /dev/null || true)
n=0
for source in "$@"; do
	n=$((n + 1))
	"$cc" -std=gnu17 -D_GNU_SOURCE -Os -fPIE -Wall -Wextra -Wno-missing-field-initializers -Werror \
		-ffunction-sections -fdata-sections -fvisibility=hidden -fno-asynchronous-unwind-tables \
		-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr \
		-I"$tree/src" -I"$tree/include" -I"$generated" \
		-idirafter "/usr/include/$multiarch" -idirafter /usr/include -ffile-prefix-map="$tree/=" \
		-MMD -MF "$parts/$n.d" -MT "$output" -c "$source" -o "$parts/$n.o"
done
cat "$parts"/*.d > "$output.d"
"$cc" -nostartfiles -static -o "$output" "$musl/rcrt1.o" "$musl/crti.o" "$parts"/*.o "$musl/crtn.o" \
	-Wl,-pie,--no-dynamic-linker,-z,text,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--gc-sections,-s,--build-id=none
printf '#define KEEPER "%s"\n' "$(readlink -f "$output")" > "$output.h"
