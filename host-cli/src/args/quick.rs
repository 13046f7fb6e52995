//! Reading a command line without building all commands first: that alone takes longer than rendering a small chart.

use std::ffi::OsString;

use clap::{Args, Command, FromArgMatches as _};

use super::{Arguments, CommandLine, GlobalArgs};

impl Arguments {
    /// Reads a line whose first word is one of the commands that are called most. None means that it is for the whole
    /// parser to read or to refuse: messages and help come from there alone.
    pub(crate) fn quick(line: &[OsString]) -> Option<Self> {
        let (command, global) = match line.get(1)?.to_str()? {
            "template" => one("template", line).map(|(own, all)| (CommandLine::Template(Box::new(own)), all)),
            "lint" => one("lint", line).map(|(own, all)| (CommandLine::Lint(Box::new(own)), all)),
            "deploy" => one("deploy", line).map(|(own, all)| (CommandLine::Deploy(Box::new(own)), all)),
            "install" => one("install", line).map(|(own, all)| (CommandLine::Install(Box::new(own)), all)),
            "upgrade" => one("upgrade", line).map(|(own, all)| (CommandLine::Upgrade(Box::new(own)), all)),
            "plan" => one("plan", line).map(|(own, all)| (CommandLine::Plan(Box::new(own)), all)),
            "version" => one("version", line).map(|(own, all)| (CommandLine::Version(own), all)),
            _ => None,
        }?;
        Some(Self { command, global })
    }
}

/// The flags of a command and those of every command.
fn one<A: Args>(name: &'static str, line: &[OsString]) -> Option<(A, GlobalArgs)> {
    let own = A::augment_args(Command::new(name));
    let whole = GlobalArgs::augment_args(Command::new("backstay").subcommand(own));
    let matches = whole.try_get_matches_from(line).ok()?;
    let (_, matches_of_own) = matches.subcommand()?;
    Some((A::from_arg_matches(matches_of_own).ok()?, GlobalArgs::from_arg_matches(&matches).ok()?))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// What is read quickly is what the whole parser reads.
    #[test]
    fn a_quick_line_reads_as_the_whole_parser_reads_it() {
        let check = |line: &str, expected: bool| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let quick = Arguments::quick(&words);
            assert_eq!(quick.is_some(), expected, "{line}");
            if let Some(quick) = quick {
                let whole = Arguments::try_parse_from(&words).unwrap();
                assert_eq!(format!("{quick:?}"), format!("{whole:?}"), "{line}");
            }
        };
        for (line, expected) in [
            ("backstay template shop ./chart", true),
            ("backstay template ./chart -n prod --set a=1 --set b=2 -f v.yaml --include-crds", true),
            (
                "backstay template shop ./chart --debug --kube-version 1.31 --api-versions a/v1 -s x.yaml",
                true,
            ),
            ("backstay lint ./chart --strict -n other", true),
            ("backstay deploy shop ./chart --sandbox --timeout 5m", true),
            ("backstay install shop ./chart --wait", true),
            ("backstay upgrade shop ./chart -i --set-string a=b", true),
            ("backstay plan shop ./chart --color never", true),
            ("backstay version", true),
            ("backstay -n prod template shop ./chart", false),
            ("backstay template", false),
            ("backstay template --help", false),
            ("backstay template shop ./chart --no-such-flag", false),
            ("backstay list", false),
            ("backstay", false),
        ] {
            check(line, expected);
        }
    }
}
