# shellcheck shell=bash
# The other half: what the profile is to refuse is refused in the kernel, with the errno that it says.
[ "$CALLGATE_PROFILE" = default ] || cannot "these answers are those of the default profile"
gated python3 "$CASES/refused.py" >said || fail "$(tail -n 3 said) $(tail -n 1 stderr)"
tail -n 1 said
