# fish completion for capwrap. Made by `capwrap completions fish`.

# Prints where the command line is: its level and the number of its operands, or `run` and where a command begins.
function __capwrap_where
    set -l levels @LEVELS@
    set -l valued @VALUED@
    set -l commands @COMMANDS@
    set -l level ''
    set -l place 0
    set -l over no
    set -l wanted no
    set -l words (commandline -opc)
    for i in (seq 2 (count $words))
        set -l word $words[$i]
        set -l below (string trim -- "$level $word")
        if test $wanted = yes
            set wanted no
        else if test $i = 2 -a "$word" = --learn
            set level learn
        else if test $over = no -a "$word" = --
            set over yes
        else if test $over = no; and string match -q -- '-?*' $word
            contains -- "$level $word" $valued; and set wanted yes
        else if test $over = no -a $place = 0; and contains -- $below $levels
            set level $below
        else if contains -- "$level" $commands
            printf '%s\n' run $i
            return
        else
            set place (math $place + 1)
        end
    end
    printf '%s\n' "$level" $place
end

function __capwrap_at # LEVEL [PLACE, with + for this or a later one]
    set -l here (__capwrap_where)
    test "$here[1]" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    if string match -q '*+' -- $argv[2]
        test $here[2] -ge (string trim -c + -- $argv[2])
    else
        test $here[2] -eq $argv[2]
    end
end

function __capwrap_runs
    set -l here (__capwrap_where)
    test "$here[1]" = run
end

# Completes as the command completes its own arguments.
function __capwrap_hand_over
    set -l here (__capwrap_where)
    set -l words (commandline -opc)
    complete -C (string join ' ' -- (string escape -- $words[$here[2]..]) (commandline -ct))
end

function __capwrap_names
    for directory in $argv
        for file in $directory/*.toml
            string replace -r '.*/(.*)\.toml$' '$1' -- $file
        end
    end
end

# Prints the tools that the caller may run, or the enabled policies if that is not known.
function __capwrap_tools
    set -l names (command capwrap list --names 2>/dev/null)
    if test -n "$names"
        printf '%s\n' $names
    else
        __capwrap_names @POLICIES@
    end
end

function __capwrap_policies
    __capwrap_names @POLICIES@
end

function __capwrap_templates
    __capwrap_names @POLICIES@ @TEMPLATES@ | sort -u
end

function __capwrap_capabilities
    set -l before (string match -r '^(?:-[^=]*=)?(.*,)' -- (commandline -ct))[2]
    printf '%s\n' "$before"(string split ' ' '@CAPABILITIES@')
end

complete -c capwrap -e
complete -c capwrap -f
complete -c capwrap -n __capwrap_runs -F -a '(__capwrap_hand_over)'
