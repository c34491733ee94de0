#compdef capwrap
# zsh completion for capwrap. Made by `capwrap completions zsh`.

_capwrap_names() { # DESCRIPTION DIRECTORY...
  local what=$1 expl
  local -a names
  shift
  names=(${^@}/*.toml(N:t:r))
  _wanted policies expl $what compadd -a names
}

# Prints the tools that the caller may run, or the enabled policies if that is not known.
_capwrap_tools() {
  local expl
  local -a names
  names=(${(f)"$(command capwrap list --names 2>/dev/null)"})
  if (( $#names )); then
    _wanted policies expl tool compadd -a names
  else
    _capwrap_names tool @POLICIES@
  fi
}

_capwrap_policies() { _capwrap_names policy @POLICIES@ }
_capwrap_templates() { _capwrap_names policy @POLICIES@ @TEMPLATES@ }
_capwrap_policies_and_files() { _alternative 'policies:policy:_capwrap_policies' 'files:file:_files' }

_capwrap_capabilities() {
  local expl
  local -a capabilities
  capabilities=(@CAPABILITIES@)
  compset -P '*,'
  compset -S ',*'
  _wanted capabilities expl capability compadd -a capabilities
}

_capwrap_level() { # LEVEL
  local level=$1 curcontext=$curcontext state line other ret=1
  local -a words_below
  typeset -A opt_args
  case $level in
@LEVELS@
  esac
  case $state in
    first)
      _describe -t commands verb words_below && ret=0
      if [[ $other != : ]]; then ${=other} && ret=0; fi
      ;;
    rest)
      if (( ${words_below[(I)$words[1]:*]} )); then
        _capwrap_level "${level:+$level }$words[1]" && ret=0
      elif [[ $other == _capwrap_tools ]]; then
        _normal && ret=0
      elif [[ $other != : ]]; then
        ${=other} && ret=0
      fi
      ;;
  esac
  return ret
}

_capwrap() {
  if [[ $words[2] == --learn ]] && (( CURRENT > 2 )); then
    shift words
    (( CURRENT-- ))
    _capwrap_level learn
  else
    _capwrap_level ''
  fi
}

if [[ $funcstack[1] == _capwrap ]]; then
  _capwrap "$@"
else
  compdef _capwrap capwrap
fi
