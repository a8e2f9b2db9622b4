/* TCP: TLS 1.3 with a client certificate, or nothing. Certificates are made by openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/loop.h"
#include "server.h"

#define C    "Connection: close\r\n"
#define H    "Host: 127.0.0.1:5051\r\n" C
#define JSON "Content-Type: application/json\r\nContent-Length: 2\r\n"

static char dir[64];
static struct server server;

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	char command[1024], text[900];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "cd %s && { %s; } >log 2>&1", dir, text);
	return system(command);
}

static int make_authority(const char *name)
{
	return run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=%s -keyout %s.key "
	           "-out %s.pem",
	           name, name, name);
}

static int make_certificate(const char *name, const char *authority)
{
	return run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=%s -keyout %s.key -out %s.csr && "
	           "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -days 2 -out %s.pem",
	           name, name, name, name, authority, authority, name);
}

static int open_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct gate_http_tls tls;

	(void)state;
	snprintf(dir, sizeof(dir), "%.40s/http-tls-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(make_authority("ours"), 0);
	assert_int_equal(make_authority("theirs"), 0);
	assert_int_equal(make_certificate("agent", "ours"), 0);
	assert_int_equal(make_certificate("alice", "ours"), 0);
	assert_int_equal(make_certificate("stranger", "ours"), 0);
	assert_int_equal(make_certificate("mallory", "theirs"), 0);
	tls = (struct gate_http_tls){ open_file("agent.pem"), open_file("agent.key"), open_file("ours.pem") };
	server_start(&server, &tls);
	close(tls.certificate);
	close(tls.key);
	close(tls.clients);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	server_stop(&server);
	run("rm -f *.pem *.key *.csr *.srl log");
	return rmdir(dir);
}

static int tcp_connect(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(strchr(server.address, ':') + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* The answer, "" when there is none: as a client with this certificate (NULL: none) that speaks these versions. */
static char *ask_tls(const char *name, const char *versions, const char *request)
{
	struct gate_buf b = GATE_BUF_INIT;
	gnutls_certificate_credentials_t own;
	gnutls_session_t session;
	char certificate[128], key[128], part[4096], priority[128];
	int fd = tcp_connect(), n;

	assert_int_equal(gnutls_certificate_allocate_credentials(&own), 0);
	if (name) {
		snprintf(certificate, sizeof(certificate), "%s/%s.pem", dir, name);
		snprintf(key, sizeof(key), "%s/%s.key", dir, name);
		assert_int_equal(gnutls_certificate_set_x509_key_file(own, certificate, key, GNUTLS_X509_FMT_PEM), 0);
	}
	assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_NO_SIGNAL), 0);
	snprintf(priority, sizeof(priority), "NORMAL:-VERS-ALL:%s", versions);
	assert_int_equal(gnutls_priority_set_direct(session, priority, NULL), 0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, own), 0);
	gnutls_transport_set_int(session, fd);
	gnutls_handshake_set_timeout(session, 20000);
	gate_buf_puts(&b, "");
	do
		n = gnutls_handshake(session);
	while (n < 0 && !gnutls_error_is_fatal(n));
	/* In TLS 1.3 a refused certificate is told after the client's end of the handshake: with the first read. */
	if (n == 0 && gnutls_record_send(session, request, strlen(request)) > 0)
		while ((n = (int)gnutls_record_recv(session, part, sizeof(part))) > 0)
			gate_buf_add(&b, part, (size_t)n);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(own);
	close(fd);
	return gate_buf_take(&b);
}

static void expect(const char *name, const char *request, int status, const char *inside)
{
	GATE_AUTOFREE char *answer = ask_tls(name, "+VERS-TLS1.3", request);

	if (status_of(answer) != status || !strstr(answer, inside))
		fail_msg("%s\nby %s is answered with %s\nand not with %d and %s", request,
		         name ? name : "nobody", answer, status, inside);
}

static void knows_a_client_by_its_certificate(void **state)
{
	(void)state;
	expect("alice", "GET /who HTTP/1.1\r\n" H "\r\n", 200, "\"0 4294967295 0 alice\"");
	expect("alice", "GET /who HTTP/1.1\r\nHost: agent.example\r\n" C "\r\n", 200, "alice");
	expect("stranger", "GET /ping HTTP/1.1\r\n" H "\r\n", 403, "you may not ask this agent anything");
}

static void takes_nobody_without_one(void **state)
{
	(void)state;
	expect(NULL, "GET /ping HTTP/1.1\r\n" H "\r\n", 0, "");
	expect("mallory", "GET /ping HTTP/1.1\r\n" H "\r\n", 0, "");
}

static void speaks_only_tls_1_3(void **state)
{
	GATE_AUTOFREE char *answer = ask_tls("alice", "+VERS-TLS1.2:+VERS-TLS1.1", "GET /ping HTTP/1.1\r\n" H "\r\n");
	GATE_AUTOFREE char *plain = NULL;
	int fd = tcp_connect();

	(void)state;
	assert_string_equal(answer, "");
	say(fd, "GET /ping HTTP/1.1\r\n" H "\r\n");
	plain = hear(fd, NULL);
	assert_null(strstr(plain, "HTTP"));
	close(fd);
}

static void refuses_browsers_of_others(void **state)
{
	(void)state;
	expect("alice", "GET /ping HTTP/1.1\r\nHost: evil.example\r\n" C "\r\n", 403, "names somebody else");
	expect("alice", "GET /ping HTTP/1.1\r\n" H "Origin: https://127.0.0.1:5051\r\n\r\n", 200, "pong");
	expect("alice", "GET /ping HTTP/1.1\r\n" H "Origin: https://evil.example\r\n\r\n", 403, "another origin");
	expect("alice", "POST /echo HTTP/1.1\r\n" H JSON "\r\n{}", 403, "X-Callgate: 1");
	expect("alice", "POST /echo HTTP/1.1\r\n" H JSON "X-Callgate: 1\r\n\r\n{}", 201, "{}");
}

static void waits_and_streams_as_well(void **state)
{
	(void)state;
	expect("alice", "GET /later HTTP/1.1\r\n" H "\r\n", 202, "at last");
	expect("alice", "HEAD /stream HTTP/1.1\r\n" H "\r\n", 200, "text/event-stream");
}

static void needs_all_three_files(void **state)
{
	static const char *const hosts[] = { NULL };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_loop *loop;
	struct gate_http *http;
	int fd;

	(void)state;
	assert_int_equal(gate_loop_open(&loop, &err), 0);
	assert_int_equal(gate_http_listen_tcp("127.0.0.1:0", &fd, &err), 0);
	struct gate_http_config c = { .unix_socket = -1, .tcp_socket = fd, .hosts = hosts,
				      .tls = { open_file("agent.pem"), open_file("agent.key"), -1 } };
	assert_int_equal(gate_http_open(loop, &c, &http, &err), -1);
	assert_string_equal(err.text, "TCP needs a certificate, its key and the authority of clients");
	/* A key that is not the certificate's. */
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_http_listen_tcp("127.0.0.1:0", &c.tcp_socket, &err), 0);
	c.tls.clients = open_file("ours.pem");
	close(c.tls.key);
	c.tls.key = open_file("alice.key");
	assert_int_equal(gate_http_open(loop, &c, &http, &err), -1);
	assert_non_null(strstr(err.text, "certificate"));
	close(c.tls.certificate);
	close(c.tls.key);
	close(c.tls.clients);
	gate_loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_client_by_its_certificate), cmocka_unit_test(takes_nobody_without_one),
		cmocka_unit_test(speaks_only_tls_1_3),               cmocka_unit_test(refuses_browsers_of_others),
		cmocka_unit_test(waits_and_streams_as_well),         cmocka_unit_test(needs_all_three_files),
	};

	if (system("command -v openssl >/dev/null") != 0) {
		printf("1..0 # SKIP no openssl to make certificates with\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
