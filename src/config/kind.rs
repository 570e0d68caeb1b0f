//! What a setting can be: where it stands in the help, what its value is, what holds without one.

/// The headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    ControlPlane,
    Kubernetes,
    Local,
    Process,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Secret,
    File,
    /// Files with ':' between them.
    Files,
    Folder,
    Url,
    Duration,
    Size,
    Count,
    Port,
    /// Addresses with ',' between them.
    Addresses,
    /// Host names with ',' between them.
    Names,
    Level,
    Format,
    Switch,
}

/// What holds where nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    Nothing,
    Value(&'static str),
    /// Found out when the agent starts, as these words say.
    Words(&'static str),
}

impl Group {
    pub const ALL: [Group; 4] = [
        Group::ControlPlane,
        Group::Kubernetes,
        Group::Local,
        Group::Process,
    ];

    pub fn heading(self) -> &'static str {
        match self {
            Group::ControlPlane => "Control plane; without a token the agent is standalone",
            Group::Kubernetes => "Kubernetes; inside a cluster nothing is needed",
            Group::Local => "Local HTTP",
            Group::Process => "Process",
        }
    }
}

impl Kind {
    /// What stands for a value in the help; empty for a switch.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Text => "NAME",
            Kind::Secret => "SECRET",
            Kind::File => "FILE",
            Kind::Files => "FILE[:FILE]",
            Kind::Folder => "FOLDER",
            Kind::Url => "URL",
            Kind::Duration => "TIME",
            Kind::Size => "SIZE",
            Kind::Count => "NUMBER",
            Kind::Port => "PORT",
            Kind::Addresses => "ADDRESS[,..]",
            Kind::Names => "NAME[,..]",
            Kind::Level => "LEVEL",
            Kind::Format => "FORMAT",
            Kind::Switch => "",
        }
    }
}
