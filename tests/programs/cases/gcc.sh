# shellcheck shell=bash
cat >sum.c <<'S'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total;
static void *count(void *arg)
{
	for (long i = 0; i < 10000; i++) {
		pthread_mutex_lock(&lock);
		total += i % (long)arg;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}
int main(void)
{
	pthread_t t[8];
	for (long i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, count, (void *)(i + 1)) != 0)
			abort();
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	printf("%ld\n", total);
	return 0;
}
S
echo 'int main(int argc, char **argv) { char *p = __builtin_malloc(10); p[0] = 1; p = 0; return argc > 1 ? argv[1][0] + (p != 0) : 0; }' >leak.c
gated gcc -O2 -g -pipe -flto=2 -pthread -o sum sum.c || fail "no compile"
[ "$(gated ./sum)" = "$(./sum)" ] || fail "the threads did not add up"
gated gcc -static -pthread -o static sum.c || fail "no static compile"
[ "$(gated ./static)" = "$(./sum)" ] || fail "the static program did not add up"
# The leak checker stops its own threads with ptrace.
found='no leak checker'
if gcc -fsanitize=address -o leak leak.c 2>/dev/null; then
	status=0
	LSAN_OPTIONS=exitcode=23 gated ./leak || status=$?
	[ "$status" = 23 ] || fail "the leak was not found: status $status"
	found='leak found'
fi
echo "$(gcc -dumpfullversion): compiled and ran 8 threads, dynamic and static; $found"
