# shellcheck shell=bash
cat >page.html <<'S'
<!DOCTYPE html><title>page</title><canvas id=c width=64 height=64></canvas><p id=p>before</p>
<script>
const draw = document.getElementById('c').getContext('2d');
draw.fillStyle = '#c00'; draw.fillRect(0, 0, 64, 64);
const work = new Worker(URL.createObjectURL(new Blob(['postMessage([...Array(1000).keys()].reduce((a, b) => a + b))'])));
work.onmessage = e => { document.getElementById('p').textContent = 'sum ' + e.data; };
</script>
S
options=(--headless=new --no-sandbox --user-data-dir="$CASE_DIR/data" --no-first-run --disable-component-update
	--disable-background-networking --hide-scrollbars "--window-size=400,300" --virtual-time-budget=5000)
gated chromium "${options[@]}" --dump-dom "file://$CASE_DIR/page.html" >dom || fail "no page: status $?"
grep -q 'sum 499500' dom || fail "the script did not run: $(head -c 300 dom)"
gated chromium "${options[@]}" --screenshot="$CASE_DIR/page.png" "file://$CASE_DIR/page.html" >/dev/null || fail "no picture: status $?"
[ "$(head -c 8 page.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fail "no PNG"
echo "$(chromium --version 2>/dev/null | cut -d' ' -f2): page with a worker, as DOM and as PNG of $(stat -c %s page.png) bytes"
