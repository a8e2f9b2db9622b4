# shellcheck shell=bash
gated node "$CASES/node.js" >said || fail "node: $(tail -n 1 said) $(tail -n 1 stderr)"
echo "$(node -p process.versions.node): $(tail -n 1 said)"
