# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion for bash. `make install` puts it where bash-completion finds it; or source it.
#
# Commands and options come from `ferry ... --help`, and values from `ferry list --words`, so a new one
# needs no change here. If ferry fails, nothing is completed.

# _ferry_options FERRY COMMAND: prints lines "--host HOST" and "--all"
_ferry_options()
{
	"$1" "$2" --help 2>/dev/null |
		sed -n 's/^  \(-., \)\{0,1\}\(--[a-z-]*\)=\([^ ]*\).*/\2 \3/p; s/^  \(-., \)\{0,1\}\(--[a-z-]*\)\( .*\)\{0,1\}$/\2/p'
}

# _ferry_words FERRY OPTION: prints the values that the option may have
_ferry_words()
{
	"$1" list --words "$2" 2>/dev/null
}

# _ferry_values FERRY OPTION PLACEHOLDER WORD: prints the values that may replace WORD
_ferry_values()
{
	local before
	case $2 in
	plan)
		# A list, and options of a plan: none,precopy+multifd
		before=${4%"${4##*,}"}
		case ${4##*,} in
		*+*) _ferry_words "$1" plan-option | sed "s|^|${4%"${4##*+}"}|" ;;
		*) _ferry_words "$1" plan | sed "s|^|$before|" ;;
		esac
		;;
	boot-failure) printf '%s\n' skip bad ;;
	*) _ferry_words "$1" "$2" ;;
	esac
	case $3 in
	FILE | BINARY | IMAGE | CFG) compgen -f -- "$4" ;;
	DIR | LINUX | QEMU) compgen -d -- "$4" ;;
	esac
}

# _ferry_arguments FERRY COMMAND WORD: prints arguments that are not options
_ferry_arguments()
{
	case $2 in
	list | run | bisect)
		# Programs first: all cases are too many to read.
		case $3 in
		*/*) _ferry_words "$1" case ;;
		*) _ferry_words "$1" case | grep -v / ;;
		esac
		;;
	lab) "$1" lab --help 2>/dev/null | sed -n 's/^  ferry lab \([a-z]*\) .*/\1/p' ;;
	corpus)
		"$1" corpus --help 2>/dev/null |
			sed -n '/^COMMAND is one of/,/^[^ C]/s/^  \([a-z]*\) .*/\1/p'
		"$1" corpus list 2>/dev/null | grep '^[a-z]'
		;;
	*) compgen -f -- "$3" ;;
	esac
}

_ferry()
{
	# For bash "=" and "@" end a word, but our words contain them. So this splits the line itself.
	local ferry=$1 line=${COMP_LINE:0:COMP_POINT} current=$2
	local word=${line##*[[:space:]]} words candidates option command before='' index
	read -ra words <<<"$line"
	[[ $word ]] || words+=('')
	command=${words[1]-}
	option=${words[${#words[@]} - 2]}

	COMPREPLY=()
	if [[ ${#words[@]} -le 2 ]]; then
		candidates=$("$ferry" --help 2>/dev/null | sed -n 's/^  ferry \([a-z]*\) .*/\1/p'
			printf '%s\n' --help --version)
	elif [[ $word == --*=* ]]; then
		option=${word%%=*} before=${word%%=*}= word=${word#*=}
	elif [[ $word == -* ]]; then
		candidates=$(_ferry_options "$ferry" "$command" | sed 's/ .*/=/')
	fi
	if [[ -z ${candidates-} ]]; then
		local placeholder=''
		[[ $option != --* ]] || placeholder=$(_ferry_options "$ferry" "$command" |
			sed -n "s/^$option //p")
		case ${placeholder:-$command} in
		FILE | BINARY | IMAGE | CFG | DIR | LINUX | QEMU | results | compare | report | merge)
			compopt -o filenames 2>/dev/null
			;;
		esac
		if [[ $placeholder ]]; then
			candidates=$(_ferry_values "$ferry" "${option#--}" "$placeholder" "$word")
		elif [[ -z $before ]]; then
			candidates=$(_ferry_arguments "$ferry" "$command" "$word")
		fi
	fi
	word=$before$word
	# bash replaces only the text after the last end of a word, as it sees words.
	local kept=${word%"$current"} candidate
	[[ $current != = ]] || kept=$word
	while IFS= read -r candidate; do
		[[ -z $candidate || $before$candidate != "$word"* ]] ||
			COMPREPLY+=("${before}$candidate")
	done <<<"${candidates-}"
	for index in "${!COMPREPLY[@]}"; do
		COMPREPLY[index]=${COMPREPLY[index]#"$kept"}
	done
	# The user types the value next, without a space.
	[[ ${COMPREPLY[*]-} != --*= ]] || compopt -o nospace 2>/dev/null || true
}

complete -F _ferry ferry
