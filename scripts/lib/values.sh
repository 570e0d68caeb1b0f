# Copied into each script that takes settings by build/embed.sh: every value, before the first write.
name() { # WHAT VALUE
	case $2 in
	[!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die 1 "not a $1: $2" "letters, digits, '-', '_' and '.', at most 63, first a letter or digit" ;;
	esac
	[ ${#2} -le 63 ] || die 1 "the $1 is longer than 63" "choose a shorter one"
}

# What goes into YAML between quotes.
plain() { # WHAT VALUE
	[ "$(printf '%s!' "$2" | LC_ALL=C tr -d 'A-Za-z0-9._:/@%?=&~+,*[]-')" = "!" ] ||
		die 1 "the $1 has characters that it cannot have" "check the value: $2"
}

number() { # WHAT VALUE MOST
	case $2 in
	*[!0-9]* | '' | 0* | ??????*) die 1 "not a $1: $2" "a number from 1 to $3" ;;
	esac
	[ "$2" -le "$3" ] || die 1 "not a $1: $2" "a number from 1 to $3"
}

# grep would be content with one line of many.
whole() { # VALUE PATTERN
	printf '%s' "$1" | tr '\n' ' ' | grep -Eq "$2"
}

# As the agent takes it. It may hold a password, so it is not shown.
control_plane_url() { # URL
	[ -n "$1" ] || return 0
	whole "$1" '^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?$' ||
		die 1 "not the URL of a control plane" "give --api-url as https://host[:port][/path], without user and query"
	case $1 in
	https://* | http://localhost | http://localhost[:/]* | http://127.* | 'http://[::1]'*) ;;
	*) die 1 "over plain http the token could be read on the way" "give --api-url as https://host[:port]" ;;
	esac
}

# As the agent takes them.
host_names() { # NAMES
	[ -z "$1" ] || whole "$1," '^(([*]\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*,)+$' ||
		die 1 "not names of hosts: $1" "give --hosts as agent.example.com,*.example.com, without scheme and port"
}

log_level() { # LEVEL
	case $1 in
	'' | error | warn | info | debug | trace) ;;
	*) die 1 "not a log level: $1" "error, warn, info, debug or trace" ;;
	esac
}

# Which line is wrong, and nothing of what is in it.
api_tokens() { # FILE
	[ -z "$1" ] || [ -r "$1" ] || die 1 "cannot read $1" "check that the file exists and is yours"
	[ -z "$1" ] || wrong=$(grep -vnE '^[[:blank:]]*(#.*|(read|operate|admin)[[:blank:]]+[^[:blank:]]+[[:blank:]]+[^[:blank:]]{16,}[[:blank:]]*)?$' "$1" | cut -d: -f1 | head -n 1)
	[ -z "${wrong:-}" ] || die 1 "line $wrong of $1 is no API token" "write lines of SCOPE NAME TOKEN: read, operate or admin, and a token of 16 characters or more"
}

key_pair() { # CERTIFICATE KEY
	[ -n "$1$2" ] || return 0
	[ -n "$1" ] && [ -n "$2" ] || die 1 "a certificate and its key belong together" "give both, --tls-cert-file and --tls-key-file"
	for file in "$1" "$2"; do
		[ -r "$file" ] || die 1 "cannot read $file" "check that the file exists and is yours"
	done
}
