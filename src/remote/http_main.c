/* callgate-http - one request to an agent, over a UNIX socket or TLS. See remote.h for what comes in and goes out. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define REQUEST_MAX ((size_t)8 << 20)

struct request {
	char *all, *method, *host, *path, *headers, *body;
	size_t body_len;
};

static struct {
	CURL *curl;
	bool begun; /* the head is out */
} answer;

static void complain(int number, const char *text)
{
	(void)printf("ERROR %d %s\n", number, text);
	(void)fflush(stdout);
}

/* Cuts a line off; NULL when there is none. */
static char *line(char **rest)
{
	char *s = *rest, *end = strchr(s, '\n');

	if (!end)
		return NULL;
	*end = 0;
	*rest = end + 1;
	return s;
}

static bool read_request(struct request *q)
{
	size_t len = 0, n;
	char *end, *rest;

	q->all = calloc(1, REQUEST_MAX + 1);
	if (!q->all)
		return false;
	while (len < REQUEST_MAX && (n = fread(q->all + len, 1, REQUEST_MAX - len, stdin)) > 0)
		len += n;
	end = strstr(q->all, "\n\n");
	if (!end)
		return false;
	q->body = end + 2;
	q->body_len = len - (size_t)(q->body - q->all);
	end[1] = 0;
	rest = q->all;
	q->method = line(&rest);
	q->host = line(&rest);
	q->path = line(&rest);
	q->headers = rest;
	return q->path && q->path[0] == '/';
}

static struct curl_slist *headers_of(char *rest)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (char *s = line(&rest); s; s = line(&rest))
		list = curl_slist_append(list, s);
	return list;
}

static void begin(void)
{
	long status = 0;
	struct curl_header *h = NULL;

	if (answer.begun)
		return;
	answer.begun = true;
	curl_easy_getinfo(answer.curl, CURLINFO_RESPONSE_CODE, &status);
	(void)printf("HTTP %ld\n", status);
	while ((h = curl_easy_nextheader(answer.curl, CURLH_HEADER, -1, h)))
		(void)printf("%s: %s\n", h->name, h->value);
	(void)puts("");
}

static size_t take(char *bytes, size_t size, size_t n, void *ctx)
{
	(void)ctx;
	begin();
	n = fwrite(bytes, size, n, stdout);
	/* A stream is read as it comes. */
	return fflush(stdout) == 0 ? n * size : 0;
}

/* An empty body never comes: the head goes out when it is complete. */
static size_t take_header(char *bytes, size_t size, size_t n, void *ctx)
{
	long status = 0;

	(void)ctx;
	curl_easy_getinfo(answer.curl, CURLINFO_RESPONSE_CODE, &status);
	if (n * size == 2 && memcmp(bytes, "\r\n", 2) == 0 && status >= 200) {
		begin();
		(void)fflush(stdout);
	}
	return n * size;
}

static bool set_target(CURL *c, const struct request *q, char **url)
{
	static const struct {
		CURLoption option;
		const char *variable;
	} files[] = { { CURLOPT_SSLCERT, "CALLGATE_TLS_CERT" },
		      { CURLOPT_SSLKEY, "CALLGATE_TLS_KEY" },
		      { CURLOPT_CAINFO, "CALLGATE_TLS_CA" } };
	size_t size = strlen(q->host) + strlen(q->path) + 32;

	*url = malloc(size);
	if (!*url)
		return false;
	if (strncmp(q->host, "unix://", 7) == 0) {
		(void)snprintf(*url, size, "http://agent%s", q->path);
		return curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, q->host + 7) == CURLE_OK;
	}
	if (strncmp(q->host, "https://", 8) != 0)
		return false;
	(void)snprintf(*url, size, "%s%s", q->host, q->path);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (getenv(files[i].variable))
			curl_easy_setopt(c, files[i].option, getenv(files[i].variable));
	return true;
}

static int perform(CURL *c, const struct request *q, struct curl_slist *headers)
{
	char detail[CURL_ERROR_SIZE] = "", *url = NULL;
	CURLcode code;
	long number = 0;

	answer.curl = c;
	if (!c || !set_target(c, q, &url)) {
		complain(0, "the host is neither unix:///PATH nor https://ADDRESS");
		free(url);
		return 1;
	}
	curl_easy_setopt(c, CURLOPT_URL, url); /* copied */
	free(url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	if (q->body_len > 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	code = curl_easy_perform(c);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, NULL);
	if (code == CURLE_OK || answer.begun)
		return code != CURLE_OK;
	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &number);
	if (code == CURLE_COULDNT_CONNECT && number > 0)
		complain((int)number, strerror((int)number));
	else
		complain(0, *detail ? detail : curl_easy_strerror(code));
	return 1;
}

int main(void)
{
	struct request q = { 0 };
	struct curl_slist *headers;
	int status = 2;
	CURL *c;

	/* Whoever asked has gone: so does the question. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	if (read_request(&q)) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		c = curl_easy_init();
		headers = headers_of(q.headers);
		status = perform(c, &q, headers);
		curl_slist_free_all(headers);
		curl_easy_cleanup(c);
		curl_global_cleanup();
	} else {
		complain(0, "the request is not what callgate-http takes");
	}
	free(q.all);
	return status;
}
