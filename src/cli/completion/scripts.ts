/**
 * What a shell needs to ask the program itself what may come next: so it never offers what another version would take.
 * The answer is `files`, `folders` or `words` in the first line, and behind that a word a line, with a tab and a remark.
 */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that answers. */
export const ASK = "__complete";

const BASH = `# Completion of devbackup for bash. To install it, for new shells:
#   mkdir -p ~/.local/share/bash-completion/completions
#   devbackup completion bash > ~/.local/share/bash-completion/completions/devbackup
# or, without the package bash-completion, in ~/.bashrc:  source <(devbackup completion bash)
_devbackup() {
  local cur=\${COMP_WORDS[COMP_CWORD]} answer line
  mapfile -t answer < <(command devbackup ${ASK} -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  case \${answer[0]-} in
  files | folders)
    compopt -o filenames 2>/dev/null
    [ "\${answer[0]}" = folders ] && line=-d || line=-f
    mapfile -t COMPREPLY < <(compgen "$line" -- "$cur")
    ;;
  words)
    for line in "\${answer[@]:1}"; do COMPREPLY+=("\${line%%$'\\t'*}"); done
    ;;
  esac
}
complete -F _devbackup devbackup
`;

const ZSH = `#compdef devbackup
# Completion of devbackup for zsh. To install it, for new shells:
#   mkdir -p ~/.zfunc; devbackup completion zsh > ~/.zfunc/_devbackup
# and in ~/.zshrc:  fpath=(~/.zfunc $fpath); autoload -U compinit; compinit
_devbackup() {
  local -a answer words_found
  local line word
  answer=("\${(@f)$(command devbackup ${ASK} -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  case $answer[1] in
  files) _files ;;
  folders) _files -/ ;;
  words)
    for line in "\${(@)answer[2,-1]}"; do
      word=\${line%%$'\\t'*}
      words_found+=("\${word//:/\\\\:}:\${line#*$'\\t'}")
    done
    _describe -t devbackup devbackup words_found
    ;;
  esac
}
if [[ $funcstack[1] == _devbackup ]]; then _devbackup "$@"; else compdef _devbackup devbackup; fi
`;

const FISH = `# Completion of devbackup for fish. To install it:
#   mkdir -p ~/.config/fish/completions
#   devbackup completion fish > ~/.config/fish/completions/devbackup.fish
function __devbackup_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (command devbackup ${ASK} -- $typed[2..] "$current" 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current" ''
        case words
            for line in $answer[2..]
                echo $line
            end
    end
end
complete -c devbackup -f -a '(__devbackup_complete)'
`;

/** By shell; its head says where it goes. */
export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
