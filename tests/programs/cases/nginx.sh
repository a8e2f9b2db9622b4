# shellcheck shell=bash
port=$(free_port)
mkdir -p logs tmp www
seq 200000 >www/big
echo '<h1>under callgate</h1>' >www/index.html
user=''
[ "$(id -u)" != 0 ] || user='user www-data;'
cat >nginx.conf <<S
$user
worker_processes 2;
pid $CASE_DIR/pid;
error_log $CASE_DIR/logs/error.log info;
daemon off;
thread_pool default threads=2;
events { worker_connections 128; }
http {
	access_log $CASE_DIR/logs/access.log;
	client_body_temp_path tmp; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/fcgi; uwsgi_temp_path tmp/uwsgi; scgi_temp_path tmp/scgi;
	sendfile on; tcp_nopush on; gzip on;
	proxy_cache_path $CASE_DIR/tmp/cache keys_zone=z:1m;
	server { listen 127.0.0.1:$port; root $CASE_DIR/www;
		location /aio/ { aio threads; directio 4k; sendfile off; alias $CASE_DIR/www/; }
		location /proxy/ { proxy_cache z; proxy_pass http://unix:$CASE_DIR/back:/; } }
	server { listen unix:$CASE_DIR/back; root $CASE_DIR/www; }
}
S
start nginx -p "$CASE_DIR" -c "$CASE_DIR/nginx.conf" -e "$CASE_DIR/logs/error.log"
until_true 10 listens "$port"
get "$port" / | grep -q 'under callgate' || fail "no page"
for path in /big /aio/big /proxy/big; do
	get "$port" "$path" | sed '1,/^\r$/d' | cmp - www/big || fail "$path is not the file"
done
kill -HUP "$(cat pid)"
until_true 10 grep -q 'gracefully shutting down' logs/error.log
until_true 10 get "$port" /proxy/
kill -QUIT "$(cat pid)"
ended || fail "nginx ended with $?"
[ "$(grep -c '" 200 ' logs/access.log)" -ge 5 ] || fail "not every page was served"
! grep -E '\[(alert|crit|emerg)\]' logs/error.log || fail "see the error log above"
echo "$(nginx -v 2>&1 | cut -d/ -f2): 2 workers, sendfile, thread pool, proxy over a Unix socket, reload"
