//! The post-renderer: a program that has the last word on the manifest (Helm 3 `pkg/postrender/exec.go`).

use std::io::Write as _;
use std::process::{Command, Stdio};

use backstay_core::chart::Rendered;
use backstay_core::object::set_at;
use backstay_core::yaml::{from_yaml, to_yaml};

use crate::args::RenderArgs;
use crate::exit::Stop;
use crate::flux::CommonMetadata;

/// Lets the post-renderer, where there is one, put its text in place of the manifest.
///
/// Errors end with exit code 4: nothing has been changed.
pub(crate) fn post_render(arguments: &RenderArgs, rendered: &mut Rendered) -> anyhow::Result<()> {
    if let Some(program) = &arguments.post_renderer {
        let text = run(program, &arguments.post_renderer_args, &rendered.manifest())
            .map_err(|error| Stop::refused(format!("error while running post render on files: {error:#}")))?;
        rendered.replace_manifest(text);
    } else if !arguments.post_renderer_args.is_empty() {
        return Err(Stop::refused("--post-renderer-args needs --post-renderer"));
    }
    if arguments.common != CommonMetadata::default() {
        let text = marked(&arguments.common, &rendered.manifest())
            .map_err(|error| Stop::refused(format!("commonMetadata: {error}")))?;
        rendered.replace_manifest(text);
    }
    Ok(())
}

/// Labels and annotations on every object; the comments that name templates are kept.
fn marked(common: &CommonMetadata, manifest: &str) -> Result<String, String> {
    let mut documents = vec![String::new()];
    for line in manifest.lines() {
        match documents.last_mut() {
            Some(document) if line != "---" => {
                document.push_str(line);
                document.push('\n');
            }
            _ => documents.push(String::new()),
        }
    }
    let mut text = String::new();
    for document in documents {
        let mut object = from_yaml(&document).map_err(|error| error.to_string())?;
        if !object.is_object() {
            continue;
        }
        for (field, more) in [("labels", &common.labels), ("annotations", &common.annotations)] {
            for (name, value) in more {
                set_at(&mut object, &["metadata", field, name], value.as_str().into());
            }
        }
        text.push_str("---\n");
        for line in document.lines().take_while(|line| line.starts_with('#')) {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(&to_yaml(&object).map_err(|error| error.to_string())?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

fn run(program: &str, arguments: &[String], manifest: &str) -> anyhow::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| anyhow::anyhow!("cannot start the post-renderer {program}: {error}"))?;
    let Some(mut input) = child.stdin.take() else { anyhow::bail!("the post-renderer has no input") };
    // The program may print before it has read everything: both ways have to flow at once.
    let output = std::thread::scope(|scope| {
        let writer = scope.spawn(move || input.write_all(manifest.as_bytes()));
        let output = child.wait_with_output();
        // One that does not read its input is none the worse for it.
        let _written = writer.join();
        output
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!(
            "error while running command {program}. error output:\n{}: {}",
            said.trim_end(),
            output.status
        );
    }
    if output.stdout.iter().all(u8::is_ascii_whitespace) {
        anyhow::bail!("post-renderer {program:?} produced empty output");
    }
    String::from_utf8(output.stdout).map_err(|_| anyhow::anyhow!("post-renderer {program:?} printed no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_marked() {
        let common = CommonMetadata {
            labels: [("team".to_owned(), "shop".to_owned())].into(),
            annotations: [("by".to_owned(), "me".to_owned())].into(),
        };
        let manifest = "---\n# Source: web/a.yaml\nkind: A\nmetadata:\n  labels: {x: z}\n---\n# nothing\n---\nkind: B\ndata:\n  text: |\n    one\n    ---\n    two\n";
        let text = marked(&common, manifest).unwrap();
        assert!(text.starts_with("---\n# Source: web/a.yaml\nkind: A\n"), "{text}");
        assert_eq!(text.matches("team: shop").count(), 2, "{text}");
        assert!(text.contains("    ---\n    two") && text.contains("x: z"), "{text}");
    }

    #[test]
    fn programs_have_the_last_word() {
        for (program, arguments, expected) in [
            ("sed", &["s/one/two/"][..], Ok("a: two\n")),
            ("cat", &[], Ok("a: one\n")),
            ("true", &[], Err("produced empty output")),
            ("sh", &["-c", "echo no >&2; exit 3"], Err("error output:\nno")),
            ("no-such-program-here", &[], Err("cannot start")),
        ] {
            let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
            match (run(program, &arguments, "a: one\n"), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{program}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{program}: {error}");
                }
                (found, _) => panic!("{program}: {found:?}, not {expected:?}"),
            }
        }
    }
}
