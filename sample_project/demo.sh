#!/bin/sh
# A day with vendorws, without any network. Run it by `make demo`, or with `vendorws` on the PATH:
#
#     sample_project/demo.sh [FOLDER]
#
# FOLDER (.demo by default) is made anew each time: `shop` in it is a throw-away copy of this project, `remotes` plays
# github.com. git is told so by environment variables that end with this script; no configuration file is touched.
# Its last words are the lines that set them in another shell.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=${1:-.demo}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi

chapter() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }

# show COMMAND...: print the command as one would type it, then run it
show() {
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
    echo
}

# quoted TEXT: one word for a POSIX shell
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

command -v vendorws >/dev/null || {
    echo "demo: vendorws is not on the PATH. Type: make demo" >&2
    exit 4
}
bin=$(CDPATH='' cd -- "$(dirname -- "$(command -v vendorws)")" && pwd)

# --- behind the scenes: a copy of the project, and a github.com on this disk ---------------------------------------
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
rm -rf "$folder"
mkdir -p "$folder/shop"
folder=$(CDPATH='' cd -- "$folder" && pwd)
"$here/remotes/publish.sh" "$folder/remotes"
for file in "$here"/* "$here"/.dockerignore "$here"/.gitignore; do
    case $file in */remotes | */demo.sh | */vendor | */docker-compose.override.yml) ;; *) cp -R "$file" "$folder/shop/" ;; esac
done

count=${GIT_CONFIG_COUNT:-0}
export GIT_CONFIG_COUNT=$((count + 1))
export "GIT_CONFIG_KEY_$count=url.file://$folder/remotes/acme/.insteadOf"
export "GIT_CONFIG_VALUE_$count=ssh://git@github.com/acme/"
export GIT_AUTHOR_NAME='A colleague' GIT_AUTHOR_EMAIL=colleague@acme.example
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
export GIT_PAGER=cat # nobody wants to leave a pager five times

cd "$folder/shop"
git init --quiet .
git add .
git commit --quiet -m 'Start the shop'
if [ -z "$(git ls-remote ssh://git@github.com/acme/billing.git 2>/dev/null)" ]; then
    echo "demo: this git ($(git --version)) does not read GIT_CONFIG_COUNT. It takes git 2.31 or newer." >&2
    exit 4
fi

# --- the demo ------------------------------------------------------------------------------------------------------
chapter '1. A project names two private packages in its requirements.txt'
show cat requirements.txt

chapter '2. You join the project'
show vendorws sync
show vendorws status
show cat docker-compose.override.yml

chapter '3. The next morning: a colleague has pushed to acme/billing'
(
    git clone --quiet ssh://git@github.com/acme/billing.git "$folder/colleague"
    cd "$folder/colleague"
    sed 's/EUR/USD/' acme_billing/__init__.py >edited
    mv edited acme_billing/__init__.py
    git commit --quiet --all -m 'Sell in dollars'
    git push --quiet origin main
)
show vendorws sync
show git -C vendor/acme-billing log --oneline -n 2

chapter '4. You edit a package in place; vendorws leaves your work alone'
echo 'MOTTO = "Quality, at last"' >>vendor/acme-theme/acme_theme/__init__.py
show vendorws sync
show vendorws status
show git status --short
echo '(nothing: to your own repository, vendor/ and the override do not exist)'

chapter 'The end. Have a look around, it is all still there:'
printf '  %s\n' "$folder/shop"

chapter 'To go on there (sync, status --fetch, undo), paste this into a shell:'
cat <<END
  export PATH=$(quoted "$bin"):"\$PATH"
  export GIT_CONFIG_COUNT=$GIT_CONFIG_COUNT
  export GIT_CONFIG_KEY_$count=$(quoted "url.file://$folder/remotes/acme/.insteadOf")
  export GIT_CONFIG_VALUE_$count='ssh://git@github.com/acme/'
  cd $(quoted "$folder/shop")
END
