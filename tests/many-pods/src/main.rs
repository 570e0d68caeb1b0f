//! Serves pods until it is killed, for profiling by hand.
//! usage: many-pods COUNT KUBECONFIG      the file is written

use std::env;
use std::io;
use std::path::PathBuf;
use std::thread;

use many_pods::ManyPods;

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let count = arguments
        .next()
        .and_then(|text| text.to_str()?.parse().ok());
    let (Some(count), Some(file)) = (count, arguments.next()) else {
        return Err(io::Error::other("usage: many-pods COUNT KUBECONFIG"));
    };
    ManyPods::start(count)?.write_kubeconfig(&PathBuf::from(file))?;
    loop {
        thread::park();
    }
}
