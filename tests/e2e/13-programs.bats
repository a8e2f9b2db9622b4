# Goal: a program for the kernel, proven, listed, run and compared.
load helper

@test "compile writes a program that verify proves and disasm lists" {
	cp "$root/examples/web.json" .
	separately "$callgate" compile web.json --arch=x86_64 -o web.bpf
	exits 0
	complains "proven"
	[ $(($(stat -c %s web.bpf) % 8)) = 0 ]
	separately "$callgate" verify web.json web.bpf --arch=x86_64
	exits 0
	says "proven: "
	separately "$callgate" disasm web.bpf
	exits 0
	says "ld   [arch]"
	[ "$(($(wc -l <<<"$stdout") - 1))" = "$(($(stat -c %s web.bpf) / 8))" ]
}

@test "a changed program is found, with the call that shows it" {
	cp "$root/examples/web.json" .
	"$callgate" compile web.json --arch=x86_64 -o web.bpf 2>/dev/null
	python3 - <<-'EOF'
		import struct
		data = bytearray(open("web.bpf", "rb").read())
		for i in range(0, len(data), 8):
		    code, jt, jf, k = struct.unpack_from("=HBBI", data, i)
		    if code == 6 and k >> 16 == 5:  # ret errno becomes ret allow
		        struct.pack_into("=HBBI", data, i, code, jt, jf, 0x7FFF0000)
		        break
		open("web.bpf", "wb").write(data)
	EOF
	separately "$callgate" verify web.json web.bpf --arch=x86_64
	exits 1
	says "not the same: "
	separately "$callgate" verify web.json web.bpf --arch=x86_64 --format=json
	exits 1
	says '"proven": false'
	says '"witness": {"call": '
}

@test "the cache gives the same program, and a damaged entry is not used" {
	cp "$root/examples/web.json" .
	"$callgate" compile web.json -o first.bpf 2>/dev/null
	"$callgate" compile web.json -o second.bpf 2>/dev/null
	cmp first.bpf second.bpf
	[ -n "$(find "$XDG_CACHE_HOME" -type f)" ]
	find "$XDG_CACHE_HOME" -type f -exec sh -c 'head -c 100 /dev/urandom >"$1"' sh {} \;
	"$callgate" compile web.json -o third.bpf 2>/dev/null
	cmp first.bpf third.bpf
	"$callgate" compile --no-cache web.json -o fourth.bpf 2>/dev/null
	cmp first.bpf fourth.bpf
}

@test "the listing and the C array say what the raw program says" {
	cp "$root/examples/web.json" .
	separately "$callgate" compile web.json --arch=x86_64 --format=c
	exits 0
	says "static const struct sock_filter filter["
	"$callgate" compile web.json --arch=x86_64 --format=asm -o web.asm 2>/dev/null
	"$callgate" compile web.json --arch=x86_64 2>/dev/null | "$callgate" disasm - >listed.asm
	cmp web.asm listed.asm
}

@test "the C array is C" {
	command -v cc >/dev/null || skip "no C compiler here"
	cp "$root/examples/web.json" .
	"$callgate" compile web.json --format=c -o filter.h 2>/dev/null
	printf '#include "filter.h"\nint main(void) { return filter[0].code == 0; }\n' >main.c
	cc -Wall -Werror -o main main.c
	./main
}

@test "emulate says what is returned and by which path" {
	separately "$callgate" emulate default --arch=x86_64 read 'socket(40)' --trace
	exits 0
	says "read(0x0, 0x0, 0x0): allow ("
	says "socket(0x28, 0x0, 0x0): errno "
	says "ld   [args[0].lo]"
	separately "$callgate" emulate default --arch=x86_64 read --format=json
	says '"verdict": "allow"'
}

@test "a program from a file is a source like any other" {
	cp "$root/examples/web.json" .
	"$callgate" compile web.json --arch=x86_64 -o web.bpf 2>/dev/null
	separately "$callgate" diff bpf:web.bpf web.json --arch=x86_64
	exits 0
	separately "$callgate" emulate bpf:web.bpf mount --arch=x86_64
	says "errno EPERM"
}

@test "what is no program is refused in words" {
	printf 'abc' >odd.bpf
	separately "$callgate" disasm odd.bpf
	exits 2
	printf '\6\0\0\0\0\0\377\177\25\0\0\0\0\0\0\0' >noret.bpf
	separately "$callgate" disasm noret.bpf
	exits 2
	complains "is not a program that the kernel would take"
	separately "$callgate" verify default noret.bpf
	exits 2
	separately "$callgate" compile unconfined -o none.bpf
	exits 2
	[ ! -e none.bpf ]
}

@test "a result that cannot be written leaves nothing behind" {
	separately "$callgate" compile default -o nowhere/web.bpf
	exits 2
	complains "'nowhere/web.bpf'"
	[ -z "$(ls)" ]
}
