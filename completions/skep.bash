# SPDX-License-Identifier: Apache-2.0
#
# Completion of skep(1) in bash. Commands and options come from the command's own help, so this file
# names none of them.

_skep()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} skep=${COMP_WORDS[0]} i

	COMPREPLY=()
	# After `--` stands somebody else's command.
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			if ((i == COMP_CWORD - 1)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			return
		fi
	done
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$("$skep" --help 2>/dev/null |
			sed -nE 's/^  ([a-z][a-z-]*)  .*/\1/p') --help --version" -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$skep" "${COMP_WORDS[1]}" --help 2>/dev/null |
			grep -oE -- '--[a-z][a-z-]*' | sort -u) --" -- "$cur")
	elif [[ $prev == --iface ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$cur")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -F _skep skep
