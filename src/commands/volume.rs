//! Whether a folder outlives the pod or the machine it is in.

use std::fs;
use std::path::Path;

/// Whether the folder goes with the pod, the container or the next boot; told in the log.
pub fn is_fleeting(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_fleeting = is_on_fleeting(&mounts, folder);
    if is_fleeting {
        log::warn!(
            "the state folder {} goes with the pod or the machine, and what was recorded of \
             commands with it",
            folder.display()
        );
    }
    is_fleeting
}

/// What the text of that file says (proc_pid_mountinfo(5)).
fn is_on_fleeting(mountinfo: &str, folder: &Path) -> bool {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        let inside = folder.starts_with(place);
        inside.then(|| {
            (
                place.len(),
                root,
                kind.split(' ').next().unwrap_or_default(),
            )
        })
    });
    // Of mounts at one place the last hides the others.
    let Some((_, root, kind)) = mounts.max_by_key(|(length, ..)| *length) else {
        return false;
    };
    matches!(kind, "tmpfs" | "ramfs" | "overlay") || root.contains("/kubernetes.io~empty-dir/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        22 1 0:30 / / rw,relatime - overlay overlay rw,lowerdir=/a\n\
        23 22 0:5 / /tmp rw - tmpfs tmpfs rw\n\
        24 22 8:1 /var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/state /empty rw - ext4 /dev/sda1 rw\n\
        25 22 8:1 /var/lib/pipeops-agent /var/lib/pipeops-agent rw shared:1 - ext4 /dev/sda1 rw\n";

    #[test]
    fn a_folder_is_as_lasting_as_its_mount() {
        for (folder, is_gone) in [
            ("/var/lib/pipeops-agent", false),
            ("/var/lib/pipeops-agent/deep", false),
            ("/var/lib/pipeops-agent-2", true),
            ("/empty/x", true),
            ("/tmp/x", true),
            ("/home", true),
        ] {
            assert_eq!(
                is_on_fleeting(MOUNTS, Path::new(folder)),
                is_gone,
                "{folder}"
            );
        }
        assert!(!is_on_fleeting("", Path::new("/x")));
    }
}
