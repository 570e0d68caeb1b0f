# Copied into each script that takes settings by build/embed.sh: every value, before the first write.
name() { # WHAT VALUE
	case $2 in
	[!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die 1 "not a $1: $2" "letters, digits, '-', '_' and '.', at most 63, first a letter or digit" ;;
	esac
	[ ${#2} -le 63 ] || die 1 "the $1 is longer than 63" "choose a shorter one"
}

# What goes into YAML between quotes.
plain() { # WHAT VALUE
	[ "$(printf '%s!' "$2" | LC_ALL=C tr -d 'A-Za-z0-9._:/@%?=&~+,[]-')" = "!" ] ||
		die 1 "the $1 has characters that it cannot have" "check the value: $2"
}

number() { # WHAT VALUE MOST
	case $2 in
	*[!0-9]* | '' | 0* | ??????*) die 1 "not a $1: $2" "a number from 1 to $3" ;;
	esac
	[ "$2" -le "$3" ] || die 1 "not a $1: $2" "a number from 1 to $3"
}

# As the agent takes it. It may hold a password, so it is not shown.
control_plane_url() { # URL
	[ -n "$1" ] || return 0
	printf '%s\n' "$1" | grep -Eq '^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?$' ||
		die 1 "not the URL of a control plane" "give --api-url as https://host[:port][/path], without user and query"
	case $1 in
	https://* | http://localhost | http://localhost[:/]* | http://127.* | 'http://[::1]'*) ;;
	*) die 1 "over plain http the token could be read on the way" "give --api-url as https://host[:port]" ;;
	esac
}

log_level() { # LEVEL
	case $1 in
	'' | error | warn | info | debug | trace) ;;
	*) die 1 "not a log level: $1" "error, warn, info, debug or trace" ;;
	esac
}
