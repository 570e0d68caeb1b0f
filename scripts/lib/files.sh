# Copied into each script that takes files from elsewhere by build/embed.sh.
fetch() { # URL FILE
	if command -v curl >/dev/null; then
		curl --proto '=https' --tlsv1.2 -fsSL --retry 3 --connect-timeout 10 --max-time 300 -o "$2" "$1"
	elif command -v wget >/dev/null; then
		wget -q -T 60 -O "$2" "$1"
	else
		die 1 "neither curl nor wget is here" "install curl and run the same line again"
	fi
}

checksum() { # FILE
	if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# Fails closed: a file that SHA256SUMS does not name is not taken.
summed() { # FILE NAME SUMS
	sum=$(awk -v name="$2" '{ file = $2; sub(/^[*]/, "", file); sub(/^[.]\//, "", file); if (file == name) print $1 }' "$3")
	[ -n "$sum" ] && [ "$(checksum "$1")" = "$sum" ]
}

# A file, held against the SHA256SUMS that lies beside it.
download() { # FOLDER-URL NAME TARGET
	case $1 in
	https://?*) ;;
	*) die 1 "not a safe address: $1" "use https or a file" ;;
	esac
	for part in SHA256SUMS "$2"; do
		fetch "$1/$part" "$work/$part" ||
			die 4 "cannot download $1/$part" "check the address and the network and run the same line again; or carry the file"
	done
	summed "$work/$2" "$2" "$work/SHA256SUMS" ||
		die 4 "$1/$2 is not what SHA256SUMS says" "run the same line again; if it stays so, do not trust that address"
	mv "$work/$2" "$3"
}

# Every file that is in a folder.
check_folder() { # FOLDER
	[ -f "$1/SHA256SUMS" ] || die 1 "$1 has no SHA256SUMS" "carry the folder again"
	(cd "$1" && find . -type f ! -path ./SHA256SUMS) >"$work/files"
	while IFS= read -r file; do
		file=${file#./}
		summed "$1/$file" "$file" "$1/SHA256SUMS" && continue
		[ -n "$sum" ] || die 1 "SHA256SUMS does not name $file" "remove that file, or make the folder again"
		die 1 "$file of $1 differs from SHA256SUMS" "carry the folder again"
	done <"$work/files"
}

# Every file that should be in a folder too.
check_whole_folder() { # FOLDER
	check_folder "$1"
	sed 's/^[^ ]* [ *]//' "$1/SHA256SUMS" >"$work/files"
	while IFS= read -r file; do
		[ -f "$1/$file" ] || die 1 "$1 has no $file" "carry the folder again"
	done <"$work/files"
}
