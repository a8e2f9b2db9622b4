# shellcheck shell=bash
gated python3 "$CASES/python3.py" >said || fail "python3: $(tail -n 1 said) $(tail -n 1 stderr)"
echo "$(python3 -V | cut -d' ' -f2): $(tail -n 1 said)"
