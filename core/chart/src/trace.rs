//! Helm's way of telling what went wrong in a template.

use backstay_gotemplate::{Compatibility, chart_message};

/// Go's text of a template error as Helm shows it (`reformatExecErrorMsg`).
pub(crate) fn reformat(text: &str, compatibility: Compatibility) -> String {
    let mut tokens = text.splitn(3, ": ");
    let (Some(_), Some(location), Some(rest)) = (tokens.next(), tokens.next(), tokens.next()) else {
        return text.to_owned();
    };
    // What `fail` and `required` say is for people: it comes without the way to it.
    if let Some(message) = chart_message(rest) {
        return format!("execution error at ({location}): {message}");
    }
    match compatibility {
        Compatibility::Helm3 => text.to_owned(),
        Compatibility::Helm4 => trace(text).unwrap_or_else(|| text.to_owned()),
    }
}

/// Go's text of a parse error as Helm shows it (`cleanupParseError`).
pub(crate) fn reformat_parse_error(file: &str, text: &str) -> String {
    let tokens: Vec<&str> = text.split(": ").collect();
    match tokens[..] {
        [_, location, .., message] => format!("parse error at ({location}): {message}"),
        [_, location] => format!("parse error at ({location}): {location}"),
        _ => format!("parse error in ({file}): {text}"),
    }
}

/// One block of lines for every template on the way; `None` where an error in between comes from elsewhere.
fn trace(text: &str) -> Option<String> {
    let mut blocks = String::new();
    let mut current = text;
    loop {
        let rest = current.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            blocks.push_str(&format!("{current}\n"));
            break;
        }
        let Some((location, function, message)) = executing(rest) else {
            let (location, message) = rest.rsplit_once(": ")?;
            blocks.push_str(&format!("{location}\n  {message}\n"));
            break;
        };
        let shown = message.split(" template:").next().unwrap_or(message);
        blocks.push_str(&format!("{location}\n  {function}\n    {shown}\n"));
        let Some(called) = message.strip_prefix("error calling ") else { break };
        let (_, inner) = called.split_once(": ")?;
        current = inner;
    }
    Some(blocks.trim().to_owned())
}

/// The parts of `NAME:LINE:COLUMN: executing "TEMPLATE" at <CODE>: MESSAGE`.
fn executing(rest: &str) -> Option<(&str, String, &str)> {
    let (location, after) = rest.split_once(": executing ")?;
    let (function, after) = after.strip_prefix('"')?.split_once('"')?;
    let (code, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
    Some((location, format!("executing \"{function}\" at <{code}>:"), message))
}
