# shellcheck shell=bash
cat >script <<'S'
set -euo pipefail
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
git init -q -b main one && cd one
for i in 1 2 3 4 5; do seq $((i * 100)) >file$i; git add .; git commit -qm "number $i"; done
git switch -qc side HEAD~2; echo side >side; git add side; git commit -qm side
git switch -q main; git merge -q --no-edit side; git rebase -q HEAD~1; git stash list; git tag -m one v1
git repack -qad --threads=2; git gc -q; git fsck --strict; git --no-pager log --oneline --graph --stat
git grep -n 99 | wc -l; git blame file3 | tail -n 1
cd ..; git clone -q file://"$PWD"/one two; git clone -q --bare --no-local one three.git
cd two; echo two >>file1; git commit -qam two; git push -q ../three.git HEAD:refs/heads/two
git worktree add -q ../four v1
git archive HEAD | tar -t | wc -l; git bundle create -q ../five main; git fetch -q ../five main
git status --short
git rev-parse --verify HEAD
S
out=$(gated bash script) || fail "git failed"
[[ ${out##*$'\n'} =~ ^[0-9a-f]{40}$ ]] || fail "no commit: $out"
echo "$(git --version | cut -d' ' -f3): init, commit, merge, repack, clone, push, worktree"
