#!/bin/sh
# backup.sh FOLDER [COUNT]: make a backup of $SESSION_DATABASE, check it, keep the newest COUNT (14).
# What people had erased is in backups until these are gone: keep as few as you need.
set -eu
umask 077

folder=$1
count=${2:-14}
file=$folder/bot-$(date +%Y%m%d-%H%M%S).db

session-plugin backup "$file"
session-plugin -d "$file" status >/dev/null

ls -1 "$folder"/bot-*.db | sort -r | tail -n "+$((count + 1))" | while read -r old; do
  rm -- "$old"
done
