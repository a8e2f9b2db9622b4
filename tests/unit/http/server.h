/* A real server in a child process, for tests with raw sockets: its routes are in server.c. */
#ifndef HTTP_TEST_SERVER_H
#define HTTP_TEST_SERVER_H

#include <sys/types.h>

#include "http/http.h"

struct server {
	char dir[64], path[128]; /* a temporary directory, the UNIX socket in it */
	char address[64];        /* of TCP, "" without */
	pid_t pid;
	int control; /* closing it stops the server */
};
/* `tls`: also listens on a free port of 127.0.0.1 with these files. */
void server_start(struct server *s, const struct gate_http_tls *tls);
/* Ends it; fails the test when it did not end well (a sanitizer's report is not well). */
void server_stop(struct server *s);

int server_connect(const struct server *s); /* the UNIX socket */
void say(int fd, const char *text);
/* Everything until the end of the connection, or until `until` has come; NUL-terminated, to be freed. Fails after 20 s. */
char *hear(int fd, const char *until);
/* One request on a connection of its own. */
char *ask(const struct server *s, const char *request);
int status_of(const char *answer);

#endif
