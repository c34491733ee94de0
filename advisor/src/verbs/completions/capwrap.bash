# bash completion for capwrap. Made by `capwrap completions bash`.
# shellcheck shell=bash

# Prints the options and words below a level of the command line: "" is capwrap itself, "caps show" is a verb's level.
_capwrap_level() {
    case $1 in
@LEVELS@
    *) return 1 ;;
    esac
}

# Prints the kind of the value of "LEVEL OPTION".
_capwrap_value() {
    case $1 in
@VALUES@
    *) kind= ;;
    esac
}

# Prints the kind of the operand "LEVEL:PLACE".
_capwrap_operand() {
    case $1 in
@OPERANDS@
    *) kind= ;;
    esac
}

_capwrap_names() {
    local directory file
    for directory; do
        for file in "$directory"/*.toml; do
            file=${file##*/}
            [[ $file == '*.toml' ]] || printf '%s\n' "${file%.toml}"
        done
    done
}

# Prints the tools that the caller may run, or the enabled policies if that is not known.
_capwrap_tools() {
    local names
    names=$(command capwrap list --names 2>/dev/null)
    if [[ $names ]]; then printf '%s\n' "$names"; else _capwrap_names @POLICIES@; fi
}

_capwrap_offer() { # KIND WORD
    local kind=$1 cur=$2 before=
    case $kind in
    tool) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$(_capwrap_tools)" -- "$cur") ;;
    command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
    policies) mapfile -t COMPREPLY < <(compgen -W "$(_capwrap_names @POLICIES@)" -- "$cur") ;;
    templates)
        mapfile -t COMPREPLY < <(compgen -W "$(_capwrap_names @POLICIES@ @TEMPLATES@ | sort -u)" -- "$cur") ;;
    policies-and-files)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$(_capwrap_names @POLICIES@)" -- "$cur"; compgen -f -- "$cur") ;;
    capabilities)
        [[ $cur != *,* ]] || before=${cur%,*},
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -P "$before" -W '@CAPABILITIES@' -- "${cur##*,}") ;;
    users) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
    groups) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
    processes) mapfile -t COMPREPLY < <(cd /proc && compgen -G "${cur//[!0-9]/}[0-9]*"; compgen -W "${cur//[!0-9]/}" -- "$cur") ;;
    files)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    directories)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    words\ *) mapfile -t COMPREPLY < <(compgen -W "${kind#words }" -- "$cur") ;;
    esac
}

# Completes the rest of the line as a command of its own, from the word at INDEX on.
_capwrap_hand_over() { # INDEX
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}

_capwrap() {
    local cur=${COMP_WORDS[COMP_CWORD]} level='' over='' wanted='' kind='' options='' below='' place=0 i word
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        # bash splits --color=always into three words.
        if [[ $word == = ]]; then continue; fi
        if [[ $wanted ]]; then wanted=; continue; fi
        if [[ $word == --learn && $i -eq 1 ]]; then level=learn; continue; fi
        if [[ ! $over && $word == -- ]]; then over=1; continue; fi
        if [[ ! $over && $word == -?* ]]; then
            _capwrap_value "$level $word"
            wanted=$kind
            continue
        fi
        if [[ ! $over && $place -eq 0 ]] && _capwrap_level "${level:+$level }$word"; then
            level=${level:+$level }$word
            continue
        fi
        _capwrap_operand "$level:$place"
        if [[ $kind == tool || $kind == command ]]; then _capwrap_hand_over "$i"; return; fi
        place=$((place + 1))
    done
    if [[ $cur == = ]]; then cur=; fi
    _capwrap_level "$level"
    if [[ $wanted ]]; then
        _capwrap_offer "$wanted" "$cur"
    elif [[ ! $over && $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    else
        if [[ ! $over && $place -eq 0 && $below ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$below" -- "$cur")
        fi
        _capwrap_operand "$level:$place"
        _capwrap_offer "$kind" "$cur"
    fi
}

complete -F _capwrap capwrap
