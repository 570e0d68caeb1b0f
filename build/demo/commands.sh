# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by demo.sh, whose variables these are: has the control plane give commands, and tells what they print
# while they print it.

tell_commands() {
	[ -n "$agent_id" ] && [ -n "$pod" ] || return 0
	if [ -z "$commands" ]; then
		give kubectl '{"args": ["get", "pods", "-A"]}'
		give kubectl '{"args": ["get", "pods", "-A", "--watch", "--output-watch-events"]}'
		follower=$given
	fi
	# Pods of others are left alone.
	if [ -z "$mine" ] && [ -z "$read_log" ] && [ -n "$pod_reported" ]; then
		read_log=yes
		give kubectl "{\"args\": [\"logs\", \"-n\", \"${pod%%/*}\", \"${pod#*/}\"]}"
	fi
	control_plane "/agents/$agent_id/commands" >"$work/commands.json" || return 0
	for id in $commands; do
		tell_command "$id"
	done
	if [ -n "$streamed" ] && [ -n "$follower" ] && [ "$beats" -ge 2 ]; then
		give cancel "{\"command\": \"$follower\"}"
		follower=''
	fi
}

# Queues a command; its id is in $given.
give() { # TYPE PAYLOAD
	given=$(control_plane "/agents/$agent_id/commands" --data "{\"type\": \"$1\", \"payload\": $2}" | jq --raw-output .id)
	commands="$commands $given"
	tell "the control plane gives $given: $1 $2"
}

# Tells the chunks that are new, and the end once.
tell_command() { # ID
	seen="$work/$1"
	[ -f "$seen" ] || echo 0 >"$seen"
	told=$(cat "$seen")
	[ "$told" != ended ] || return 0
	of_command "$1" "command_output($told)" >"$work/output"
	while read -r line; do tell "$1 | $line"; done <"$work/output"
	of_command "$1" '.chunks | length' >"$seen"
	end=$(of_command "$1" command_end)
	if [ -z "$end" ]; then
		[ ! -s "$work/output" ] || streamed=yes
		return 0
	fi
	tell "$1 ended: $end"
	[ ! -s "$work/output" ] || [ "$(of_command "$1" has_answer)" != true ] || answered=yes
	echo ended >"$seen"
}

of_command() { # ID FILTER
	words ".[] | select(.command.id == \"$1\") | $2" "$work/commands.json"
}
