#!/bin/sh
# Make bare git repositories of the folders beside this script, as a git host would keep them:
#
#     publish.sh FOLDER       writes FOLDER/acme/billing.git and FOLDER/acme/theme.git, with the same commits every time
#
# Repositories that are there already are replaced.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=$1

# Nobody's own git configuration has a say in what these histories look like.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME='A colleague' GIT_AUTHOR_EMAIL=colleague@acme.example
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
export GIT_AUTHOR_DATE='2024-05-01T09:00:00Z' GIT_COMMITTER_DATE='2024-05-01T09:00:00Z'

# publish NAME VERSION: main with a release and what came after it, and a tag on the release
publish() {
    bare=$target/acme/$1.git
    rm -rf "$bare"
    mkdir -p "$bare"
    git -C "$bare" init --quiet --bare .
    git -C "$bare" symbolic-ref HEAD refs/heads/main
    # As the large hosts have it: partial clones are granted, which is what pip asks for.
    git -C "$bare" config uploadpack.allowFilter true
    git --git-dir="$bare" --work-tree="$here/acme/$1" add -- . ':(exclude,glob)**/__pycache__/**'
    git --git-dir="$bare" --work-tree="$here/acme/$1" commit --quiet -m "Release $1 $2"
    git -C "$bare" tag "v$2"
    git --git-dir="$bare" --work-tree="$here/acme/$1" commit --quiet --allow-empty -m "Start on the next $1"
    rm "$bare/index"
}

publish billing 3.0
publish theme 1.2
